// Replacing what a running region's machines know of each other. Nothing here touches secrets that seal data (docs/operations.md says how those change).
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { serviceNames } from '@meridian/contracts/endpoint.ts';
import { drawServiceKeys, type RegionSecrets } from '@meridian/testkit/embedded/secrets.ts';
import { serviceKeyEnv } from '@meridian/testkit/embedded/service-env.ts';
import { forgetRetired, openAuthority, retireAuthority } from './certificates.ts';
import { ownGateways, renewGatewayCertificates } from './gateway-certificate.ts';
import { regionSecrets, writeDatabaseAccess } from './init-region.ts';
import { authorityFolder, issueCertificates } from './issue-certificates.ts';
import { databaseNames, type RegionPlaces, storedServices } from './layout.ts';
import { readEnv, writeAll, writeSecret } from './store.ts';

export const rotations = {
  certificates: { text: 'every certificate and its key, by the same CA (not a public one from elsewhere)' },
  ca: { text: 'the private CA: a new one issues, the old one stays trusted until ca-finish' },
  'ca-finish': { text: 'the end of trust in the old CA' },
  databases: { text: 'passwords of the roles in PostgreSQL' },
  'service-keys': { text: 'the keys with which services, and gateways of your own, sign their calls' },
} as const satisfies Record<string, { text: string }>;
export type Rotation = keyof typeof rotations;

const publicHosts = (places: RegionPlaces): string[] => {
  const settings = readEnv(places.envFile);
  return ['API_HOST', 'MODEL_HOST'].map((name) => {
    const host = settings?.[name];
    if (!host) throw new Error(`${name} is missing in ${places.envFile}`);
    return host;
  });
};

const stack = ({ envFile }: RegionPlaces, id: string) =>
  `docker compose -p meridian-${id} --env-file ${envFile} -f infra/compose/region.yml`;
const up = (places: RegionPlaces, id: string) => `${stack(places, id)} up --detach --wait`;
/** Services stop while their databases and Kafka are still there: `up` alone would stop those first, and consumers that cannot leave their groups keep the next ones waiting. */
const recreate = (places: RegionPlaces, id: string) =>
  `${stack(places, id)} stop && ${up(places, id)} --force-recreate`;

/** Returns what is to be done besides: for gateways of the operator's own, whose machines are not part of the stack, and a public certificate from elsewhere. */
const newCertificates = async (places: RegionPlaces, id: string): Promise<string[]> => {
  const authority = await openAuthority(authorityFolder(places), id);
  const { keptPublic } = await issueCertificates(places, authority, publicHosts(places));
  const folders = await renewGatewayCertificates(places, authority);
  return [
    ...folders.map((folder) => `# bring ${folder} to the machine of that gateway, and let it read its files again`),
    ...(keptPublic
      ? [
          `# ${join(places.of('edge'), 'public.crt')} was not issued here: it stays, with its key, and is renewed where it came from`,
        ]
      : []),
  ];
};

/** Draws some of the region's secrets anew. */
const replaceSecrets = (places: RegionPlaces, drawn: (kept: RegionSecrets) => Partial<RegionSecrets>) => {
  const kept = regionSecrets(places);
  const secrets: RegionSecrets = { ...kept, ...drawn(kept) };
  writeSecret(join(places.folder, 'secrets.json'), JSON.stringify(secrets));
  return secrets;
};

const newDatabasePasswords = (places: RegionPlaces, id: string): string[] => {
  const password = () => randomBytes(32).toString('base64url');
  const passwords = () => Object.fromEntries(storedServices.map((name) => [name, password()]));
  const secrets = replaceSecrets(places, (kept) => ({
    databasePasswords: { ...kept.databasePasswords, ...passwords() },
    ownerPasswords: passwords(),
  }));
  for (const service of storedServices) writeDatabaseAccess(places, service, secrets);
  // One service after the other: between the two commands its new connections are refused, and a quiet one has no old ones.
  const take = (name: (typeof storedServices)[number]) =>
    `${stack(places, id)} exec ${databaseNames(name).host} /etc/meridian/roles.sh && ${stack(places, id)} restart ${name}`;
  return [...storedServices.map(take), up(places, id)];
};

/** A service knows one key of each caller, so all start anew together. */
const newServiceKeys = (places: RegionPlaces, id: string): string[] => {
  const secrets = replaceSecrets(places, () => ({ serviceKeys: drawServiceKeys() }));
  for (const service of serviceNames) writeAll(places.of(service), serviceKeyEnv(service, secrets));
  const key = join(places.of('gateway'), 'SERVICE_KEY');
  return [
    `${stack(places, id)} restart ${serviceNames.join(' ')}`,
    up(places, id),
    ...ownGateways(places).map((name) => `# bring ${key} to ${name}, if it signs service tokens, and start it anew`),
  ];
};

/** Does one rotation and returns the commands that bring it into effect, in order. */
export const rotate = async (places: RegionPlaces, id: string, what: Rotation): Promise<string[]> => {
  const ca = authorityFolder(places);
  if (what === 'certificates') {
    return [...(await newCertificates(places, id)), recreate(places, id)];
  }
  if (what === 'ca') {
    if (existsSync(join(ca, 'old-ca.crt')))
      throw new Error(`a CA is being replaced already: npm run region -- rotate ${id} ca-finish comes first`);
    retireAuthority(ca);
    const besides = await newCertificates(places, id);
    return [recreate(places, id), ...besides, `npm run region -- rotate ${id} ca-finish`];
  }
  if (what === 'ca-finish') {
    if (!existsSync(join(ca, 'old-ca.crt'))) throw new Error('no CA is being replaced');
    forgetRetired(ca);
    return [...(await newCertificates(places, id)), recreate(places, id)];
  }
  return what === 'databases' ? newDatabasePasswords(places, id) : newServiceKeys(places, id);
};
