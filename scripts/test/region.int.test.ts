// npm run region, as an operator runs it, in a folder of its own.
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
    expect(await region('init', 'cn', '--sandbox')).toMatchObject({ code: 0 });
    expect(all()).toEqual(before);
  }, 120_000);

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
  expect(certificateOf('gateway.edge-1').fingerprint256).not.toBe(before);
}, 60_000);
