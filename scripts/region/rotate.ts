// Replacing what a running region's machines know of each other. Nothing here touches secrets that seal data (docs/operations.md says how those change).
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RegionSecrets } from '@meridian/testkit/embedded/secrets.ts';
import { forgetRetired, openAuthority, retireAuthority } from './certificates.ts';
import { renewGatewayCertificates } from './gateway-certificate.ts';
import { regionSecrets, writeDatabaseAccess } from './init-region.ts';
import { authorityFolder, issueCertificates } from './issue-certificates.ts';
import { databaseNames, type RegionPlaces, storedServices } from './layout.ts';
import { writeSecret } from './store.ts';

export const rotations = {
  certificates: { text: 'every certificate and its key, by the same CA' },
  ca: { text: 'the private CA: a new one issues, the old one stays trusted until ca-finish' },
  'ca-finish': { text: 'the end of trust in the old CA' },
  databases: { text: 'passwords of the roles in PostgreSQL' },
} as const satisfies Record<string, { text: string }>;
export type Rotation = keyof typeof rotations;

const publicHosts = (places: RegionPlaces): string[] => {
  const settings = readFileSync(places.envFile, 'utf8');
  return ['API_HOST', 'MODEL_HOST'].map((name) => {
    const host = new RegExp(`^${name}=(.+)$`, 'm').exec(settings)?.[1];
    if (!host) throw new Error(`${name} is missing in ${places.envFile}`);
    return host;
  });
};

const stack = (id: string) =>
  `docker compose -p meridian-${id} --env-file infra/regions/${id}.env -f infra/compose/region.yml`;
const recreate = (id: string) => `${stack(id)} up --detach --force-recreate --wait`;

/** Returns what is to be done for gateways of the operator's own: their machines are not part of the stack. */
const newCertificates = async (places: RegionPlaces, id: string): Promise<string[]> => {
  const authority = await openAuthority(authorityFolder(places), id);
  await issueCertificates(places, authority, publicHosts(places));
  const folders = await renewGatewayCertificates(places, authority);
  return folders.map((folder) => `# bring ${folder} to the machine of that gateway, and let it read its files again`);
};

/** Does one rotation and returns the commands that bring it into effect, in order. */
export const rotate = async (places: RegionPlaces, id: string, what: Rotation): Promise<string[]> => {
  const ca = authorityFolder(places);
  if (what === 'certificates') {
    return [...(await newCertificates(places, id)), recreate(id)];
  }
  if (what === 'ca') {
    if (existsSync(join(ca, 'old-ca.crt')))
      throw new Error(`a CA is being replaced already: npm run region -- rotate ${id} ca-finish comes first`);
    retireAuthority(ca);
    const gateways = await newCertificates(places, id);
    return [recreate(id), ...gateways, `npm run region -- rotate ${id} ca-finish`];
  }
  if (what === 'ca-finish') {
    if (!existsSync(join(ca, 'old-ca.crt'))) throw new Error('no CA is being replaced');
    forgetRetired(ca);
    return [...(await newCertificates(places, id)), recreate(id)];
  }
  const kept = regionSecrets(places);
  const password = () => randomBytes(32).toString('base64url');
  const secrets: RegionSecrets = {
    ...kept,
    databasePasswords: {
      ...kept.databasePasswords,
      ...Object.fromEntries(storedServices.map((name) => [name, password()])),
    },
    ownerPasswords: Object.fromEntries(storedServices.map((name) => [name, password()])),
  };
  writeSecret(join(places.folder, 'secrets.json'), JSON.stringify(secrets));
  for (const service of storedServices) writeDatabaseAccess(places, service, secrets);
  return [
    ...storedServices.map((name) => `${stack(id)} exec ${databaseNames(name).host} /etc/meridian/roles.sh`),
    `${stack(id)} restart ${storedServices.join(' ')}`,
  ];
};
