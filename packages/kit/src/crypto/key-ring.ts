// Versioned 32-byte keys from configuration: "1:<base64>", or "2:<base64>,1:<base64>" while a rotation runs.
// A key without a version is version 1.
import { z } from 'zod';

export type KeyRing = {
  /** The highest version; new data is sealed under it. */
  readonly current: { readonly version: number; readonly key: Buffer };
  readonly keys: ReadonlyMap<number, Buffer>;
};

const entry = /^(?:([1-9][0-9]{0,3}):)?([A-Za-z0-9+/]{43}=)$/;

/** Zod schema of a variable that holds a key ring. Messages never quote the value: it is a secret. */
export const keyRing = z.string().transform((text, context): KeyRing => {
  const keys = new Map<number, Buffer>();
  for (const part of text.split(',')) {
    const [, version = '1', base64] = entry.exec(part.trim()) ?? [];
    if (base64 === undefined || keys.has(Number(version))) {
      context.addIssue({
        code: 'custom',
        message: 'must be version:key pairs such as 1:<32 bytes in base64>, separated by commas, each version once',
      });
      return z.NEVER;
    }
    keys.set(Number(version), Buffer.from(base64, 'base64'));
  }
  const version = Math.max(...keys.keys());
  return { current: { version, key: keys.get(version) as Buffer }, keys };
});
