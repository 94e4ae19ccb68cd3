// Schemas for values that come as environment variables. Messages never quote the value: it may be a secret.
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';

const refuse = (context: z.RefinementCtx, message: string) => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

/** A shared secret: at least 16 characters, no surrounding blanks (a sign of a badly written file), nothing that looks like a placeholder. */
export const secret = z
  .string()
  .min(16)
  .max(4096)
  .refine((value) => value === value.trim(), { message: 'must not begin or end with blanks' })
  .refine((value) => !/^(change-?me|replace-?me|your-|<)/i.test(value), { message: 'is still a placeholder' });

/** A whole number written in decimal, within the bounds. */
export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?[0-9]{1,15}$/)
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));

/** 'true' or 'false', nothing else. */
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** "127.0.0.1:4001" or "[::1]:4001" -> { host, port }; port 0 asks the system for a free one. */
export const listener = z.string().transform((value, context) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):([0-9]{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) return refuse(context, 'must be host:port, for example 127.0.0.1:4001');
  return { host, port };
});

/** An absolute address of one of the schemes, without user name and password. */
export const url = (...schemes: readonly string[]) =>
  z.string().transform((value, context) => {
    const allowed = schemes.length > 0 ? schemes : ['http', 'https'];
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    if (parsed === undefined || !allowed.includes(parsed.protocol.slice(0, -1))) {
      return refuse(context, `must be an absolute address (${allowed.join(' or ')})`);
    }
    if (/^https?:$/.test(parsed.protocol) && (parsed.username !== '' || parsed.password !== ''))
      return refuse(context, 'must not carry credentials');
    return value;
  });

/** A JSON document that fits `schema`; mistakes inside are named by their path. */
export const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((value, context): unknown => {
      try {
        return JSON.parse(value);
      } catch {
        // The parser's message quotes the text, which may hold a secret.
        return refuse(context, 'is not valid JSON');
      }
    })
    .pipe(schema);

/** A comma-separated list without empty members. */
export const list = <T extends z.ZodType<unknown, string>>(member: T) =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(member));

/** An address or a CIDR block, for trusted proxies. */
export const network = z.string().refine(
  (value) => {
    const [address = '', bits, ...rest] = value.split('/');
    const family = isIP(address);
    return (
      family !== 0 &&
      rest.length === 0 &&
      (bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)))
    );
  },
  { message: 'must be an IP address or a CIDR block' },
);

const keyOf = (make: (pem: string) => KeyObject, what: string) =>
  z.string().transform((value, context): KeyObject => {
    try {
      // Environment files cannot hold line breaks: "\n" written out is accepted.
      const key = make(value.replaceAll('\\n', '\n'));
      if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
        return refuse(context, `must be ${what} on the curve P-256`);
      return key;
    } catch {
      // OpenSSL's message adds nothing an operator can use, and must not quote key material.
      return refuse(context, `must be ${what} in PEM`);
    }
  });

/** An ES256 private key in PEM (PKCS#8 or SEC1), "\n" written out accepted. */
export const privateKeyPem = keyOf((pem) => createPrivateKey(pem), 'a private key');

/** An ES256 public key in PEM (SPKI). A private key is refused: a verifier has no business holding one. */
export const publicKeyPem = keyOf((pem) => {
  if (pem.includes('PRIVATE')) throw new Error('private key given');
  return createPublicKey(pem);
}, 'a public key');

/** A certificate in PEM, or several. */
export const certificatePem = z.string().transform((value, context): string => {
  const pem = value.replaceAll('\\n', '\n');
  try {
    return new X509Certificate(pem) && pem;
  } catch {
    return refuse(context, 'must be a certificate in PEM');
  }
});

/** A private key of any kind in PEM, for TLS. */
export const tlsKeyPem = z.string().transform((value, context): string => {
  const pem = value.replaceAll('\\n', '\n');
  try {
    return createPrivateKey(pem) && pem;
  } catch {
    // OpenSSL's message must not quote key material.
    return refuse(context, 'must be a private key in PEM');
  }
});

/** An ES256 public key as JWK; a private member `d` is refused. */
export const publicJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  y: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  kid: z.string().min(1).max(100).optional(),
  alg: z.literal('ES256').optional(),
  use: z.literal('sig').optional(),
});

/** An ES256 private key as JWK. */
export const privateJwk = publicJwk.extend({ d: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });
