// npm run region, as an operator runs it, in a folder of its own.
import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { createServiceTokens } from '@meridian/kit/auth/service-tokens.ts';
import { createServiceVerifier, type ServiceKeys } from '@meridian/kit/auth/service-verifier.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
import { openAuthority } from '../region/certificates.ts';
import { isGatewayName } from '../region/gateway-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'meridian-region-'));
const script = new URL('../region.ts', import.meta.url).pathname;

const region = (...args: string[]) =>
  new Promise<{ code: number; text: string }>((resolve) => {
    execFile(process.execPath, [script, ...args, '--into', folder], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, text: stdout + stderr }),
    );
  });
const read = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8');
const certificateOf = (name: string) => new X509Certificate(read('cn', name, 'gateway.crt'));

beforeAll(async () => {
  expect(await region('init', 'cn', '--sandbox')).toMatchObject({ code: 0 });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run region -- init, again', () => {
  const all = () =>
    Object.fromEntries(
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => statSync(join(folder, path)).isFile())
        .map((path) => [path, read(path)]),
    );

  test('changes nothing that is there, least of all the versions that an operator added to what seals data', async () => {
    const added = {
      'key-issuance/KEY_PEPPERS': (kept: string) => JSON.stringify({ ...JSON.parse(kept), '2': 'p'.repeat(43) }),
      'verification/IDENTITY_DATA_KEY': (kept: string) => `2:${Buffer.alloc(32, 2).toString('base64')},1:${kept}`,
      'moderation/CASE_KEY': (kept: string) => `2:${Buffer.alloc(32, 3).toString('base64')},1:${kept}`,
      'key-issuance/KEY_PEPPER_CURRENT': () => '1',
      'key-issuance/GATEWAY_CERTIFICATES': () => 'gateway,gateway.edge-1',
    };
    for (const [file, change] of Object.entries(added)) {
      const path = join(folder, 'cn', file);
      writeFileSync(path, change(existsSync(path) ? readFileSync(path, 'utf8') : ''));
    }
    const before = all();
    for (const flags of [['--sandbox'], [], ['--sandbox', '--port', '8443']]) {
      expect(await region('init', 'cn', ...flags)).toMatchObject({ code: 0 });
      expect(all()).toEqual(before);
    }
  }, 120_000);

  test('of a region in production keeps its port, its profile, and the hosts that its operator has set', async () => {
    const { cn } = profiles;
    const addresses = { ...(cn as Profile).addresses, api: 'https://api.eu.example' };
    const profile = join(folder, 'eu.json');
    writeFileSync(profile, JSON.stringify({ ...cn, id: 'eu', addresses }));
    expect(await region('init', 'eu', '--profile', profile, '--port', '10443')).toMatchObject({ code: 0 });
    writeFileSync(join(folder, 'eu.env'), read('eu.env').replace('=api.eu.example', '=api.eu.elsewhere.example'));
    const before = all();
    expect(await region('init', 'eu')).toMatchObject({ code: 0 });
    const conf = 'listen 10443 ssl;\nserver_name api.eu.elsewhere.example;\n';
    expect(all()).toEqual({ ...before, 'eu/edge/api.conf': conf });
  }, 120_000);

  test.each([
    ['cn', ['--port', '9999'], '--port contradicts', 'EDGE_PORT=8443, not 9999'],
    ['eu', ['--sandbox'], '--sandbox contradicts', 'OUTSIDE_CA=, not /run/secrets/outside-ca.crt'],
    ['eu', ['--profile'], '--profile contradicts', 'ISSUER=https://api.eu.example, not https://api.eu.moved.example'],
  ])('of %s with %j, which its settings contradict, is refused and changes nothing', async (id, flags, name, what) => {
    const moved = join(folder, 'moved.json');
    writeFileSync(moved, read('eu.json').replaceAll('//api.eu.example', '//api.eu.moved.example'));
    const before = all();
    const refused = await region('init', id, ...flags, ...(flags.includes('--profile') ? [moved] : []));
    expect(refused).toMatchObject({ code: 1, text: expect.stringContaining(name) });
    expect(refused.text).toContain(what);
    expect(all()).toEqual(before);
  });

  test('adds what a newer version needs besides', async () => {
    const lost = join(folder, 'cn', 'identity', 'CONTACT_KEY');
    const before = readFileSync(lost, 'utf8');
    rmSync(lost);
    expect(await region('init', 'cn', '--sandbox')).toMatchObject({ code: 0 });
    expect(readFileSync(lost, 'utf8')).toBe(before);
  }, 120_000);
});

