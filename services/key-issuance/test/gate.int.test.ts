import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  accountFrozen,
  accountUnfrozen,
  balanceExhausted,
  balanceRestored,
} from '@meridian/contracts/events/billing.ts';
import { accountCancelled, accountErasureRequested } from '@meridian/contracts/events/lifecycle.ts';
import { accountProtected, protectionLifted } from '@meridian/contracts/events/moderation.ts';
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import {
  createKey,
  issuePlanKey,
  listKeyChanges,
  revokeKey,
  setPlan,
  verifyKey,
} from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import pg from 'pg';
import { type Harness, startHarness } from './harness.ts';

let service: Harness;
let admin: pg.Client;
let shift = 0;
const now = () => new Date(Date.now() + shift);
beforeAll(async () => {
  service = await startHarness({ overrides: { now } });
  admin = new pg.Client({ connectionString: service.databaseUrl });
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await service?.stop();
});

const newKey = async (accountId = service.newAccount()) => {
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg' },
    idempotencyKey: newId('idem', 'cn', now()),
  });
  return { accountId, keyId: body.key.keyId, secret: body.secret };
};
const standingOf = async (secret: string) => {
  const { body } = await service.asService('gateway', verifyKey, { body: { key: secret, product: 'payg' } });
  return body.valid ? 'valid' : body.refusal.code;
};
const becomes = (secret: string, code: string) => waitFor(async () => (await standingOf(secret)) === code);
const protection = (ms: number) => ({
  protectionId: newId('prt', 'cn', now()),
  caseId: newId('cas', 'cn', now()),
  until: new Date(now().getTime() + ms).toISOString(),
});
const balance = { balance: '0', currency: 'CNY' };
const rowsOf = async (table: string, accountId: string) =>
  (await admin.query(`select 1 from ${table} where account_id = $1`, [accountId])).rowCount;

describe('protection', () => {
  test('closes the gate with its case, end time and appeal, and lifting it opens the gate', async () => {
    const key = await newKey();
    const x = protection(3_600_000);
    await service.emit('moderation', accountProtected, key.accountId, x);
    await becomes(key.secret, 'account_protected');
    const { body } = await service.asService('gateway', verifyKey, { body: { key: key.secret, product: 'payg' } });
    expect(body).toEqual({
      valid: false,
      refusal: {
        code: 'account_protected',
        caseId: x.caseId,
        until: x.until,
        appealUrl: 'https://console.cn.meridian.example/appeal',
      },
    });
    await service.emit('moderation', protectionLifted, key.accountId, { ...x, reason: 'overturned' });
    await becomes(key.secret, 'valid');
  });

  test('lifting one does not lift another', async () => {
    const key = await newKey();
    const [x, y] = [protection(3_600_000), protection(7_200_000)];
    await service.emit('moderation', accountProtected, key.accountId, x);
    await service.emit('moderation', accountProtected, key.accountId, y);
    await service.emit('moderation', protectionLifted, key.accountId, { ...y, reason: 'overturned' });
    await waitFor(async () => {
      const { rows } = await admin.query(
        'select 1 from account_protection where protection_id = $1 and lifted_at is not null',
        [y.protectionId],
      );
      return rows.length === 1;
    });
    expect(await standingOf(key.secret)).toBe('account_protected');
    await service.emit('moderation', protectionLifted, key.accountId, { ...x, reason: 'overturned' });
    await becomes(key.secret, 'valid');
  });

  test('ends by itself at its end time', async () => {
    const key = await newKey();
    await service.emit('moderation', accountProtected, key.accountId, protection(600_000));
    await becomes(key.secret, 'account_protected');
    shift += 601_000;
    expect(await standingOf(key.secret)).toBe('valid');
  });
});

