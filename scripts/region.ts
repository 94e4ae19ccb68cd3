// npm run region: draws and rotates the secrets and certificates of a region's container stack, and of gateways outside it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { profileSchema } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
import { issueGatewayCertificate } from './region/gateway-certificate.ts';
import { initRegion, outsideCa } from './region/init-region.ts';
import { initSandbox, writeTrust } from './region/init-sandbox.ts';
import { defaultPort, localDirectory, placesOf, type RegionPlaces } from './region/layout.ts';
import { type Rotation, rotate, rotations } from './region/rotate.ts';
import { containerUser, readEnv } from './region/store.ts';

const root = new URL('../', import.meta.url).pathname;
const help = `Usage: npm run region -- init <id> [--sandbox] [--port N] [--profile FILE]
       npm run region -- rotate <id> <what>
       npm run region -- certificate <id> gateway.<name>

init draws what the stack of region <id> needs into infra/regions/<id>.env and infra/regions/<id>/ (mode 0600, ignored by git).
Nothing that is there is drawn again, and a region keeps what its flags said at first. Regions that come with Meridian: ${Object.keys(profiles).join(', ')}.

  --sandbox       addresses below .localhost and the sandbox for the outside world: for trying out, never for production
  --port N        port of the region on this machine (${Object.keys(profiles)
    .map((id) => `${id}: ${defaultPort(id)}`)
    .join(', ')}); without --sandbox 443
  --profile FILE  JSON of the profile of another region
  --into FOLDER   keep it there instead of infra/regions, or where MERIDIAN_REGIONS says, by which compose finds it

rotate replaces secrets of a running region and says what to run next (docs/operations.md, "Rotation"):

${Object.entries(rotations)
  .map(([name, { text }]) => `  ${name.padEnd(14)}${text}`)
  .join('\n')}

certificate issues key and certificate of a gateway of your own into infra/regions/<id>/gateway.<name>/ (gateway.key, gateway.crt, ca.crt), signed
by the region's authority, for 397 days; again: anew. Other names are refused, as they are those of services (docs/operations.md, "A gateway of
your own"). rotate issues them anew too.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sandbox: { type: 'boolean', default: false },
    port: { type: 'string' },
    profile: { type: 'string' },
    into: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

const regions = resolve(values.into ?? process.env.MERIDIAN_REGIONS ?? join(root, 'infra/regions'));
/** As a person at the root of the repository types it. */
const shown = (text: string) => text.replaceAll(root, '');

/** One that does not come with Meridian is kept as its services have it: given again, it replaces that. */
const profileOf = (id: string, places: RegionPlaces) => {
  const kept = join(places.of('identity'), 'REGION_PROFILE');
  const file = values.profile ?? (existsSync(kept) ? kept : undefined);
  const profile = file ? profileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : profiles[id];
  if (!profile) throw new Error(`no profile "${id}" comes with Meridian: give one with --profile`);
  if (profile.id !== id) throw new Error(`${file} is the profile of "${profile.id}", not of "${id}"`);
  return { profile, ownProfile: file !== undefined };
};

const portOf = (text: string | number | undefined, from: string) => {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`${from} is needed: 1 to 65535`);
  return port;
};

/** By the flags; for a region that is there by its settings, since services, edge and compose must go on agreeing. */
const choicesOf = (id: string, places: RegionPlaces, profileOrigin: string) => {
  const kept = readEnv(places.envFile);
  if (!kept) {
    const port = portOf(values.port ?? (values.sandbox ? defaultPort(id) : 443), `--port for region "${id}"`);
    return { port, sandboxed: values.sandbox };
  }
  const sandboxed = kept.OUTSIDE_CA === outsideCa;
  const told = {
    ...(values.sandbox && { '--sandbox': ['OUTSIDE_CA', outsideCa] as const }),
    ...(values.port !== undefined && { '--port': ['EDGE_PORT', values.port] as const }),
    // The sandbox's regions are below .localhost, whatever their profiles say.
    ...(values.profile !== undefined && !sandboxed && { '--profile': ['ISSUER', profileOrigin] as const }),
  };
  for (const [flag, [name, value]] of Object.entries(told))
    if (kept[name] !== value)
      throw new Error(
        `${flag} contradicts ${shown(places.envFile)}, which init does not change: ${name}=${kept[name] ?? ''}, not ${value}`,
      );
  return { port: portOf(kept.EDGE_PORT, `EDGE_PORT in ${shown(places.envFile)}`), sandboxed };
};

/** Regions that have been drawn on this machine. */
const drawnRegions = () =>
  readdirSync(regions, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'sandbox')
    .map((entry) => entry.name);

const init = async (id: string) => {
  const places = placesOf(regions, id);
  const { profile, ownProfile } = profileOf(id, places);
  const { port, sandboxed } = choicesOf(id, places, new URL(profile.addresses.api).origin);
  const shipped = Object.fromEntries(
    [...Object.values(profiles), profile].map(({ id: key, name, addresses }) => [key, { name, addresses }]),
  );
  const directory = sandboxed ? localDirectory({ id, name: profile.name, port }) : shipped;
  const origin = new URL(directory[id]?.addresses.api as string).origin;
  const sandbox = sandboxed ? await initSandbox(regions, id, origin) : undefined;
  const toFill = await initRegion({
    profile,
    directory,
    ownProfile,
    ownDirectory: sandboxed || ownProfile,
    places,
    port,
    sandbox,
  });
  console.log(
    `region ${id}: secrets and certificates in ${shown(places.folder)}, settings in ${shown(places.envFile)}`,
  );
  if (sandbox) console.log(`trust for callers on this machine: ${shown(await writeTrust(regions, drawnRegions()))}`);
  const { uid, gid } = containerUser();
  if (sandbox && uid !== 1000) console.log(`before docker compose: export CONTAINER_UID=${uid} CONTAINER_GID=${gid}`);
  if (toFill.length > 0)
    console.log(
      `still to be filled in by you (a service says so and does not start before):\n${toFill.map((file) => `  ${shown(file)}`).join('\n')}`,
    );
};

const certificate = async (id: string, name: string) => {
  const places = placesOf(regions, id);
  if (!existsSync(places.envFile))
    throw new Error(`region ${id} has not been drawn here: npm run region -- init ${id}`);
  const { folder, renewed } = await issueGatewayCertificate(places, id, name);
  console.log(`${name} of region ${id}: key and certificate ${renewed ? 'issued anew' : 'issued'} in ${shown(folder)}. Now:
  bring the folder to the machine of that gateway, by a way nobody else reads
  a proxy that asks /internal/v1/keys/authorize: add ${name} to GATEWAY_CERTIFICATES of key-issuance, in
    ${shown(join(places.of('key-issuance'), 'GATEWAY_CERTIFICATES'))} (names with commas; without the file: gateway), and recreate key-issuance`);
};

const main = async () => {
  const [command, id, what, ...rest] = positionals;
  if (values.help) return console.log(help);
  if (!id || !/^[a-z]{2,12}$/.test(id) || id === 'sandbox' || rest.length > 0) throw new Error(`\n${help}`);
  if (command === 'init' && what === undefined) return init(id);
  if (command === 'certificate' && what !== undefined) return certificate(id, what);
  if (command !== 'rotate' || what === undefined || !(what in rotations)) throw new Error(`\n${help}`);
  const places = placesOf(regions, id);
  if (!existsSync(places.envFile))
    throw new Error(`region ${id} has not been drawn here: npm run region -- init ${id}`);
  const next = await rotate(places, id, what as Rotation);
  if (existsSync(`${regions}/sandbox`)) await writeTrust(regions, drawnRegions());
  console.log(`${what} of region ${id}: replaced. Now:\n${next.map((line) => `  ${shown(line)}`).join('\n')}`);
};

await main().catch((error: Error) => {
  console.error(`region: ${error.message}`);
  process.exit(1);
});
