// Passwords: argon2id with a pepper (OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane).
import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';

// The library's default algorithm is argon2id; a test holds it to that.
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Hashing at once: each takes 19 MiB and a core for some 50 ms. */
const maxAtOnce = 4;

export type Passwords = {
  readonly hash: (password: string) => Promise<string>;
  /** Does the same work when there is no hash, so that the time does not tell. */
  readonly verify: (stored: string | undefined, password: string) => Promise<boolean>;
};

export const createPasswords = (pepper: Buffer): Passwords => {
  const options = { ...parameters, secret: pepper };
  let running = 0;
  const waiting: (() => void)[] = [];
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= maxAtOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
  // NFKC: the same password typed on another keyboard must be the same bytes (NIST SP 800-63B 3.1.1.2).
  const bytes = (password: string) => password.normalize('NFKC');
  const nobody = hash(randomBytes(16), options);
  return {
    hash: (password) => inTurn(() => hash(bytes(password), options)),
    verify: (stored, password) =>
      inTurn(async () => {
        const right = await verify(stored ?? (await nobody), bytes(password), options);
        return stored !== undefined && right;
      }),
  };
};