describe('the other reasons', () => {
  test('an exhausted balance closes the gate, a restored one opens it, and neither touches a protection', async () => {
    const key = await newKey();
    const x = protection(3_600_000);
    await service.emit('billing', balanceExhausted, key.accountId, balance);
    await becomes(key.secret, 'balance_exhausted');
    await service.emit('moderation', accountProtected, key.accountId, x);
    await becomes(key.secret, 'account_protected');
    await service.emit('moderation', protectionLifted, key.accountId, { ...x, reason: 'overturned' });
    await becomes(key.secret, 'balance_exhausted');
    await service.emit('moderation', accountProtected, key.accountId, protection(3_600_000));
    await becomes(key.secret, 'account_protected');
    await service.emit('billing', balanceRestored, key.accountId, balance);
    await waitFor(async () => {
      const { rows } = await admin.query('select 1 from account_gate where account_id = $1 and exhausted_at is null', [
        key.accountId,
      ]);
      return rows.length === 1;
    });
    expect(await standingOf(key.secret)).toBe('account_protected');
  });

  test('a freeze closes the gate, is told to gateways, and lifting one lifts neither another nor anything else', async () => {
    const key = await newKey();
    const [x, y] = [newId('frz', 'cn', now()), newId('frz', 'cn', now())];
    const after = (await service.asService('gateway', listKeyChanges, { query: { wait: 0 } })).body.position;
    await service.emit('billing', accountFrozen, key.accountId, { freezeId: x });
    await becomes(key.secret, 'account_frozen');
    const { body } = await service.asService('gateway', listKeyChanges, { query: { wait: 0, after } });
    expect(body.changes).toMatchObject([{ accountId: key.accountId, keyId: null, reason: 'frozen' }]);
    await service.emit('billing', accountFrozen, key.accountId, { freezeId: y });
    await service.emit('billing', balanceExhausted, key.accountId, balance);
    const guard = protection(3_600_000);
    await service.emit('moderation', accountProtected, key.accountId, guard);
    await becomes(key.secret, 'account_protected');
    await service.emit('billing', accountUnfrozen, key.accountId, { freezeId: x });
    await waitFor(async () => {
      const { rows } = await admin.query(
        'select 1 from account_freeze where freeze_id = $1 and lifted_at is not null',
        [x],
      );
      return rows.length === 1;
    });
    await service.emit('moderation', protectionLifted, key.accountId, { ...guard, reason: 'overturned' });
    await becomes(key.secret, 'account_frozen');
    await service.emit('billing', accountUnfrozen, key.accountId, { freezeId: y });
    await becomes(key.secret, 'balance_exhausted');
    await service.emit('billing', balanceRestored, key.accountId, balance);
    await becomes(key.secret, 'valid');
  });

  test('a plan key is good while the plan is, takes no money, and closes with its account', async () => {
    const accountId = service.newAccount();
    const until = (ms: number) => new Date(now().getTime() + ms).toISOString();
    const { body } = await service.asService('billing', issuePlanKey, {
      body: { accountId, name: 'plan', planUntil: until(600_000) },
      idempotencyKey: newId('idem', 'cn', now()),
    });
    expect(body.secret).toMatch(/^tp-cn1_/);
    const standing = async () => {
      const answer = await service.asService('gateway', verifyKey, { body: { key: body.secret, product: 'plan' } });
      return answer.body.valid ? answer.body.product : answer.body.refusal.code;
    };
    expect(await standing()).toBe('plan');
    expect(await standingOf(body.secret)).toBe('key_product_mismatch');
    shift += 601_000;
    expect(await standing()).toBe('plan_inactive');
    const set = (planUntil: string | null) =>
      service.asService('billing', setPlan, { params: { accountId }, body: { planUntil } });
    await set(until(600_000));
    expect(await standing()).toBe('plan');
    await set(null);
    expect(await standing()).toBe('plan_inactive');
    await set(until(600_000));
    const sagaId = newId('sag', 'cn', now());
    await service.asService('identity', fenceKeyIssuance, { body: { accountId, sagaId } });
    expect(await standing()).toBe('account_cancelled');
    await expect(set(null)).rejects.toMatchObject({ code: 'account_cancelled' });
  });

  test('the cancellation event closes the gate by itself', async () => {
    const key = await newKey();
    await service.emit('identity', accountCancelled, key.accountId, { sagaId: newId('sag', 'cn', now()) });
    await becomes(key.secret, 'account_cancelled');
  });
});

describe('erasure', () => {
  test('leaves nothing of the owner but what the law keeps; keys stay dead; late events change nothing', async () => {
    const key = await newKey();
    const other = await newKey(key.accountId);
    await service.asUser(key.accountId, revokeKey, { params: { keyId: other.keyId } });
    await service.emit('moderation', accountProtected, key.accountId, protection(3_600_000));
    await becomes(key.secret, 'account_protected');
    await service.emit('billing', accountFrozen, key.accountId, { freezeId: newId('frz', 'cn', now()) });
    await waitFor(async () => (await rowsOf('account_freeze', key.accountId)) === 1);
    const counters = async () =>
      (await admin.query('select from rate_window where starts_with(subject, $1)', [`a:${key.accountId}`])).rowCount;
    await admin.query('insert into rate_window values ($1, 1, 1, 1, 1000000, 1)', [`a:${key.accountId}:m`]);
    const sagaId = newId('sag', 'cn', now());
    await service.asService('identity', fenceKeyIssuance, { body: { accountId: key.accountId, sagaId } });
    await service.emit('identity', accountErasureRequested, key.accountId, { sagaId });
    await waitFor(async () => (await rowsOf('account_tombstone', key.accountId)) === 1);

    expect(await counters()).toBe(0);
    for (const table of ['api_key', 'account_gate', 'account_protection', 'account_freeze'])
      expect(await rowsOf(table, key.accountId)).toBe(0);
    const { rows } = await admin.query('select receipt from account_tombstone where account_id = $1', [key.accountId]);
    expect(rows[0].receipt).toMatchObject({
      erased: { api_keys: 2, protections: 1, freezes: 1, idempotency_keys: 2 },
      retained: [{ class: 'key_audit', count: 6 }],
    });
    expect(await standingOf(key.secret)).toBe('account_cancelled');
    expect(await standingOf(other.secret)).toBe('key_revoked');
    // No other table names the account, not even the answers kept for repeated requests.
    const { rows: tables } = await admin.query<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    );
    const naming: string[] = [];
    for (const { name } of tables) {
      const { rowCount } = await admin.query(`select from ${name} t where t::text like $1`, [`%${key.accountId}%`]);
      if (rowCount !== 0) naming.push(name);
    }
    const kept = [
      'account_fence',
      'account_sequence',
      'account_tombstone',
      'inbox_sequence',
      'key_audit',
      'key_change',
    ];
    // Events on their way, and those kept to be published again, name the account until they are let go.
    expect(naming.filter((name) => !['outbox', 'published_event'].includes(name)).sort()).toEqual(kept);

    await service.emit('moderation', accountProtected, key.accountId, protection(3_600_000));
    await service.emit('billing', balanceExhausted, key.accountId, balance);
    await service.emit('billing', accountFrozen, key.accountId, { freezeId: newId('frz', 'cn', now()) });
    const last = await newKey();
    await service.emit('billing', balanceExhausted, last.accountId, balance);
    await becomes(last.secret, 'balance_exhausted');
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const table of ['account_gate', 'account_protection', 'account_freeze'])
      expect(await rowsOf(table, key.accountId)).toBe(0);
  });
});
