// One hold that cannot be closed, and the many behind it.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { sql } from 'kysely';
import { createHold } from '../src/usage/create-hold.ts';
import { sweepHolds } from '../src/usage/sweep-holds.ts';
import { type BillingDatabase, openBillingDatabase } from './support/billing-database.ts';

let billing: BillingDatabase;
beforeAll(async () => {
  billing = await openBillingDatabase();
});
afterAll(() => billing.close());

const pastDeadline = 10 * 60_000 + 1;
const stuck = async () => {
  const { values } = await billing.deps.metrics.holdsStuck.get();
  return values[0]?.value ?? 0;
};

test('a hold that always fails stays behind, told by id and code, and holds up no other', async () => {
  const accountId = billing.newAccount();
  await billing.credit(accountId, 100_000n);
  const ids = Array.from({ length: 420 }, () => billing.newRequest());
  for (const requestId of ids)
    await billing.run((tx) =>
      createHold(tx, billing.deps, {
        requestId,
        accountId,
        keyId: `key_cn_${'0'.repeat(26)}`,
        model: 'test',
        promptTokensBound: 10,
        completionWindow: 20,
      }),
    );
  // More of them than are read at a time, and all of them before the others.
  const bad = ids.slice(0, 210);
  await sql`create function refuse_closing() returns trigger language plpgsql as $$
    begin raise exception 'planted' using errcode = 'ZZ001'; end $$`.execute(billing.db.read);
  await sql`create trigger planted before update on hold for each row
    when (new.request_id = any (string_to_array(${sql.lit(bad.join(','))}, ','))) execute function refuse_closing()`.execute(
    billing.db.read,
  );
  billing.moveClock(pastDeadline);

  const lines: { requestId?: string; code?: string }[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const log = createLog({ service: 'billing', region: 'cn', level: 'error', destination });
  const sweep = () => sweepHolds({ platform: { db: billing.db, log }, deps: billing.deps });
  expect(await sweep()).toBe(210);
  expect(lines.map(({ requestId, code }) => `${requestId} ${code}`).sort()).toEqual(
    bad.map((id) => `${id} ZZ001`).sort(),
  );
  expect(await stuck()).toBe(210);

  await sql`drop trigger planted on hold`.execute(billing.db.read);
  expect(await sweep()).toBe(210);
  expect(await billing.balance(accountId)).toEqual({ available: 100_000n, held: 0n });
  expect(await billing.unproven()).toEqual([]);
}, 180_000);
