// What an owner may do with keys beyond making and revoking one.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { exampleKey } from '@meridian/client/key-scanner.ts';
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import {
  createKey,
  createTemporaryKey,
  getKey,
  getKeyPattern,
  listKeyAudit,
  listKeyChanges,
  listKeyProjects,
  listKeys,
  reportLeakedKey,
  revokeAllKeys,
  revokeKey,
  rotateKey,
  updateKey,
  verifyKey,
} from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import pg from 'pg';
import { foreignOf, type Harness, startHarness } from './harness.ts';

let shift = 0;
const now = () => new Date(Date.now() + shift);
let service: Harness;
let admin: pg.Client;
beforeAll(async () => {
  service = await startHarness({ overrides: { now } });
  admin = new pg.Client({ connectionString: service.databaseUrl });
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await service?.stop();
});

const fresh = () => newId('idem', 'cn', now());
const newKey = async (more: object = {}, accountId = service.newAccount()) => {
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg', ...more },
    idempotencyKey: fresh(),
  });
  return { accountId, keyId: body.key.keyId, secret: body.secret, key: body.key };
};
const standingOf = async (key: string, use: { model?: string; endpoint?: string; ip?: string } = {}) => {
  const { body } = await service.asService('gateway', verifyKey, { body: { key, product: 'payg', ...use } });
  return body.valid ? 'valid' : body.refusal.code;
};
const update = async ({ accountId, keyId }: { accountId: string; keyId: string }, body: object) =>
  (await service.asUser(accountId, updateKey, { params: { keyId }, body })).body;

