// Secrets of the embedded mode: drawn at random on first start, kept in the data folder (mode 0600), never anywhere else.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import type { SandboxSecrets } from '@meridian/sandbox/config.ts';
import { completeSandboxSecrets, createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { StartError } from './start-error.ts';

const random = () => randomBytes(32).toString('base64url');
const key32 = () => randomBytes(32).toString('base64');

const drawServiceKey = () =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

/** A pair for every service: with it the service signs the tokens by which others know it. */
export const drawServiceKeys = () =>
  Object.fromEntries(serviceNames.map((name) => [name, drawServiceKey()])) as Record<
    ServiceName,
    { publicKey: string; privateKey: string }
  >;

/** A fresh set of everything that one region keeps to itself. */
export const drawRegion = () => ({
  serviceKeys: drawServiceKeys(),
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

type Tree = { readonly [name: string]: unknown };
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null;

/** Whether `kept` has every text that `wanted` has, under the same names. */
const covers = (kept: unknown, wanted: unknown): boolean => {
  if (!isTree(wanted)) return typeof kept === 'string' && kept !== '';
  const tree = isTree(kept) ? kept : {};
  return Object.entries(wanted).every(([name, value]) => covers(tree[name], value));
};

const broken = (dataDir: string, what: string, cause?: unknown) =>
  new StartError(
    'data_folder_broken',
    `The data folder ${dataDir} is broken (${what}): restore that file, or delete all data with npm start -- --reset.`,
    { cause },
  );

const parse = (dataDir: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw broken(dataDir, 'its secrets.json is damaged', error);
  }
};

/** What the file holds; undefined when there is none. Throws StartError when it is not a whole set of secrets. */
const readKept = (dataDir: string, file: string): EmbeddedSecrets | undefined => {
  if (!existsSync(file)) return undefined;
  const kept = parse(dataDir, readFileSync(file, 'utf8'));
  const wanted = drawRegion();
  const whole = isTree(kept) && isTree(kept.regions) && isTree(kept.sandbox);
  if (!whole || !Object.values(kept.regions as Tree).every((region) => covers(region, wanted)))
    throw broken(dataDir, 'its secrets.json is damaged: something is missing from it');
  return kept as unknown as EmbeddedSecrets;
};

/**
 * Reads the secrets of a data folder, drawing what is missing. A region added later gets its own; nothing is ever drawn twice.
 * `inUse`: databases were made with secrets before, so that a folder without its file is broken, not new.
 */
export const embeddedSecrets = async (
  dataDir: string,
  { regions, inUse }: { readonly regions: readonly string[]; readonly inUse: boolean },
): Promise<EmbeddedSecrets> => {
  const file = join(dataDir, 'secrets.json');
  const kept = readKept(dataDir, file);
  if (!kept && inUse) throw broken(dataDir, 'its secrets.json is gone, and its databases were made with it');
  const missing = regions.filter((id) => !kept?.regions[id]);
  // Also when no region is missing: the sandbox may have gained a party since the folder was made.
  const sandbox = kept
    ? await completeSandboxSecrets(kept.sandbox, [...regions]).catch((error: unknown) => {
        throw broken(dataDir, "the sandbox's part of its secrets.json is damaged", error);
      })
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
