// Both regions in containers, as an operator brings them up: the main job in each, the wall between them, what a service refuses to start with,
// and what its certificate, its database role and its Kafka principal may not do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { databaseNames, storedServices } from '../scripts/region/layout.ts';
import {
  type ComposeStack,
  composeAvailable,
  createComposeStack,
  outcomeOf,
  type StackRegion,
} from './support/compose-stack.ts';
import { runnableBlocks } from './support/operations.ts';

const other = (id: StackRegion): StackRegion => (id === 'cn' ? 'global' : 'cn');

/** Run inside a container: which of the addresses given take a TCP connection. */
const reachable = `
import { connect } from 'node:net';
const open = (address) => new Promise((resolve) => {
  const [host, port] = address.split(' ');
  const socket = connect({ host, port: Number(port) });
  const end = (result) => { socket.destroy(); resolve(result); };
  // Looking up a name that nobody has takes long, and what is there answers at once.
  setTimeout(() => end(undefined), 3000);
  socket.once('connect', () => end(address));
  socket.once('error', () => end(undefined));
});
const found = await Promise.all(process.argv.slice(1).map(open));
console.log(JSON.stringify(found.filter(Boolean)));
process.exit(0);
`;

/** Run inside billing's container: sends one message to the topic given, with billing's own certificate. */
const sendTo = `
import { readFileSync } from 'node:fs';
import { createKafkaClient } from '/meridian/packages/kit/src/events/kafka-client.ts';
const read = (name) => readFileSync('/run/secrets/INTERNAL_TLS_' + name, 'utf8');
const log = { warn() {}, debug() {}, trace() {}, info() {} };
const client = createKafkaClient({ brokers: ['kafka:9093'], clientId: 'billing', log, ssl: { key: read('KEY'), cert: read('CERT'), ca: read('CA') } });
const producer = client.producer({ retry: { retries: 0 } });
await producer.connect();
const outcome = await producer.send({ topic: process.argv[1], acks: -1, messages: [{ key: 'k', value: 'v' }] }).then(() => 'sent', (error) => error.type ?? error.cause?.type ?? error.message);
await producer.disconnect();
console.log(outcome);
`;

/** Run inside a container: the status, or the failure, of a request to another service's internal listener. */
const ask = `
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
const [url, certificate] = process.argv.slice(1);
const read = (name) => readFileSync('/run/secrets/INTERNAL_TLS_' + name, 'utf8');
const own = certificate === 'own' ? { key: read('KEY'), cert: read('CERT') } : {};
request(url, { ...own, ca: read('CA') }, (answer) => { answer.resume(); console.log(answer.statusCode); })
  .on('error', (error) => console.log(error.code)).end();
`;

/** Run inside the gateway's container: the status of a call to key-issuance signed with the key given (PEM in base64). */
const callWith = `
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServiceTokens } from '/meridian/packages/kit/src/auth/service-tokens.ts';
const read = (name) => readFileSync('/run/secrets/INTERNAL_TLS_' + name, 'utf8');
const privateKey = createPrivateKey(Buffer.from(process.argv[1], 'base64'));
const token = await createServiceTokens({ service: 'gateway', region: 'cn', privateKey, now: () => new Date() }).tokenFor('key-issuance');
const own = { key: read('KEY'), cert: read('CERT'), ca: read('CA'), headers: { authorization: 'Bearer ' + token } };
request('https://key-issuance:4444/internal/v1/keys/changes', own, (answer) => { answer.resume(); console.log(answer.statusCode); })
  .on('error', (error) => console.log(error.code)).end();
`;

const available = await composeAvailable();