describe('scopes', () => {
  test('bind a key to networks, endpoints and models; changing them counts at once', async () => {
    const key = await newKey({
      networks: ['192.168.1.77/24', '2001:DB8::/32', '::ffff:10.0.0.0/104', '192.168.1.0/24'],
      endpoints: ['chat/completions'],
      models: ['a', 'b', 'a'],
    });
    expect(key.key).toMatchObject({ networks: ['192.168.1.0/24', '2001:db8::/32', '10.0.0.0/8'], models: ['a', 'b'] });
    const use = { model: 'a', endpoint: 'chat/completions', ip: '10.1.2.3' };
    expect(await standingOf(key.secret, use)).toBe('valid');
    expect(await standingOf(key.secret, { ...use, ip: '2001:db8:1::1' })).toBe('valid');
    expect(await standingOf(key.secret, { ...use, ip: '11.1.2.3' })).toBe('ip_not_allowed');
    expect(await standingOf(key.secret, { ...use, endpoint: 'embeddings' })).toBe('endpoint_not_allowed');
    expect(await standingOf(key.secret, { ...use, model: 'c' })).toBe('model_not_allowed');
    expect(await standingOf(key.secret)).toBe('ip_not_allowed');
    const changed = await update(key, { networks: null, endpoints: null, models: ['c'], name: 'renamed' });
    expect(changed).toMatchObject({ name: 'renamed', networks: null, endpoints: null, models: ['c'] });
    expect(await standingOf(key.secret, { model: 'c' })).toBe('valid');
    expect(await standingOf(key.secret, { model: 'a' })).toBe('model_not_allowed');
  });

  test.each([
    [{ networks: ['10.0.0.0/33'] }],
    [{ networks: ['nowhere'] }],
    [{ networks: ['fe80::1%eth0'] }],
    [{ networks: [] }],
    [{ networks: Array(51).fill('10.0.0.1') }],
    [{ models: [] }],
    [{ endpoints: ['/chat'] }],
    [{ limits: { requestsPerMinute: 0 } }],
    [{ expiresAt: '2020-01-01T00:00:00Z' }],
  ])('%j is refused', async (more) => {
    await expect(newKey(more)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('an expired key says so, and makes room for another', async () => {
    const key = await newKey({ expiresAt: new Date(now().getTime() + 60_000).toISOString() });
    expect(await standingOf(key.secret)).toBe('valid');
    shift += 61_000;
    expect(await standingOf(key.secret)).toBe('key_expired');
    const { body } = await service.asUser(key.accountId, getKey, { params: { keyId: key.keyId } });
    expect(body.status).toBe('expired');
    await expect(update(key, { expiresAt: null })).rejects.toMatchObject({ code: 'key_not_active' });
  });
});

describe('temporary keys', () => {
  const create = (body: object, accountId = service.newAccount()) =>
    service
      .asUser(accountId, createTemporaryKey, {
        body: { name: 't', product: 'payg', lifeSeconds: 600, models: ['m'], ...body },
        idempotencyKey: fresh(),
      })
      .then((answer) => ({ ...answer.body, accountId, keyId: answer.body.key.keyId }));

  test('end by themselves, and their end cannot be moved', async () => {
    const made = await create({});
    expect(made.key.kind).toBe('temporary');
    expect(await standingOf(made.secret, { model: 'm' })).toBe('valid');
    const later = new Date(now().getTime() + 6_000_000).toISOString();
    for (const body of [{ expiresAt: later }, { expiresAt: null }, { models: null }])
      await expect(update(made, body)).rejects.toMatchObject({ code: 'expiry_fixed' });
    shift += 601_000;
    expect(await standingOf(made.secret, { model: 'm' })).toBe('key_expired');
  });

  test('live for 30 days at most and need models', async () => {
    await create({ lifeSeconds: 30 * 86_400 });
    await expect(create({ lifeSeconds: 30 * 86_400 + 1 })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(create({ models: null })).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('projects', () => {
  test('hold keys by name; listing and revoking go by project', async () => {
    const accountId = service.newAccount();
    const made = [];
    for (const project of ['alpha', 'beta', 'alpha']) made.push(await newKey({ project }, accountId));
    const [first, other, second] = made as [(typeof made)[0], (typeof made)[0], (typeof made)[0]];
    const idsOf = async (project: string) =>
      (await service.asUser(accountId, listKeys, { query: { project } })).body.items.map((key) => key.keyId);
    expect(await idsOf('alpha')).toEqual([second.keyId, first.keyId]);
    expect(await idsOf('gamma')).toEqual([]);
    const after = (await service.asService('gateway', listKeyChanges, { query: { wait: 0 } })).body.position;
    const { body: revoked } = await service.asUser(accountId, revokeAllKeys, { body: { project: 'alpha' } });
    expect(revoked).toEqual({ revoked: 2 });
    const { body } = await service.asService('gateway', listKeyChanges, { query: { wait: 0, after } });
    expect(body.changes.map(({ keyId }) => keyId).sort()).toEqual([first.keyId, second.keyId].sort());
    expect([await standingOf(first.secret), await standingOf(second.secret)]).toEqual(['key_revoked', 'key_revoked']);
    expect(await standingOf(other.secret)).toBe('valid');
    const { body: projects } = await service.asUser(accountId, listKeyProjects, {});
    expect(projects.items).toEqual([
      { name: 'alpha', activeKeys: 0 },
      { name: 'beta', activeKeys: 1 },
    ]);
    expect((await service.asUser(accountId, revokeAllKeys, { body: {} })).body).toEqual({ revoked: 1 });
    expect((await service.asUser(accountId, revokeAllKeys, { body: {} })).body).toEqual({ revoked: 0 });
    expect(await standingOf(other.secret)).toBe('key_revoked');
  });
});

describe('the audit', () => {
  test('tells who did what, newest first, page by page, of one key or all, to its owner alone', async () => {
    const key = await newKey();
    const other = await newKey({}, key.accountId);
    await update(key, { name: 'n' });
    await service.asUser(key.accountId, rotateKey, { params: { keyId: key.keyId }, body: {}, idempotencyKey: fresh() });
    await service.asUser(key.accountId, revokeKey, { params: { keyId: key.keyId } });
    const actions: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await service.asUser(key.accountId, listKeyAudit, {
        query: { limit: 2, ...(cursor && { cursor }) },
      });
      actions.push(...body.items.map(({ actor, action, keyId }) => `${actor} ${action} ${keyId === key.keyId}`));
      cursor = body.next ?? undefined;
    } while (cursor !== undefined);
    expect(actions).toEqual([
      'owner revoke true',
      'owner rotate true',
      'owner update true',
      'owner create false',
      'owner create true',
    ]);
    const { body } = await service.asUser(key.accountId, listKeyAudit, { query: { keyId: other.keyId } });
    expect(body.items.map(({ action }) => action)).toEqual(['create']);
    expect((await service.asUser(service.newAccount(), listKeyAudit, {})).body.items).toEqual([]);
    await expect(service.asUser(key.accountId, listKeyAudit, { query: { cursor: 'eA' } })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});

describe('leak reports', () => {
  const report = async (key: string) => {
    const { body, status } = await call(reportLeakedKey, { baseUrl: service.running.publicUrl, body: { key } });
    return { body, status };
  };

  test('revoke a working key, tell gateways and the platform, and answer the same for anything else', async () => {
    const key = await newKey();
    const answers = [
      await report(key.secret),
      await report(key.secret),
      await report(exampleKey('cn')),
      await report('x'),
    ];
    expect(answers).toEqual(Array(4).fill({ body: { received: true }, status: 202 }));
    expect(await standingOf(key.secret)).toBe('key_revoked');
    const { rows } = await admin.query('select actor, action from key_audit where key_id = $1 order by id', [
      key.keyId,
    ]);
    expect(rows).toEqual([
      { actor: 'owner', action: 'create' },
      { actor: 'leak_report', action: 'revoke' },
    ]);
    const { rows: changes } = await admin.query('select reason from key_change where key_id = $1', [key.keyId]);
    expect(changes).toEqual([{ reason: 'revoked' }]);
    const { rows: events } = await admin.query('select seq::int from account_sequence where account_id = $1', [
      key.accountId,
    ]);
    expect(events).toEqual([{ seq: 2 }]);
  });

  test('of a secret that was rotated away leave the key alone; of one in its grace they revoke it', async () => {
    const key = await newKey();
    const rotate = async (graceSeconds: number) =>
      (
        await service.asUser(key.accountId, rotateKey, {
          params: { keyId: key.keyId },
          body: { graceSeconds },
          idempotencyKey: fresh(),
        })
      ).body.secret;
    const second = await rotate(0);
    await report(key.secret);
    expect(await standingOf(second)).toBe('valid');
    const third = await rotate(600);
    await report(second);
    expect(await standingOf(third)).toBe('key_revoked');
  });

  test('that meet the rotation of their secret leave the new one alone', async () => {
    const key = await newKey();
    const holder = new pg.Client({ connectionString: service.databaseUrl });
    await holder.connect();
    const blocked = async () => {
      const { rows } = await admin.query(
        "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows[0].n;
    };
    try {
      // The rotation holds the row of its key and waits for this one, its last.
      await holder.query('begin; select from key_change_head for update');
      const rotating = service.asUser(key.accountId, rotateKey, {
        params: { keyId: key.keyId },
        body: { graceSeconds: 0 },
        idempotencyKey: fresh(),
      });
      await waitFor(async () => (await blocked()) === 1);
      const reporting = report(key.secret);
      await waitFor(async () => (await blocked()) === 2);
      await holder.query('rollback');
      await reporting;
      expect(await standingOf((await rotating).body.secret)).toBe('valid');
      expect(await standingOf(key.secret)).toBe('key_revoked');
    } finally {
      await holder.end();
    }
  });

  test('change nothing of a cancelled account, whose keys are dead, and say nothing of it', async () => {
    const key = await newKey();
    const body = { accountId: key.accountId, sagaId: newId('sag', 'cn', now()) };
    await service.asService('identity', fenceKeyIssuance, { body });
    expect(await report(key.secret)).toEqual({ body: { received: true }, status: 202 });
    expect(await standingOf(key.secret)).toBe('account_cancelled');
    const { rows } = await admin.query('select actor, action from key_audit where account_id = $1 order by id', [
      key.accountId,
    ]);
    expect(rows).toEqual([
      { actor: 'owner', action: 'create' },
      { actor: 'identity', action: 'cancel' },
    ]);
    const { rows: changes } = await admin.query('select reason from key_change where account_id = $1', [key.accountId]);
    expect(changes).toEqual([{ reason: 'cancelled' }]);
  });

  test('a key of another region is sent to its home, without repeating the key', async () => {
    const foreign = foreignOf('cn');
    const refused = await report(exampleKey(foreign)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'region_mismatch', problem: { region: foreign } });
    expect(JSON.stringify(refused)).not.toContain(exampleKey(foreign).slice(10));
  });

  test('the published expression finds the example', async () => {
    const { body } = await call(getKeyPattern, { baseUrl: service.running.publicUrl });
    expect(`x="${body.example}"`.match(new RegExp(body.expression))?.[0]).toBe(body.example);
    expect(body.report).toBe('/v1/keys/leaks');
    expect(await standingOf(body.example)).toBe('key_invalid');
  });
});