describe('npm run region -- certificate', () => {
  test('issues a client certificate of that name by the authority of the region, for its owner alone to read', async () => {
    const issued = await region('certificate', 'cn', 'gateway.edge-1');
    expect(issued).toMatchObject({ code: 0, text: expect.stringContaining('key and certificate issued in') });
    expect(issued.text).toContain('GATEWAY_CERTIFICATES');
    const certificate = certificateOf('gateway.edge-1');
    expect(certificate.subject).toBe('CN=gateway.edge-1');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.ca).toBe(false);
    const ca = read('cn', 'ca', 'ca.crt');
    expect(certificate.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(read('cn', 'gateway.edge-1', 'ca.crt')).toBe(ca);
    expect(read('cn', 'gateway.edge-1', 'gateway.key')).toContain('PRIVATE KEY');
    expect(statSync(join(folder, 'cn', 'gateway.edge-1', 'gateway.key')).mode & 0o777).toBe(0o600);
  });

  test('issues it anew when asked again, and says so', async () => {
    const before = certificateOf('gateway.edge-1').fingerprint256;
    expect(await region('certificate', 'cn', 'gateway.edge-1')).toMatchObject({
      code: 0,
      text: expect.stringContaining('issued anew'),
    });
    expect(certificateOf('gateway.edge-1').fingerprint256).not.toBe(before);
  });

  test('refuses the name of a service: its holder would pose as that', async () => {
    const own = read('cn', 'billing', 'INTERNAL_TLS_CERT');
    expect(await region('certificate', 'cn', 'billing')).toMatchObject({
      code: 1,
      text: expect.stringContaining('a certificate is for gateway.<name>'),
    });
    expect(read('cn', 'billing', 'INTERNAL_TLS_CERT')).toBe(own);
  });

  test.each(['gateway', 'key-issuance', 'edge', 'gateway.', 'gateway.Edge', 'gateway.a/../../billing', 'gateway.a.b'])(
    '"%s" is no name for one either',
    (name) => expect(isGatewayName(name)).toBe(false),
  );

  test('of a region that is not here is refused, and makes no authority', async () => {
    expect(await region('certificate', 'global', 'gateway.edge-1')).toMatchObject({
      code: 1,
      text: expect.stringContaining('has not been drawn here'),
    });
    expect(() => statSync(join(folder, 'global'))).toThrow('ENOENT');
  });

  test('is part of the help', async () => {
    expect((await region('--help')).text).toContain('npm run region -- certificate <id> gateway.<name>');
  });
});

test('rotating certificates renews those of own gateways too, and says where to bring them', async () => {
  const before = certificateOf('gateway.edge-1').fingerprint256;
  const rotated = await region('rotate', 'cn', 'certificates');
  expect(rotated).toMatchObject({ code: 0, text: expect.stringContaining(join(folder, 'cn', 'gateway.edge-1')) });
  // Services leave before what they need: `up` alone would stop databases and Kafka first.
  expect(rotated.text).toMatch(
    /region\.yml stop && docker compose .*region\.yml up --detach --wait --force-recreate$/m,
  );
  expect(certificateOf('gateway.edge-1').fingerprint256).not.toBe(before);
}, 60_000);

