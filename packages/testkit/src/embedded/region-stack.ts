// One region on one machine: its six services, each on ports of its own, and the edge before them.
import { startBilling } from '@meridian/billing/service.ts';
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { startGateway } from '@meridian/gateway/service.ts';
import { startIdentity } from '@meridian/identity/service.ts';
import { startKeyIssuance } from '@meridian/key-issuance/service.ts';
import type { Running } from '@meridian/kit/run/platform.ts';
import { startModeration } from '@meridian/moderation/service.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import type { RegionDirectory } from '@meridian/regions/region.ts';
import { operatorView, type SandboxAddresses } from '@meridian/sandbox/operator-view.ts';
import { startVerification } from '@meridian/verification/service.ts';
import type { RunningPostgres } from '../postgres/start-postgres.ts';
import { ensureDatabases } from './databases.ts';
import { startEdge } from './edge.ts';
import { registerLoginApps } from './login-env.ts';
import type { RegionPorts } from './ports.ts';
import type { EmbeddedSecrets } from './secrets.ts';
import { type Env, outsideEnv, serviceEnv } from './service-env.ts';

const programs: Readonly<Record<ServiceName, (env: Env) => Promise<Running>>> = {
  identity: startIdentity,
  verification: startVerification,
  billing: startBilling,
  'key-issuance': startKeyIssuance,
  moderation: startModeration,
  gateway: startGateway,
};

export type RunningRegion = {
  readonly id: string;
  readonly api: string;
  readonly baseUrl: string;
  readonly env: (service: ServiceName) => Env;
  readonly stop: () => Promise<void>;
};

/** As an operator would register the client at the OpenID provider. */
const registerStaffClient = async (sandbox: string, region: string, redirectUri: string) => {
  const answer = await fetch(`${sandbox}/control/oidc/redirect-uris/${region}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirectUris: [redirectUri] }),
  });
  if (!answer.ok) throw new Error(`the sandbox refused the staff redirect address of ${region}: ${answer.status}`);
};

/** Starts a region; stops what it has started when one part fails. */
export const startRegion = async (options: {
  readonly profile: Profile;
  readonly directory: RegionDirectory;
  readonly ports: RegionPorts;
  readonly postgres: RunningPostgres;
  readonly secrets: EmbeddedSecrets;
  readonly sandbox: SandboxAddresses;
  readonly logLevel: string;
  readonly busUrl?: string;
}): Promise<RunningRegion> => {
  const { profile, ports } = options;
  const secrets = options.secrets.regions[profile.id];
  if (!secrets) throw new Error(`no secrets were drawn for region "${profile.id}"`);
  const databases = await ensureDatabases(options.postgres, profile.id, secrets);
  const outside = operatorView(options.secrets.sandbox, profile.id, options.sandbox);
  const loopback = (port: number) => `127.0.0.1:${port}`;
  const env = (service: ServiceName): Env => ({
    ...serviceEnv(service, {
      ...options,
      mode: 'embedded',
      origin: `http://${loopback(ports.api)}`,
      jwksUrl: `http://${loopback(ports.publicOf.identity)}/.well-known/jwks.json`,
      listen: (name) => ({ public: loopback(ports.publicOf[name]), internal: loopback(ports.internalOf[name]) }),
      internalUrl: (name) => `http://${loopback(ports.internalOf[name])}`,
      trustedProxies: '127.0.0.1',
      secrets,
      databaseUrl: databases.urlOf,
      // One person at a time; every connection is a process of some megabytes.
      databasePool: 2,
      busUrl: options.busUrl ?? databases.busUrl,
    }),
    // The fewest it can do with.
    ...(service === 'key-issuance' && { DATABASE_POOL: '3' }),
    ...outsideEnv(service, profile, outside),
    // The sandbox is no carrier, and everybody comes from this machine: a person trying things out need not wait a minute.
    ...(service === 'identity' && {
      CODE_RESEND_SECONDS: '1',
      CODES_BEFORE_CAPTCHA: '500',
      CODES_CAPTCHA_FREE_PER_HOUR: '500',
      CODES_PER_ADDRESS_HOUR: '1000',
      CODES_PER_ADDRESS_DAY: '10000',
      CODES_PER_NETWORK_HOUR: '1000',
      CODES_PER_NETWORK_DAY: '10000',
    }),
  });

  await registerStaffClient(options.sandbox.origin, profile.id, env('identity').STAFF_REDIRECT_URI as string);
  const loginBase = `http://127.0.0.1:${ports.api}/v1/logins`;
  await registerLoginApps(options.sandbox.origin, profile.id, profile.registration.federated, loginBase);

  const names = Object.keys(programs) as ServiceName[];
  const services = names.filter((name) => name !== 'gateway');
  const outcomes = [...(await Promise.allSettled(services.map((name) => programs[name](env(name)))))];
  // The gateway last: it asks the others from its first second on.
  if (!outcomes.some((outcome) => outcome.status === 'rejected'))
    outcomes.push(...(await Promise.allSettled([programs.gateway(env('gateway'))])));
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stopServices = async () => {
    // The gateway first: its calls in flight still need the others.
    const [gateway, ...others] = started.reverse();
    await gateway?.stop();
    const stopped = await Promise.allSettled(others.map((service) => service.stop()));
    for (const outcome of stopped) if (outcome.status === 'rejected') throw outcome.reason;
  };
  try {
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    const upstreams = Object.fromEntries(
      names.map((name) => [name, `http://127.0.0.1:${ports.publicOf[name]}`]),
    ) as Record<ServiceName, string>;
    const api = `http://127.0.0.1:${ports.api}`;
    const edge = await startEdge({ region: profile, origin: api, port: ports.api, upstreams });
    return {
      id: profile.id,
      api,
      baseUrl: `http://127.0.0.1:${ports.gateway}/v1`,
      env,
      stop: async () => {
        await edge.stop();
        await stopServices();
      },
    };
  } catch (error) {
    await stopServices();
    throw error;
  }
};
