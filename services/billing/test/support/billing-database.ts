// A migrated billing database of its own, with the use cases' dependencies, and without a running service.

import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import { publish } from '@meridian/kit/events/publish.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createMetrics } from '@meridian/kit/telemetry/metrics.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import type { BillingSchema } from '../../src/db/schema.ts';
import type { BillingDeps, BillingTx } from '../../src/deps.ts';
import { bookForUser } from '../../src/ledger/book-for-user.ts';
import { ensureChannelAccounts, ensureUserAccount, readBalance } from '../../src/ledger/ledger.store.ts';
import { proveBalances } from '../../src/ledger/prove-balances.ts';
import { createBillingMetrics } from '../../src/metrics.ts';
import { migrationsFor } from '../../src/migrations.ts';
import { seedPrices } from '../../src/prices/seed-prices.ts';

const region = 'cn';
const quiet = createLog({ service: 'billing', region, level: 'silent' });

/** One nano-unit per prompt token, two per completion token, half a one per cached token. */
const models = [
  { model: 'test', promptPerMillion: '1000000', cachedPerMillion: '500000', completionPerMillion: '2000000' },
];

export const openBillingDatabase = async () => {
  const test = await createTestDatabase({
    templateKey: 'billing-CNY',
    migrate: (url) => migrate({ url, migrations: migrationsFor('CNY'), log: quiet }),
  });
  const db: Database<BillingSchema> = createDatabase<BillingSchema>({
    url: test.url,
    // As many as a test has callers at once.
    poolSize: 50,
    log: quiet,
    applicationName: 'billing-test',
  });
  let offset = 0;
  const now = () => new Date(Date.now() + offset);
  const deps: BillingDeps = {
    region,
    currency: 'CNY',
    now,
    publish: (tx, event, message) => publish(tx, { service: 'billing', region, now }, event, message),
    metrics: createBillingMetrics(createMetrics({ processMetrics: false }), ['wechat_pay']),
  };
  await db.transaction(async (tx) => {
    await ensureChannelAccounts(tx, ['wechat_pay']);
    await seedPrices(tx, deps, models);
  });
  const run = <T>(work: (tx: BillingTx) => Promise<T>) => db.transaction(work);
  return {
    db,
    deps,
    run,
    url: test.url,
    moveClock: (ms: number) => {
      offset += ms;
    },
    newAccount: () => newId('acc', region, now()),
    newRequest: () => newId('req', region, now()),
    newKey: () => newId('key', region, now()),
    /** Credits as a recharge does, without an order. */
    credit: (accountId: string, amount: bigint) =>
      run(async (tx) => {
        await ensureUserAccount(tx, accountId, 'CNY');
        await bookForUser(tx, deps, {
          accountId,
          source: { type: 'recharge', id: newId('ord', region, now()) },
          kind: 'credit',
          amount,
          against: [{ kind: 'clearing', owner: 'wechat_pay', amount: -amount }],
        });
      }),
    balance: (accountId: string) => readBalance(db.read, accountId),
    unproven: async () => (await proveBalances(db.read, { limit: 100_000 })).unproven,
    /** Types of the account's events, in their order. */
    events: async (accountId: string) => {
      const rows = await db.read
        .selectFrom('outbox')
        .select('type')
        .where('account_id', '=', accountId)
        .orderBy('id')
        .execute();
      return rows.map((row) => row.type);
    },
    close: async () => {
      await db.close();
      await test.drop();
    },
  };
};
export type BillingDatabase = Awaited<ReturnType<typeof openBillingDatabase>>;
