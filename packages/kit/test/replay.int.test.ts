import { expect, test } from '@jest/globals';
import { type Envelope, event } from '@meridian/contracts/event.ts';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { sql } from 'kysely';
import { z } from 'zod';
import { fenceAccount } from '../src/account/fence.ts';
import { writeTombstone } from '../src/account/tombstone.ts';
import type { Database } from '../src/db/database.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { type ApplyDeps, applyEvent, indexReactions } from '../src/events/apply-event.ts';
import { createHousekeeping } from '../src/events/consumer-housekeeping.ts';
import type { EventBus } from '../src/events/event-bus.ts';
import { listParked, park, takeUpUnknown } from '../src/events/parking.ts';
import { type Reaction, reaction } from '../src/events/reaction.ts';
import { replayAll } from '../src/events/replay.ts';
import { noFailpoints } from '../src/failpoints.ts';
import { newId } from '../src/ids.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { openServiceDatabase, silent } from './service-database.ts';

const consumer = 'billing';
const now = () => new Date('2026-11-22T10:00:00Z');
const newAccount = () => newId('acc', 'cn', now());
const stepOf = (type: 'step-taken.v1' | 'step-taken.v2') =>
  event({ type, publishers: ['identity'], description: 'Test', data: z.object({ n: z.number() }) });
const [older, newer] = [stepOf('step-taken.v1'), stepOf('step-taken.v2')];

const envelopeOf = (accountId: string, n: number, type: string = older.type): Envelope => ({
  specversion: '1.0',
  id: newId('evt', 'cn', now()),
  source: 'cn/identity',
  type,
  subject: accountId,
  time: now().toISOString(),
  datacontenttype: 'application/json',
  region: 'cn',
  partitionkey: accountId,
  accountseq: n,
  data: { n },
});

const depsOf = (db: Database<KitSchema>, reactions: Reaction<KitSchema>[]): ApplyDeps<KitSchema> => {
  const index = indexReactions(reactions);
  return { db, consumer, reactions: index, known: new Set(index.keys()), hit: noFailpoints };
};
const apply = async (deps: ApplyDeps<KitSchema>, one: Envelope) =>
  (await applyEvent(deps, one, JSON.stringify(one))).outcome;
const replay = (deps: ApplyDeps<KitSchema>) => replayAll(deps, silent, new AbortController().signal);

const onDatabase = (play: (db: Database<KitSchema>) => Promise<void>) =>
  withCleanup(async (defer) => {
    const { db, close } = await openServiceDatabase();
    defer(close);
    await play(db);
  });

/** An event that waits for its replay. */
const queue = (db: Database<KitSchema>, accountId: string) => {
  const one = envelopeOf(accountId, 1);
  const about = { consumer, eventId: one.id, accountId, source: one.source, type: one.type, seq: 1 };
  return db.transaction((tx) =>
    park(tx, { ...about, payload: JSON.stringify(one), state: 'replaying', error: '', attempts: 1 }),
  );
};

test('a replay that fails for a transient cause does not hold up those of other accounts, and is repeated', () =>
  onDatabase(async (db) => {
    const [sick, well] = [newAccount(), newAccount()];
    let cured = false;
    const tried: string[] = [];
    const shaky = reaction<KitSchema, typeof older>(older, async (_, { accountId }) => {
      tried.push(accountId);
      if (accountId === sick && !cured) throw Object.assign(new Error('out of connections'), { code: '53300' });
    });
    await queue(db, sick);
    await queue(db, well);
    const deps = depsOf(db, [shaky]);
    await replay(deps);
    expect(tried).toEqual([sick, well]);
    expect(await listParked(db)).toMatchObject([{ accountId: sick, state: 'replaying' }]);
    cured = true;
    await replay(deps);
    expect(await listParked(db)).toEqual([]);
  }));

