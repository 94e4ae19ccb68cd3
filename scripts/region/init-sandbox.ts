// The sandbox of the container stacks: one for all regions on this machine, each with credentials of its own.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { profiles } from '@meridian/regions/region.ts';
import type { SandboxSecrets } from '@meridian/sandbox/config.ts';
import { type OperatorView, operatorView } from '@meridian/sandbox/operator-view.ts';
import { createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { sandboxConfig } from '@meridian/testkit/embedded/sandbox-config.ts';
import { openAuthority } from './certificates.ts';
import { sandboxPorts } from './layout.ts';
import { readJson, writeAll, writeSecret } from './store.ts';

const host = 'sandbox.localhost';
/** What the container sees; the key of its CA lies beside it. */
const mounted = 'container';

export type SandboxAccess = {
  readonly origin: string;
  /** Trusted by the services that call it. */
  readonly ca: string;
  readonly view: (region: string) => OperatorView;
};

type World = {
  models: unknown;
  staff: unknown;
  redirectUris: Record<string, string[]>;
  apiOrigins: Record<string, string>;
};

/** Draws what is missing: credentials for `region`, the sandbox's certificate, its models and staff. */
export const initSandbox = async (regions: string, region: string, origin: string): Promise<SandboxAccess> => {
  const folder = join(regions, 'sandbox', mounted);
  const files = { secrets: join(folder, 'secrets.json'), world: join(folder, 'world.json') };
  const kept = readJson<SandboxSecrets>(files.secrets);
  const drawn = kept?.regions[region] ? undefined : await createSandboxSecrets([region]);
  const secrets = (kept ?? drawn) as SandboxSecrets;
  const all = { ...secrets, regions: { ...secrets.regions, ...drawn?.regions } };
  if (drawn) writeSecret(files.secrets, JSON.stringify(all));

  const { models, staff } = sandboxConfig(all, sandboxPorts, Object.values(profiles), undefined, () => undefined);
  const { redirectUris = {}, apiOrigins = {} } = readJson<World>(files.world) ?? {};
  const callback = `${origin}/staff/v1/sign-in/callback`;
  const world: World = {
    models,
    staff,
    redirectUris: { ...redirectUris, [region]: [callback] },
    apiOrigins: { ...apiOrigins, [region]: origin },
  };
  writeSecret(files.world, JSON.stringify(world));

  const authority = await openAuthority(join(regions, 'sandbox', 'ca'), 'sandbox');
  if (!existsSync(join(folder, 'server.crt'))) {
    const server = await authority.issue({
      name: host,
      hosts: [host, 'localhost', '127.0.0.1'],
      usage: ['serverAuth'],
    });
    writeAll(folder, { 'server.key': server.key, 'server.crt': server.cert });
  }
  const addresses = { origin: `https://${host}:${sandboxPorts.http}`, smtp: { host, port: sandboxPorts.smtp } };
  return { origin: addresses.origin, ca: authority.bundle(), view: (id) => operatorView(all, id, addresses) };
};

/** Puts together whom the sandbox and the journeys on this machine trust: every region's CA and the sandbox's own. */
export const writeTrust = async (folder: string, regions: readonly string[]): Promise<string> => {
  const bundles: string[] = [];
  for (const id of [...regions, 'sandbox']) {
    const authority = join(folder, id, 'ca');
    if (existsSync(join(authority, 'ca.crt'))) bundles.push((await openAuthority(authority, id)).bundle());
  }
  const path = join(folder, 'sandbox', mounted, 'trust.crt');
  writeSecret(path, bundles.join(''));
  return path;
};