describeNeeding('docker compose', available, 'both regions in containers', () => {
  let stack: ComposeStack;
  const inside = async (container: string, program: string, ...args: string[]) => {
    const { stdout, stderr } = await stack.exec(container, 'node', '--input-type=module', '-e', program, ...args);
    return stdout.trim() || stderr.trim();
  };

  beforeAll(async () => {
    stack = createComposeStack();
    await stack.prepare();
    await stack.up();
  }, 1_800_000);
  afterAll(async () => {
    expect(await stack.down()).toBe('');
  }, 240_000);

  test('the main job passes in both, at the same time', async () => {
    const [cn, global] = await Promise.all([stack.journey('cn'), stack.journey('global')]);
    expect(cn).toContain('journey passed: 13 steps');
    expect(global).toContain('journey passed: 11 steps');
  }, 320_000);

  test.each(['cn', 'global'] as const)(
    'from %s nothing of the other region can be reached',
    async (id) => {
      const ports = [4443, 4444, 5432, 9093, 9094, 8443, 9443];
      const all = await stack.containers();
      const of = (region: string) =>
        all.filter(({ name }) => name.startsWith(`${region}-`)).flatMap(({ addresses }) => addresses);
      expect(of(other(id)).length).toBeGreaterThanOrEqual(13);
      const foreign = of(other(id)).flatMap((address) => ports.map((port) => `${address} ${port}`));
      const names = ['billing', 'billing-db', 'kafka', 'edge'].map((name) => `${other(id)}-${name} 4444`);
      const publicNames = [`api.${other(id)}.localhost 8443`, `api.${other(id)}.localhost 9443`];
      // In both of its networks, and in the one without a way out.
      for (const from of [`${id}-identity`, `${id}-moderation`])
        expect(JSON.parse(await inside(from, reachable, ...foreign, ...names, ...publicNames))).toEqual([]);
      // The probe itself sees what is there.
      const own = ['billing 4444', 'billing-db 5432', 'kafka 9093', 'sandbox.localhost 7443'];
      expect(JSON.parse(await inside(`${id}-identity`, reachable, ...own))).toEqual(own);
    },
    180_000,
  );

  test('listeners on this machine are on loopback alone', async () => {
    const { stdout } = await stack.compose('ps', '--format', '{{.Ports}}');
    const published = [...stdout.matchAll(/(\S+):(\d+)->/g)].map(([, host, port]) => `${host}:${port}`);
    expect([...new Set(published)].sort()).toEqual(['127.0.0.1:7443', '127.0.0.1:8443', '127.0.0.1:9443']);
  });

  test.each(['cn-billing', 'cn-kafka', 'cn-edge', 'cn-billing-db', 'sandbox'])(
    '%s has a read-only root, no capability it does not need and no way to more',
    async (name) => {
      const { stdout } = await stack.compose('ps', '-q', name);
      const inspected = await outcomeOf('docker', ['inspect', '-f', '{{json .HostConfig}} ', stdout.trim()]);
      const host = JSON.parse(inspected.stdout) as Record<string, unknown>;
      expect(host).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'], Privileged: false });
      expect(host.SecurityOpt).toContain('no-new-privileges:true');
      expect(host.Memory).toBeGreaterThan(0);
      const user = (await stack.exec(name, 'id', '-u')).stdout.trim();
      if (name !== 'cn-billing-db') expect(user).not.toBe('0');
    },
  );

  describeNeeding('docker compose', available, 'production refuses to start', () => {
    const refused = async (container: string, settings: Record<string, string>, volumes: string[] = []) => {
      const { code, stderr } = await stack.runOnce(container, settings, volumes);
      expect(code).not.toBe(0);
      return stderr;
    };

    test('without certificates, without verified TLS to its database, without Kafka, with plain addresses: all told at once', async () => {
      const stderr = await refused('cn-billing', {
        SECRETS_DIR: '/run/secrets',
        INTERNAL_TLS_KEY_FILE: '/dev/null',
        INTERNAL_TLS_CERT_FILE: '/dev/null',
        INTERNAL_TLS_CA_FILE: '/dev/null',
        DATABASE_URL: 'postgres://billing_app:some-long-password@billing-db:5432/billing',
        EVENT_BUS_URL: 'postgres://bus:some-long-password@billing-db:5432/bus',
        IDENTITY_URL: 'http://identity:4444',
      });
      for (const name of ['INTERNAL_TLS_KEY', 'INTERNAL_TLS_CERT', 'INTERNAL_TLS_CA'])
        expect(stderr).toContain(`${name} is missing: production needs mutual TLS between services`);
      expect(stderr).toContain('DATABASE_URL must end with sslmode=verify-full');
      expect(stderr).toContain('DATABASE_URL must name the CA of the database');
      expect(stderr).toContain('EVENT_BUS_URL must be a kafka:// address in production');
      expect(stderr).toContain('IDENTITY_URL must begin with https://');
      expect(stderr).not.toContain('some-long-password');
    }, 180_000);

    test("with another service's certificate", async () => {
      const folder = join(stack.folder, 'cn', 'verification');
      const volumes = ['INTERNAL_TLS_KEY', 'INTERNAL_TLS_CERT'].map((name) => `${join(folder, name)}:/tmp/${name}:ro`);
      const settings = {
        INTERNAL_TLS_KEY_FILE: '/tmp/INTERNAL_TLS_KEY',
        INTERNAL_TLS_CERT_FILE: '/tmp/INTERNAL_TLS_CERT',
      };
      expect(await refused('cn-billing', settings, volumes)).toContain(
        'INTERNAL_TLS_CERT is the certificate of "verification", not of "billing"',
      );
    }, 180_000);

    test("with another region's authority: its own database is not believed", async () => {
      const volumes = [`${join(stack.folder, 'global', 'billing')}:/foreign:ro`];
      const foreign = readFileSync(join(stack.folder, 'cn', 'billing', 'DATABASE_URL'), 'utf8').replaceAll(
        '/run/secrets/',
        '/foreign/',
      );
      expect(await refused('cn-billing', { DATABASE_URL: foreign }, volumes)).toMatch(
        /certificate|self.signed|unable to verify/i,
      );
    }, 180_000);

    test('as the owner of its tables, who could change them', async () => {
      const owner = readFileSync(join(stack.folder, 'cn', 'billing-migrate', 'DATABASE_OWNER_URL'), 'utf8');
      expect(await refused('cn-billing', { DATABASE_URL: owner })).toMatch(
        /the role "billing_owner" in DATABASE_URL owns .* production runs a service by a role without DDL/,
      );
    }, 180_000);

    test('on a database older or newer than the code, naming what mends it', async () => {
      const last = "(select name from migration where name like 'service/%' order by name desc limit 1)";
      await stack.sql(
        'cn-billing-db',
        'billing',
        `create table kept as select * from migration where name = ${last}; delete from migration where name = ${last}`,
      );
      const older = await refused('cn-billing', {});
      expect(older).toContain('the database lacks 1 migration(s) of this version');
      expect(older).toContain('services/billing/src/migrate.ts');
      await stack.sql(
        'cn-billing-db',
        'billing',
        "insert into migration select * from kept; drop table kept; insert into migration values ('service/9999-from-the-future', now()::text)",
      );
      expect(await refused('cn-billing', {})).toContain(
        '"service/9999-from-the-future", which this version of the code does not know: deploy the newer code',
      );
      await stack.sql('cn-billing-db', 'billing', "delete from migration where name = 'service/9999-from-the-future'");
    }, 180_000);
  });

  describeNeeding('docker compose', available, 'rights between machines', () => {
    const asApplication = (text: string) =>
      stack.sql('cn-billing-db', 'billing', `set session authorization billing_app; ${text}`).then(
        () => 'done',
        (error: Error) => error.message,
      );

    test('a service has no DDL in its database, and billing cannot rewrite what was booked', async () => {
      expect(await asApplication('create table mine (id int)')).toContain('permission denied for schema public');
      expect(await asApplication('drop table balance')).toContain('must be owner of table balance');
      expect(await asApplication('alter table balance disable trigger all')).toContain('must be owner');
      expect(await asApplication('truncate balance')).toContain('permission denied');
      for (const table of ['ledger_entry', 'ledger_transaction']) {
        expect(
          await asApplication(
            `update ${table} set created_at = now()`.replace(
              'ledger_entry set created_at = now()',
              'ledger_entry set amount = 1',
            ),
          ),
        ).toContain(`permission denied for table ${table}`);
        expect(await asApplication(`delete from ${table}`)).toContain(`permission denied for table ${table}`);
      }
      expect(await asApplication('delete from migration')).toContain('permission denied for table migration');
      expect(await asApplication('select count(*) from ledger_entry; select count(*) from migration')).toBe('done');
    }, 180_000);

    test('PostgreSQL takes no connection without TLS, without a certificate of the region, or as superuser', async () => {
      const tryUrl = async (change: (url: URL) => void) => {
        const url = new URL(readFileSync(join(stack.folder, 'cn', 'billing', 'DATABASE_URL'), 'utf8'));
        change(url);
        const program = `import pg from '/meridian/packages/kit/node_modules/pg/esm/index.mjs';
          const c = new pg.Client({ connectionString: process.argv[1], connectionTimeoutMillis: 5000 });
          await c.connect().then(() => console.log('connected'), (e) => console.log(e.message)); await c.end();`;
        return inside('cn-billing', program, url.href);
      };
      expect(await tryUrl(() => undefined)).toBe('connected');
      expect(
        await tryUrl((url) => {
          url.search = '';
        }),
      ).toMatch(/no pg_hba.conf entry.*no encryption/);
      expect(
        await tryUrl((url) => {
          url.searchParams.delete('sslcert');
          url.searchParams.delete('sslkey');
        }),
      ).toMatch(/client certificate/);
      expect(
        await tryUrl((url) => {
          url.username = 'postgres';
        }),
      ).toMatch(/reject/);
      expect(
        await tryUrl((url) => {
          url.password = 'wrong';
        }),
      ).toMatch(/password authentication failed/);
    }, 180_000);

    test('a service writes its own topic and no other', async () => {
      expect(await inside('cn-billing', sendTo, 'cn.identity.events')).toMatch(/TOPIC_AUTHORIZATION_FAILED/);
      // Neither a topic it listens to nor one it may invent.
      expect(await inside('cn-billing', sendTo, 'cn.moderation.events')).toMatch(/TOPIC_AUTHORIZATION_FAILED/);
      expect(await inside('cn-billing', sendTo, 'cn.invented.events')).toMatch(/AUTHORIZATION_FAILED|UNKNOWN_TOPIC/);
      // Last: what reads it parks it, since it is no event.
      expect(await inside('cn-billing', sendTo, 'cn.billing.events')).toBe('sent');
    }, 180_000);

    test('an internal listener speaks to holders of a certificate of the region alone', async () => {
      expect(await inside('cn-identity', ask, 'https://billing:4444/readyz', 'own')).toBe('200');
      expect(await inside('cn-identity', ask, 'https://billing:4444/readyz', 'none')).toMatch(
        /CERTIFICATE_REQUIRED|ECONNRESET|EPROTO|SSL/,
      );
      expect(await inside('cn-identity', ask, 'https://billing:4443/readyz', 'none')).toMatch(
        /CERTIFICATE_REQUIRED|ECONNRESET|EPROTO|SSL/,
      );
    }, 180_000);
  });

  describeNeeding('docker compose', available, 'the edge', () => {
    const console = 'https://console.cn.meridian.example';
    const preflight = (path: string, origin: string) =>
      stack.ask('cn', path, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
      });

    test('lets pages of the region ask, and nobody else', async () => {
      const allowed = await preflight('/v1/codes', console);
      expect(allowed.status).toBe(204);
      expect(allowed.headers['access-control-allow-origin']).toBe(console);
      expect((await preflight('/v1/codes', 'https://evil.example')).headers).not.toHaveProperty(
        'access-control-allow-origin',
      );
    });

    test('draws request ids of its own, believes no forwarded address, and tells both to the service', async () => {
      const asked = () =>
        stack.ask('cn', '/v1/region', {
          headers: { 'x-request-id': 'mine', 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9' },
        });
      const [one, other] = [await asked(), await asked()];
      for (const { headers } of [one, other]) expect(headers['x-request-id']).toMatch(/^[0-9a-z_-]{20,}$/i);
      expect(one.headers['x-request-id']).not.toBe(other.headers['x-request-id']);
      const { stdout } = await stack.compose('logs', '--no-log-prefix', 'cn-identity', 'cn-edge');
      expect(stdout).toContain(one.headers['x-request-id'] as string);
      expect(stdout).not.toContain('203.0.113.9');
      // The flood guard counts by address: were the forwarded one believed, each of these would be another caller.
      const statuses = await Promise.all(
        Array.from({ length: 120 }, (_, i) =>
          stack
            .ask('cn', '/v1/sessions/password', {
              method: 'POST',
              headers: { 'content-type': 'application/json', 'x-forwarded-for': `203.0.113.${i}` },
              body: '{}',
            })
            .then(
              ({ status }) => status,
              () => undefined,
            ),
        ),
      );
      expect(statuses).toContain(429);
    }, 180_000);

    test('answers what no service does as a problem that a page of the region can read', async () => {
      const unknown = await stack.ask('cn', '/v1/nothing', { headers: { origin: console } });
      expect(unknown).toMatchObject({
        status: 404,
        headers: { 'content-type': 'application/problem+json', 'access-control-allow-origin': console, vary: 'Origin' },
        body: { code: 'not_found', requestId: expect.any(String) },
      });
      const large = await stack.ask('cn', '/v1/codes', {
        method: 'POST',
        headers: { origin: console, 'content-type': 'application/json' },
        body: JSON.stringify('x'.repeat(70_000)),
      });
      expect(large).toMatchObject({
        status: 413,
        headers: { 'access-control-allow-origin': console },
        body: { code: 'body_too_large' },
      });
      const broken = await stack.ask('cn', '/v1/keys/%zz');
      expect(broken).toMatchObject({
        status: 400,
        headers: { 'content-type': 'application/problem+json' },
        body: { code: 'invalid_input', requestId: broken.headers['x-request-id'] },
      });
      const long = await stack.ask('cn', '/v1/region', { headers: { origin: console, 'x-long': 'x'.repeat(17_000) } });
      expect(long).toMatchObject({
        status: 431,
        headers: { 'access-control-allow-origin': console },
        body: { code: 'headers_too_large' },
      });
      const stranger = await stack.ask('cn', '/v1/nothing', { headers: { origin: 'https://evil.example' } });
      expect(stranger.headers).not.toHaveProperty('access-control-allow-origin');
    });

    test('a service that is away is a 503 with Retry-After, to a page too; it is found again when it is back', async () => {
      await stack.compose('stop', '-t', '20', 'cn-moderation');
      expect((await preflight('/v1/moderation/protection', console)).status).toBe(204);
      const away = await stack.ask('cn', '/v1/moderation/protection', { headers: { origin: console } });
      expect(away).toMatchObject({
        status: 503,
        headers: { 'retry-after': '1', 'access-control-allow-origin': console },
        body: { code: 'unavailable' },
      });
      await stack.up('cn-moderation');
      await waitFor(async () => (await stack.ask('cn', '/v1/moderation/protection')).status === 401, {
        timeoutMs: 60_000,
        everyMs: 500,
      });
    }, 180_000);

    test('gives names of other regions no handshake', async () => {
      const refusal = await new Promise((done) => {
        const socket = connect({ host: '127.0.0.1', port: 8443, servername: 'api.global.localhost' });
        socket.once('secureConnect', () => done('connected'));
        socket.once('error', (error) => done(error.message));
      });
      expect(refusal).toMatch(/unrecognized name/i);
    });
  });

  describeNeeding('docker compose', available, 'profile observability', () => {
    type Target = { labels: { service: string }; health: string; lastError: string };
    const asked = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:8444/api/v1/${path}`);
      return ((await answer.json()) as { data: unknown }).data;
    };

    test('Prometheus reads the metrics of all six programs over mutual TLS, and its alerts are about metrics that exist', async () => {
      await stack.up('--no-deps', 'cn-prometheus');
      const targets = () => asked('targets') as Promise<{ activeTargets: Target[] }>;
      // None, until Prometheus has read its configuration.
      const allUp = ({ activeTargets: found }: { activeTargets: Target[] }) =>
        found.length > 0 && found.every(({ health }) => health === 'up');
      await waitFor(async () => allUp(await targets()), { timeoutMs: 90_000, everyMs: 1_000 });
      expect((await targets()).activeTargets.map(({ labels }) => labels.service).sort()).toEqual([
        'billing',
        'gateway',
        'identity',
        'key-issuance',
        'moderation',
        'verification',
      ]);
      const { groups } = (await asked('rules')) as {
        groups: { rules: { name: string; query: string; health: string }[] }[];
      };
      const rules = groups.flatMap((group) => group.rules);
      expect(rules.length).toBeGreaterThanOrEqual(10);
      const declared = Object.keys((await asked('metadata')) as object);
      const known = new Set(declared.flatMap((name) => [name, `${name}_count`]));
      const used = rules.flatMap(({ query }) =>
        [...query.matchAll(/\b[a-z]+(?:_[a-z]+)+\b(?=[{[)]| ?>|$)/g)].map(([name]) => name),
      );
      expect(used.length).toBeGreaterThanOrEqual(rules.length);
      expect(used.filter((name) => !known.has(name))).toEqual([]);
      // The increase of a counter that appears with its first event would not be seen, and no rate of it is compared with another.
      const series = (await asked('label/__name__/values')) as string[];
      for (const { query } of rules)
        for (const [, counter] of query.matchAll(/\b(?:increase|rate)\((\w+)/g)) expect(series).toContain(counter);
    }, 240_000);
  });

  test('the commands that mend Kafka and events run in the containers, with their certificates and addresses', async () => {
    const prepare = (...words: string[]) =>
      stack.compose('run', '--rm', '-T', 'cn-kafka-prepare', 'packages/kit/src/run/prepare-kafka.ts', ...words);
    const events = (container: string, ...words: string[]) =>
      stack.exec(container, 'node', 'packages/kit/src/run/events-command.ts', ...words);
    for (const outcome of [await prepare(), await prepare('check'), await prepare('configure')])
      expect(outcome).toMatchObject({ code: 0 });
    expect(await events('cn-billing', 'list')).toMatchObject({ code: 0 });
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
    // Of the journey's account, among others.
    const republished = await events('cn-identity', 'republish', '--since', hourAgo);
    expect(republished).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[1-9]\d* queued/) });
  }, 180_000);

  // Last, because it makes every container of the region anew.
  test('secrets, passwords and the private authority of a running region are replaced, by the lines of the documentation', async () => {
    const [databases = [], serviceKeys = [], authority = [], certificates = []] = runnableBlocks('Rotation');
    const trusted = () => readFileSync(join(stack.folder, 'cn', 'billing', 'INTERNAL_TLS_CA'), 'utf8');

    const started = await stack.sql('cn-billing-db', 'billing', 'select now()');
    expect(await stack.line(databases[0] as string)).toContain('exec billing-db /etc/meridian/roles.sh');
    for (const line of databases.slice(1)) await stack.line(line);
    // A session that outlived it would hide that the service has not got the new password.
    for (const service of storedServices) {
      const { database, application } = databaseNames(service);
      const sessions = (which: string) =>
        stack.sql(
          `cn-${service}-db`,
          database,
          `select count(*) from pg_stat_activity where usename = '${application}' and backend_start ${which} '${started.trim()}'`,
        );
      expect(Number(await sessions('<'))).toBe(0);
      expect(Number(await sessions('>='))).toBeGreaterThan(0);
    }

    const serviceKey = () => readFileSync(join(stack.folder, 'cn', 'gateway', 'SERVICE_KEY')).toString('base64');
    const old = serviceKey();
    expect(await inside('cn-gateway', callWith, old)).toBe('200');
    for (const line of serviceKeys) await stack.line(line);
    expect(await inside('cn-gateway', callWith, serviceKey())).toBe('200');
    expect(await inside('cn-gateway', callWith, old)).toBe('401');

    const before = trusted();
    const finish = authority.findIndex((line) => line.endsWith('rotate cn ca-finish'));
    await stack.line(authority[0] as string);
    expect(trusted().split('BEGIN CERTIFICATE').length).toBe(3);
    expect(trusted()).toContain(before.trim());
    for (const line of authority.slice(1, finish)) await stack.line(line);
    expect(await stack.line(authority[finish] as string)).toContain('replaced');
    expect(trusted()).not.toContain(before.trim());
    for (const line of authority.slice(finish + 1)) await stack.line(line);

    const kept = readFileSync(join(stack.folder, 'cn', 'billing', 'INTERNAL_TLS_CERT'), 'utf8');
    for (const line of certificates) await stack.line(line);
    expect(readFileSync(join(stack.folder, 'cn', 'billing', 'INTERNAL_TLS_CERT'), 'utf8')).not.toBe(kept);
    // Over the new certificates alone: databases, Kafka in both directions, services among each other, the edge.
    expect(await stack.journey('cn')).toContain('journey passed: 13 steps');
  }, 1_800_000);
});