test('a replay that does not end does not freeze what is measured', () =>
  onDatabase(async (db) => {
    await queue(db, newAccount());
    const metrics = createMetrics({ processMetrics: false });
    const gate = Promise.withResolvers<void>();
    const bus = { lag: async () => [] } as Partial<EventBus> as EventBus;
    const deps = depsOf(db, [reaction<KitSchema, typeof older>(older, () => gate.promise)]);
    const housekeeping = createHousekeeping({ ...deps, bus, log: silent, metrics, now, everyMs: 20 });
    housekeeping.start();
    try {
      await waitFor(async () =>
        (await metrics.parkedNow.get()).values.some(({ labels, value }) => labels.state === 'replaying' && value === 1),
      );
    } finally {
      gate.resolve();
      await housekeeping.stop();
    }
  }));

test('in a version that knows a type, later events of the account wait behind what an older version kept of it', () =>
  onDatabase(async (db) => {
    const account = newAccount();
    const applied: number[] = [];
    const note = async (_: unknown, { data }: { data: { n: number } }) => void applied.push(data.n);
    const oldVersion = depsOf(db, [reaction(older, note)]);
    const newVersion = depsOf(db, [reaction(older, note), reaction(newer, note)]);
    expect(await apply(oldVersion, envelopeOf(account, 1, newer.type))).toBe('unknown');
    expect(await apply(oldVersion, envelopeOf(account, 2))).toBe('applied');
    expect(await apply(newVersion, envelopeOf(account, 3))).toBe('behind');
    // Nothing is done out of turn, and what an older version finds in its queue goes on waiting.
    await replay(newVersion);
    expect(applied).toEqual([2]);
    await takeUpUnknown(db, newVersion);
    await replay(newVersion);
    expect(applied).toEqual([2, 1, 3]);
    expect(await listParked(db)).toEqual([]);
  }));

test('an older version that finds an unknown type in its queue keeps it', () =>
  onDatabase(async (db) => {
    const account = newAccount();
    const oldVersion = depsOf(db, [reaction(older, async () => undefined)]);
    // Held, and released by the event that was missing.
    expect(await apply(oldVersion, envelopeOf(account, 2, newer.type))).toBe('held');
    expect(await apply(oldVersion, envelopeOf(account, 1))).toBe('applied');
    await replay(oldVersion);
    expect(await listParked(db)).toMatchObject([{ type: newer.type, state: 'unknown' }]);
  }));

test('an unknown type is kept for an erased account too: it may be part of its cancellation', () =>
  onDatabase(async (db) => {
    const accountId = newAccount();
    const receipt = { erased: {}, retained: [] };
    const sagaId = newId('sag', 'cn', now());
    await db.transaction((tx) => writeTombstone(tx, { accountId, sagaId, erasedAt: now(), receipt }));
    const reached: string[] = [];
    const closing = reaction<KitSchema, typeof newer>(newer, async (_, { id }) => void reached.push(id), {
      lifecycle: true,
    });
    expect(await apply(depsOf(db, []), envelopeOf(accountId, 1, newer.type))).toBe('unknown');
    const newVersion = depsOf(db, [closing]);
    await takeUpUnknown(db, newVersion);
    await replay(newVersion);
    expect(reached).toHaveLength(1);
  }));

test.each(['delivered', 'replayed'])(
  'an event that is %s while its account is being erased waits for that, and is dropped',
  (how) =>
    onDatabase(async (db) => {
      const accountId = newAccount();
      const sagaId = newId('sag', 'cn', now());
      const reacted: string[] = [];
      const deps = depsOf(db, [reaction(older, async (_, received) => void reacted.push(received.accountId))]);
      if (how === 'replayed') await queue(db, accountId);
      const [fenced, told] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const erasing = db.transaction(async (tx) => {
        await fenceAccount(tx, { accountId, sagaId, now: now() });
        fenced.resolve();
        await told.promise;
        await writeTombstone(tx, { accountId, sagaId, erasedAt: now(), receipt: { erased: {}, retained: [] } });
      });
      await fenced.promise;
      const handled = how === 'replayed' ? replay(deps) : apply(deps, envelopeOf(accountId, 1));
      let over = false;
      void handled.finally(() => {
        over = true;
      });
      await waitFor(async () => {
        const { rows } = await sql`select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`.execute(db.read);
        return over || rows.length > 0;
      });
      told.resolve();
      await erasing;
      await handled;
      expect(reacted).toEqual([]);
    }),
);
