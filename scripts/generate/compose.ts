// The root docker-compose.yml and one file per region that comes with Meridian: infra/compose/region.yml with prefixed names, because compose cannot
// include one file twice under one project. Nothing else differs.
import { readFileSync } from 'node:fs';
import { profiles } from '@meridian/regions/region.ts';
import { parse, stringify } from 'yaml';

type Network = null | { aliases?: string[] };
type Service = {
  networks: string[] | Record<string, Network>;
  depends_on?: Record<string, unknown>;
  volumes?: string[];
  [key: string]: unknown;
};
type Compose = {
  services: Record<string, Service>;
  networks: Record<string, unknown>;
  volumes: Record<string, unknown>;
};

const source = new URL('../../infra/compose/region.yml', import.meta.url);
const head = (text: string) =>
  `# Made from infra/compose/region.yml by npm run generate; not to be changed by hand.\n${text}`;

const toText = (document: unknown) => stringify(document, { aliasDuplicateObjects: false, lineWidth: 160 });

const prefixKeys = <T>(
  prefix: string,
  record: Readonly<Record<string, T>>,
  change: (value: T, key: string) => T = (v) => v,
) => Object.fromEntries(Object.entries(record).map(([key, value]) => [`${prefix}-${key}`, change(value, key)]));

const prefixService = (prefix: string, name: string, service: Service, volumes: ReadonlySet<string>): Service => {
  const networks = Array.isArray(service.networks)
    ? Object.fromEntries(service.networks.map((key) => [key, {} as Network]))
    : service.networks;
  return {
    ...service,
    // By its plain name within the region's own networks, where certificates and addresses know it.
    networks: prefixKeys(prefix, networks, (network) => ({ aliases: [name, ...(network?.aliases ?? [])] })),
    ...(service.depends_on && { depends_on: prefixKeys(prefix, service.depends_on) }),
    ...(service.volumes && {
      volumes: service.volumes.map((volume) =>
        volumes.has(volume.split(':')[0] as string) ? `${prefix}-${volume}` : volume,
      ),
    }),
  };
};

const regionFile = (id: string): string => {
  const { services, networks, volumes } = parse(readFileSync(source, 'utf8'), { merge: true }) as Compose;
  const named = new Set(Object.keys(volumes));
  return toText({
    services: prefixKeys(id, services, (service, name) => prefixService(id, name, service, named)),
    networks: prefixKeys(id, networks),
    volumes: prefixKeys(id, volumes),
  });
};

const rootFile = (ids: readonly string[]) =>
  toText({
    name: 'meridian',
    include: ids.map((id) => ({
      path: `infra/compose/${id}.generated.yml`,
      env_file: `\${MERIDIAN_REGIONS:-infra/regions}/${id}.env`,
    })),
    services: {
      sandbox: {
        // Stands for the outside world, so each region reaches it by its own way out; it joins none of them to another.
        image: 'meridian/service:local',
        command: ['packages/sandbox/src/main.ts'],
        restart: 'unless-stopped',
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
        // biome-ignore lint/suspicious/noTemplateCurlyInString: compose's own syntax
        user: '${CONTAINER_UID:-1000}:${CONTAINER_GID:-1000}',
        mem_limit: '320m',
        cpus: 1,
        environment: {
          SANDBOX_HOST: '0.0.0.0',
          SANDBOX_ORIGIN: 'https://sandbox.localhost:7443',
          SANDBOX_HTTP_PORT: '7443',
          SANDBOX_SMTP_PORT: '7025',
          SANDBOX_SECRETS_FILE: '/run/secrets/secrets.json',
          SANDBOX_WORLD_FILE: '/run/secrets/world.json',
          SANDBOX_TLS_KEY_FILE: '/run/secrets/server.key',
          SANDBOX_TLS_CERT_FILE: '/run/secrets/server.crt',
          NODE_EXTRA_CA_CERTS: '/run/secrets/trust.crt',
          HEALTH_URL: 'https://localhost:7443/',
        },
        networks: Object.fromEntries(ids.map((id) => [`${id}-outside`, { aliases: ['sandbox.localhost'] }])),
        ports: ['127.0.0.1:7443:7443'],
        // biome-ignore lint/suspicious/noTemplateCurlyInString: compose's own syntax
        volumes: ['${MERIDIAN_REGIONS:-./infra/regions}/sandbox/container:/run/secrets:ro'],
      },
    },
  });

/** Path below the repository -> text. */
export const composeFiles = (): ReadonlyMap<string, string> => {
  const ids = Object.keys(profiles);
  return new Map([
    ...ids.map((id) => [`infra/compose/${id}.generated.yml`, head(regionFile(id))] as const),
    [
      'docker-compose.yml',
      head(
        `# Both regions and the sandbox on one machine: docs/operations.md, "Both regions on one machine, to try it".\n${rootFile(ids)}`,
      ),
    ],
  ]);
};