describe('rotating service keys', () => {
  const env = (service: string, name: string) => read('cn', service, name);
  const known = (service: string) => JSON.parse(env(service, 'SERVICE_KEYS')) as Record<string, string>;
  const calls = (callee: string) => Object.keys(known(callee)).map((caller) => [caller, callee] as const);
  /** Whether the callee takes what a holder of this key of the caller signs. */
  const taken = async (caller: ServiceName, callee: ServiceName, key: string) => {
    const now = () => new Date();
    const jwk = createPublicKey(known(callee)[caller] as string).export({ format: 'jwk' }) as ServiceKeys[ServiceName];
    const verify = createServiceVerifier({ service: callee, region: 'cn', now, keys: { [caller]: jwk } });
    const signed = createServiceTokens({ service: caller, region: 'cn', now, privateKey: createPrivateKey(key) });
    return verify(await signed.tokenFor(callee)).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    );
  };

  test('ends every token of the old ones, gives callers and callees the same new ones, and names own gateways', async () => {
    const pairs = serviceNames.flatMap(calls) as [ServiceName, ServiceName][];
    const old = Object.fromEntries(serviceNames.map((name) => [name, env(name, 'SERVICE_KEY')]));
    expect(pairs).toContainEqual(['gateway', 'billing']);
    const rotated = await region('rotate', 'cn', 'service-keys');
    expect(rotated).toMatchObject({ code: 0, text: expect.stringContaining(`restart ${serviceNames.join(' ')}`) });
    expect(rotated.text).toContain(`bring ${join(folder, 'cn', 'gateway', 'SERVICE_KEY')} to gateway.edge-1`);
    expect(serviceNames.flatMap(calls)).toEqual(pairs);
    for (const [caller, callee] of pairs) {
      expect(await taken(caller, callee, env(caller, 'SERVICE_KEY'))).toBe('taken');
      expect(await taken(caller, callee, old[caller] as string)).toBe('unauthenticated');
    }
  });

  test('stands when the region is drawn again', async () => {
    const keys = () => serviceNames.map((name) => [env(name, 'SERVICE_KEY'), env(name, 'SERVICE_KEYS')]);
    const before = keys();
    expect(await region('init', 'cn')).toMatchObject({ code: 0 });
    expect(keys()).toEqual(before);
  });
});

describe('the public certificate', () => {
  const edge = () => ['public.crt', 'public.key', 'client.crt'].map((name) => read('cn', 'edge', name));

  test('of the region is issued anew with the others, and by the next authority', async () => {
    const before = edge();
    for (const what of ['certificates', 'ca', 'ca-finish']) {
      const rotated = await region('rotate', 'cn', what);
      expect(rotated).toMatchObject({ code: 0, text: expect.not.stringContaining('was not issued here') });
      const issued = new X509Certificate(read('cn', 'edge', 'public.crt'));
      expect(issued.verify(new X509Certificate(read('cn', 'ca', 'ca.crt')).publicKey)).toBe(true);
    }
    for (const [index, text] of edge().entries()) expect(text).not.toBe(before[index]);
  }, 120_000);

  test('from elsewhere is left alone with its key by every rotation, which says so', async () => {
    const trusted = await openAuthority(join(folder, 'elsewhere'), 'cn');
    const bought = await trusted.issue({ name: 'api.example', hosts: ['api.example'], usage: ['serverAuth'] });
    // With its chain, as one buys it.
    writeFileSync(join(folder, 'cn', 'edge', 'public.crt'), bought.cert + trusted.bundle());
    writeFileSync(join(folder, 'cn', 'edge', 'public.key'), bought.key);
    const [cert, key, client] = edge();
    for (const what of ['certificates', 'ca', 'ca-finish']) {
      const rotated = await region('rotate', 'cn', what);
      expect(rotated).toMatchObject({
        code: 0,
        text: expect.stringMatching(/public\.crt was not issued here: it stays/),
      });
      expect(edge().slice(0, 2)).toEqual([cert, key]);
    }
    expect(edge()[2]).not.toBe(client);
  }, 120_000);
});
