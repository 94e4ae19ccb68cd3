import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createMetrics } from '@meridian/kit/telemetry/metrics.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { unheardAlarms } from '@meridian/testkit/service/unheard-alarms.ts';
import { sql } from 'kysely';
import type { BillingSchema } from '../src/db/schema.ts';
import { addToBalance, ensureUserAccount, post } from '../src/ledger/ledger.store.ts';
import { proveAllBalances } from '../src/ledger/prove-all-balances.ts';
import { createBillingMetrics, mismatches } from '../src/metrics.ts';
import { migrationsFor } from '../src/migrations.ts';
import { pricesInForce } from '../src/prices/price.store.ts';
import { seedPrices } from '../src/prices/seed-prices.ts';
import { type BillingDatabase, openBillingDatabase } from './support/billing-database.ts';

let billing: BillingDatabase;
beforeAll(async () => {
  billing = await openBillingDatabase();
});
afterAll(() => billing.close());

const posting = (entries: Parameters<typeof post>[1]['entries'], id: string, currency = 'CNY') =>
  billing.run((tx) =>
    post(tx, { source: { type: 'recharge', id }, kind: 'credit', at: new Date(), currency, entries }),
  );

describe('the ledger itself refuses', () => {
  test('a transaction that does not sum to zero', async () => {
    const uneven = [
      { kind: 'clearing', owner: 'wechat_pay', amount: -5n },
      { kind: 'suspense', owner: 'wechat_pay', amount: 6n },
    ] as const;
    await expect(posting(uneven, 'uneven')).rejects.toMatchObject({ code: 'ML002' });
    await expect(posting([{ kind: 'revenue', owner: '', amount: 1n }], 'single')).rejects.toMatchObject({
      code: 'ML002',
    });
  });

  test('an entry added later to a transaction that sums to zero', async () => {
    await billing.credit(billing.newAccount(), 10n);
    const added = sql`insert into ledger_entry (transaction_id, ledger_account_id, currency, amount)
      select max(t.id), min(a.id), 'CNY', 1 from ledger_transaction t, ledger_account a where a.kind = 'revenue'`;
    await expect(added.execute(billing.db.read)).rejects.toMatchObject({ code: 'ML002' });
  });

  test('the same source and kind twice', async () => {
    const entries = [
      { kind: 'clearing', owner: 'wechat_pay', amount: -5n },
      { kind: 'suspense', owner: 'wechat_pay', amount: 5n },
    ] as const;
    await posting(entries, 'once');
    await expect(posting(entries, 'once')).rejects.toMatchObject({ code: '23505' });
  });

  test('another currency than the region has, in every table with money', async () => {
    const entries = [
      { kind: 'clearing', owner: 'wechat_pay', amount: -5n },
      { kind: 'suspense', owner: 'wechat_pay', amount: 5n },
    ] as const;
    await expect(posting(entries, 'dollars', 'USD')).rejects.toMatchObject({ code: '23514' });
    await expect(billing.run((tx) => ensureUserAccount(tx, billing.newAccount(), 'USD'))).rejects.toMatchObject({
      code: '23514',
    });
    const { rows } = await sql<{ table: string; rule: string }>`
      select c.conrelid::regclass::text as table, pg_get_constraintdef(c.oid) as rule from pg_constraint c
      where c.contype = 'c' and pg_get_constraintdef(c.oid) like '%currency = %'`.execute(billing.db.read);
    expect(rows.map((row) => row.table).sort()).toEqual([
      'balance',
      'charge',
      'ledger_entry',
      'price',
      'recharge_order',
    ]);
    for (const { rule } of rows) expect(rule).toContain("'CNY'");
  });

  test.each(['ledger_entry', 'ledger_transaction', 'price'])('UPDATE, DELETE and TRUNCATE of %s', async (table) => {
    const column = table === 'price' ? 'currency' : table === 'ledger_entry' ? 'amount' : 'kind';
    for (const statement of [
      `update ${table} set ${column} = ${column}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ])
      await expect(billing.db.pool.query(statement)).rejects.toMatchObject({ code: 'ML001' });
  });

  test('a posting on an account that does not exist', async () => {
    const entries = [
      { kind: 'clearing', owner: 'no_such_channel', amount: -5n },
      { kind: 'suspense', owner: 'wechat_pay', amount: 5n },
    ] as const;
    await expect(posting(entries, 'nowhere')).rejects.toThrow('does not exist');
  });

  test('a hold that takes the available money below zero, behind the guard of the statement', async () => {
    const accountId = billing.newAccount();
    await billing.credit(accountId, 10n);
    const careless = (amount: bigint) =>
      billing.run((tx) => addToBalance(tx, accountId, { available: -amount, held: amount }));
    await expect(careless(11n)).rejects.toMatchObject({ code: 'ML003' });
    await careless(10n);
    await expect(
      billing.run((tx) => addToBalance(tx, accountId, { available: 11n, held: -11n })),
    ).rejects.toMatchObject({
      code: '23514',
    });
    await billing.run((tx) => addToBalance(tx, accountId, { available: 10n, held: -10n }));
  });
});

test('migrations refuse a currency that is none', () => {
  expect(() => migrationsFor("CNY' or true")).toThrow('ISO 4217');
});

test('balances are the sums of their entries after concurrent load on few accounts', async () => {
  const accounts = Array.from({ length: 3 }, () => billing.newAccount());
  for (let done = 0; done < 120; done += 40)
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => billing.credit(accounts[i % accounts.length] ?? '', BigInt(done + i + 1))),
    );
  expect(await billing.unproven()).toEqual([]);
  const balances = await Promise.all(accounts.map(billing.balance));
  expect(balances.reduce((sum, b) => sum + b.available, 0n)).toBe((120n * 121n) / 2n);
});

test('the proof finds a balance that was changed behind the ledger', async () => {
  const accountId = billing.newAccount();
  await billing.credit(accountId, 10n);
  await billing.run((tx) => addToBalance(tx, accountId, { available: 1n, held: 0n }));
  expect(await billing.unproven()).toEqual([{ accountId, stated: 11n, posted: 10n, held: 0n, holds: 0n }]);
  await billing.run((tx) => addToBalance(tx, accountId, { available: -3n, held: 2n }));
  expect(await billing.unproven()).toEqual([{ accountId, stated: 10n, posted: 10n, held: 2n, holds: 0n }]);
  await billing.run((tx) => addToBalance(tx, accountId, { available: 2n, held: -2n }));
  expect(await billing.unproven()).toEqual([]);
});

describe('the proof of all balances', () => {
  const { balancesProvenAt, unprovenBalances } = createBillingMetrics(createMetrics({ processMetrics: false }), []);
  const value = async (gauge: typeof unprovenBalances) => (await gauge.get()).values[0]?.value;
  const prove = (db: Database<BillingSchema>) =>
    proveAllBalances({
      platform: { db, log: createLog({ service: 'billing', region: 'cn', level: 'silent' }) },
      deps: { ...billing.deps, metrics: { ...billing.deps.metrics, balancesProvenAt, unprovenBalances } },
    });

  test('tells how many fail and when they were proven; before it nothing is said to be proven', async () => {
    expect([await value(unprovenBalances), await value(balancesProvenAt)]).toEqual([Number.NaN, 0]);
    const accountId = billing.newAccount();
    await billing.credit(accountId, 10n);
    await billing.run((tx) => addToBalance(tx, accountId, { available: 1n, held: 0n }));
    const before = billing.deps.now().getTime() / 1000;
    await prove(billing.db);
    expect(await value(unprovenBalances)).toBe(1);
    expect(await value(balancesProvenAt)).toBeGreaterThanOrEqual(before);
    await billing.run((tx) => addToBalance(tx, accountId, { available: -1n, held: 0n }));
    await prove(billing.db);
    expect(await value(unprovenBalances)).toBe(0);
  });

  test('that runs into the statement timeout grows old', async () => {
    await prove(billing.db);
    const provenAt = await value(balancesProvenAt);
    billing.moveClock(60_000);
    const log = createLog({ service: 'billing', region: 'cn', level: 'silent' });
    const hurried = createDatabase<BillingSchema>({
      url: billing.url,
      poolSize: 1,
      log,
      applicationName: 'hurried',
      statementTimeoutMs: 100,
    });
    try {
      await billing.run(async (tx) => {
        await sql`lock table ledger_entry in access exclusive mode`.execute(tx);
        await expect(prove(hurried)).rejects.toMatchObject({ code: '57014' });
      });
    } finally {
      await hurried.close();
    }
    expect(await value(balancesProvenAt)).toBe(provenAt);
  });

  test('reads the open holds of an account by an index of theirs', async () => {
    const { rows } = await sql<{ indexdef: string }>`
      select indexdef from pg_indexes where tablename = 'hold' and indexdef like '%(account_id) WHERE%'`.execute(
      billing.db.read,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.indexdef).toContain("'held'");
  });
});

test('every alarm of billing is watched by a rule, from the start', async () => {
  const rules = await readFile(new URL('../../../infra/observability/prometheus/alerts.yml', import.meta.url), 'utf8');
  const watched = rules.match(/billing_[a-z_]+/g) ?? [];
  const registry = createMetrics({ processMetrics: false });
  createBillingMetrics(registry, ['wechat_pay']);
  expect(watched.filter((name) => registry.registry.getSingleMetric(name) === undefined)).toEqual([]);
  const told = await registry.registry.metrics();
  expect(unheardAlarms(told, 'billing_')).toEqual([]);
  for (const reason of mismatches)
    expect(told).toContain(`billing_channel_mismatches_total{channel="wechat_pay",reason="${reason}"} 0`);
  // Prometheus reads it whatever its case.
  expect(told).toMatch(/^billing_unproven_balances nan$/im);
});

test('two regions have two currencies: each refuses the other one', async () => {
  const other = await createTestDatabase();
  const log = createLog({ service: 'billing', region: 'global', level: 'silent' });
  try {
    await migrate({ url: other.url, migrations: migrationsFor('USD'), log });
    const db = createDatabase<BillingSchema>({ url: other.url, poolSize: 1, log, applicationName: 'billing-test' });
    try {
      const accountId = billing.newAccount();
      const open = (currency: string) => db.transaction((tx) => ensureUserAccount(tx, accountId, currency));
      await expect(open('CNY')).rejects.toMatchObject({ code: '23514' });
      await open('USD');
      expect((await db.read.selectFrom('balance').select('currency').execute()).map((row) => row.currency)).toEqual([
        'USD',
      ]);
    } finally {
      await db.close();
    }
  } finally {
    await other.drop();
  }
});

test('a price gets a new version only when it changed', async () => {
  const rates = { promptPerMillion: '10', cachedPerMillion: '5', completionPerMillion: '20' };
  const seed = (model: string, change: object = {}) =>
    billing.run((tx) => seedPrices(tx, billing.deps, [{ model, ...rates, ...change }]));
  const version = async () =>
    (await pricesInForce(billing.db.read, billing.deps.now())).find((p) => p.model === 'versioned')?.version;
  await Promise.all([seed('versioned'), seed('versioned')]);
  await seed('versioned');
  expect(await version()).toBe(1);
  await seed('versioned', { cachedPerMillion: '6' });
  expect(await version()).toBe(2);
  const { rows } = await sql<{ n: bigint }>`select count(*) as n from price where model = 'versioned'`.execute(
    billing.db.read,
  );
  expect(rows[0]?.n).toBe(2n);
});
