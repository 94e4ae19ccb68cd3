// Secrets of the embedded mode: drawn at random on first start, kept in the data folder (mode 0600), never anywhere else.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import type { SandboxSecrets } from '@meridian/sandbox/config.ts';
import { completeSandboxSecrets, createSandboxSecrets } from '@meridian/sandbox/secrets.ts';

const random = () => randomBytes(32).toString('base64url');
const key32 = () => randomBytes(32).toString('base64');

const drawServiceKey = () =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

/** A fresh set of everything that one region keeps to itself. */
export const drawRegion = () => ({
  serviceKeys: Object.fromEntries(serviceNames.map((name) => [name, drawServiceKey()])) as Record<
    ServiceName,
    { publicKey: string; privateKey: string }
  >,
  databasePasswords: Object.fromEntries(serviceNames.map((name) => [name, random()])) as Record<ServiceName, string>,
  busPassword: random(),
  identity: {
    identifierPepper: random(),
    codePepper: random(),
    contactKey: key32(),
    refreshSecret: random(),
    signingKeySecret: key32(),
  },
  verification: { identityDataKey: key32(), blindIndexKey: random() },
  billing: { payloadKey: key32() },
  keyIssuance: { pepper: random() },
  moderation: { fingerprintKey: random(), caseKey: key32() },
});
export type RegionSecrets = ReturnType<typeof drawRegion> & {
  /** Of the roles that own the tables; the all-in-one start has one role per service. */
  readonly ownerPasswords?: Readonly<Partial<Record<ServiceName, string>>>;
};
export type EmbeddedSecrets = {
  readonly regions: Readonly<Record<string, RegionSecrets>>;
  readonly sandbox: SandboxSecrets;
};

/** Reads the secrets of a data folder, drawing what is missing. A region added later gets its own; nothing is ever drawn twice. */
export const embeddedSecrets = async (dataDir: string, regions: readonly string[]): Promise<EmbeddedSecrets> => {
  const file = join(dataDir, 'secrets.json');
  const kept: EmbeddedSecrets | undefined = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as EmbeddedSecrets)
    : undefined;
  const missing = regions.filter((id) => !kept?.regions[id]);
  // Also when no region is missing: the sandbox may have gained a party since the folder was made.
  const sandbox = kept
    ? await completeSandboxSecrets(kept.sandbox, [...regions])
    : await createSandboxSecrets([...regions]);
  if (kept && missing.length === 0 && isDeepStrictEqual(sandbox, kept.sandbox)) return kept;
  const secrets: EmbeddedSecrets = {
    regions: { ...kept?.regions, ...Object.fromEntries(missing.map((id) => [id, drawRegion()])) },
    sandbox,
  };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(secrets), { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return secrets;
};
