// Draws everything that one region's stack needs and nobody else knows, and lists what its operator still has to fill in.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import type { RegionDirectory } from '@meridian/regions/region.ts';
import { operatorView } from '@meridian/sandbox/operator-view.ts';
import { createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { drawRegion, type RegionSecrets } from '@meridian/testkit/embedded/secrets.ts';
import { outsideEnv, sealingEnv, serviceEnv } from '@meridian/testkit/embedded/service-env.ts';
import { openAuthority } from './certificates.ts';
import { drawClusterId } from './draw-cluster-id.ts';
import type { SandboxAccess } from './init-sandbox.ts';
import { authorityFolder, issueCertificates, issueMonitoring } from './issue-certificates.ts';
import { databaseNames, internalPort, publicPort, type RegionPlaces, storedServices } from './layout.ts';
import { containerUser, ownFolder, readEnv, readJson, writeAll, writeSecret } from './store.ts';

export type InitOptions = {
  readonly profile: Profile;
  readonly directory: RegionDirectory;
  /** Whether profile and directory differ from those that come with Meridian, so that the services must be given them. */
  readonly ownProfile: boolean;
  readonly ownDirectory: boolean;
  readonly places: RegionPlaces;
  /** Port of the edge on this machine and inside the stack; of a region that is there, as its settings say. */
  readonly port: number;
  readonly sandbox: SandboxAccess | undefined;
};

/** Given by compose in plain sight (infra/compose/region.yml), so that an operator sees and changes it there. */
const plain = new Set([
  'MERIDIAN_MODE',
  'REGION',
  'PUBLIC_LISTEN',
  'INTERNAL_LISTEN',
  'ISSUER',
  'JWKS_URL',
  'TRUSTED_PROXIES',
  'LOG_LEVEL',
  'DATABASE_POOL',
  'EVENT_BUS_URL',
  ...serviceNames.map((name) => `${name.toUpperCase().replaceAll('-', '_')}_URL`),
]);

const mounted = '/run/secrets';
/** Setting OUTSIDE_CA of a region with the sandbox, and of no other. */
export const outsideCa = `${mounted}/outside-ca.crt`;

const databaseUrl = (service: ServiceName, role: 'owner' | 'application', password: string) => {
  const names = databaseNames(service);
  const tls = new URLSearchParams({
    sslmode: 'verify-full',
    sslrootcert: `${mounted}/INTERNAL_TLS_CA`,
    sslcert: `${mounted}/INTERNAL_TLS_CERT`,
    sslkey: `${mounted}/INTERNAL_TLS_KEY`,
  });
  return `postgres://${names[role]}:${password}@${names.host}:5432/${names.database}?${tls}`.replaceAll('%2F', '/');
};

const settingsOf = ({ profile, directory, places, port, sandbox }: InitOptions): Record<string, string> => {
  const own = directory[profile.id];
  if (!own) throw new Error(`the directory does not name region "${profile.id}"`);
  const { uid, gid } = containerUser();
  return {
    REGION: profile.id,
    REGION_FOLDER: resolve(places.folder),
    ISSUER: new URL(own.addresses.api).origin,
    API_HOST: new URL(own.addresses.api).hostname,
    MODEL_HOST: new URL(own.addresses.baseUrls.payg).hostname,
    EDGE_PORT: String(port),
    // Of the profile "observability", on loopback alone.
    PROMETHEUS_PORT: String(port + 1),
    GRAFANA_PORT: String(port + 2),
    KAFKA_CLUSTER_ID: drawClusterId(),
    MERIDIAN_IMAGE: 'meridian/service:local',
    CONTAINER_UID: String(uid),
    CONTAINER_GID: String(gid),
    LOG_LEVEL: 'info',
    ...(sandbox && { OUTSIDE_CA: outsideCa }),
  };
};

const plainValue = (text: string) => (/^[A-Za-z0-9_./:@=-]*$/.test(text) ? text : `'${text}'`);

/** Passwords of one service's database, in the folders of the three that use them. */
export const writeDatabaseAccess = (places: RegionPlaces, service: ServiceName, secrets: RegionSecrets): void => {
  const application = secrets.databasePasswords[service];
  const owner = secrets.ownerPasswords?.[service] ?? '';
  const names = databaseNames(service);
  writeAll(places.of(names.host), { 'owner-password': owner, 'application-password': application });
  writeAll(places.of(service), { DATABASE_URL: databaseUrl(service, 'application', application) });
  writeAll(places.of(`${service}-migrate`), { DATABASE_OWNER_URL: databaseUrl(service, 'owner', owner) });
};

const randomPassword = () => randomBytes(32).toString('base64url');

/** The region's own secrets: drawn once, kept in its folder, never drawn again. What a newer version needs besides is added. */
export const regionSecrets = (places: RegionPlaces): RegionSecrets => {
  const file = join(places.folder, 'secrets.json');
  const kept: Record<string, unknown> = readJson(file) ?? {};
  const drawn = {
    ...drawRegion(),
    ownerPasswords: Object.fromEntries(storedServices.map((name) => [name, randomPassword()])),
  };
  const secrets = Object.fromEntries(
    Object.entries(drawn).map(([name, value]) => [
      name,
      typeof value === 'string' ? (kept[name] ?? value) : { ...value, ...(kept[name] as object | undefined) },
    ]),
  ) as RegionSecrets;
  writeSecret(file, JSON.stringify(secrets));
  return secrets;
};

/** nginx's map from the origin of a page to what it is told: nothing, unless it is one of the region's own. */
const corsMap = (origins: readonly string[]): string => {
  const map = (name: string, value: string) =>
    `map $http_origin ${name} {\n  default "";\n${origins.map((origin) => `  "${new URL(origin).origin}" ${value};\n`).join('')}}\n`;
  return map('$cors_origin', '$http_origin') + map('$cors_credentials', 'true');
};

/** Returns the files that the operator must fill in: none with the sandbox. Existing secrets and filled-in files stay. */
export const initRegion = async (options: InitOptions): Promise<string[]> => {
  const { profile, directory, places, sandbox } = options;
  ownFolder(places.folder);
  const secrets = regionSecrets(places);
  // What an operator has changed there holds for the edge and the services, too.
  const settings = { ...settingsOf(options), ...readEnv(places.envFile) };
  const outside =
    sandbox?.view(profile.id) ?? operatorView(await createSandboxSecrets([profile.id]), profile.id, nowhere);
  const toFill: string[] = [];

  for (const service of serviceNames) {
    const env = serviceEnv(service, {
      mode: 'production',
      profile,
      directory,
      origin: settings.ISSUER as string,
      jwksUrl: `https://identity:${publicPort}/.well-known/jwks.json`,
      listen: () => ({ public: `0.0.0.0:${publicPort}`, internal: `0.0.0.0:${internalPort}` }),
      internalUrl: (name) => `https://${name}:${internalPort}`,
      trustedProxies: '',
      secrets,
      databaseUrl: (name) => databaseUrl(name, 'application', secrets.databasePasswords[name]),
      databasePool: 8,
      busUrl: '',
      logLevel: 'info',
    });
    const skipped = { REGION_PROFILE: !options.ownProfile, REGION_DIRECTORY: !options.ownDirectory };
    // An operator adds versions to these: no other copy of a further version exists.
    const sealing = sealingEnv[service](secrets);
    writeAll(places.of(service), sealing, true);
    const files = Object.fromEntries(
      Object.entries(env).filter(
        ([name]) => !plain.has(name) && !(name in sealing) && !skipped[name as keyof typeof skipped],
      ),
    );
    writeAll(places.of(service), files);
    const given = outsideEnv(service, profile, outside);
    // Without the sandbox the names are what counts: an empty file is a variable still to be filled in, and the service says so.
    const values = sandbox ? given : Object.fromEntries(Object.keys(given).map((name) => [name, '']));
    writeAll(places.of(service), values, !sandbox);
    toFill.push(
      ...Object.keys(values)
        .filter((name) => readFileSync(join(places.of(service), name), 'utf8') === '')
        .map((name) => join(places.of(service), name)),
    );
    if (sandbox) writeAll(places.of(service), { 'outside-ca.crt': sandbox.ca });
  }
  for (const service of storedServices) {
    writeDatabaseAccess(places, service, secrets);
    writeAll(places.of(databaseNames(service).host), { 'superuser-password': randomPassword() }, true);
    if (service === 'billing' && options.ownProfile)
      writeAll(places.of('billing-migrate'), { REGION_PROFILE: JSON.stringify(profile) });
  }
  const hosts = [settings.API_HOST as string, settings.MODEL_HOST as string];
  writeAll(places.of('edge'), {
    'api.conf': `listen ${settings.EDGE_PORT} ssl;\nserver_name ${settings.API_HOST};\n`,
    'model.conf': `listen ${settings.EDGE_PORT} ssl;\nserver_name ${settings.MODEL_HOST};\n`,
    'other.conf': `listen ${settings.EDGE_PORT} ssl default_server;\n`,
    'cors.conf': corsMap(profile.corsOrigins),
  });
  const authority = await openAuthority(authorityFolder(places), profile.id);
  if (!existsSync(join(places.of('edge'), 'public.crt'))) await issueCertificates(places, authority, hosts);
  // A region drawn before there was any monitoring.
  if (!existsSync(join(places.of('prometheus'), 'client.crt'))) await issueMonitoring(places, authority);
  writeAll(places.of('grafana'), { 'admin-password': randomPassword() }, true);
  if (!existsSync(places.envFile)) {
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${plainValue(value)}`);
    writeFileSync(
      places.envFile,
      `# Drawn by npm run region -- init ${profile.id}; see ${profile.id}.env.example.\n${lines.join('\n')}\n`,
      { mode: 0o600 },
    );
  }
  return toFill;
};

/** For the names of variables alone. */
const nowhere = { origin: 'https://nowhere.invalid', smtp: { host: 'nowhere.invalid', port: 25 } };
