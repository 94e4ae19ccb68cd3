// Poison, gaps, strangers, repeats: what the consumer does with events it cannot or must not apply, over this transport.
import { expect, test } from '@jest/globals';
import type { Envelope } from '@meridian/contracts/event.ts';
import { balanceRestored } from '@meridian/contracts/events/billing.ts';
import { writeTombstone } from '@meridian/kit/account/tombstone.ts';
import type { EventRecord } from '@meridian/kit/events/event-bus.ts';
import { listParked } from '@meridian/kit/events/parking.ts';
import { acceptGap, discardParked, replayParked } from '@meridian/kit/events/parking-decisions.ts';
import { type Reaction, reaction } from '@meridian/kit/events/reaction.ts';
import { newId } from '@meridian/kit/ids.ts';
import { sql } from 'kysely';
import type { Suite } from '../event-bus-suite.ts';
import { checkHistory, type HistorySchema, readChanges, readEffects } from './history.ts';
import { consumerOf, effectOfStep, newMetrics, now, region, relayOf, stepTaken, takeStep } from './parts.ts';
import { newAccount, quiesce, type Stage, until, verdict } from './stage.ts';

type Content = Partial<Envelope> & { seq?: number };

/** A record as another publisher could have written it. */
const recordOf = (stage: Stage, accountId: string, n: number, content: Content = {}): EventRecord => {
  const { seq = n, ...rest } = content;
  const id = rest.id ?? newId('evt', region, now());
  const whole: Envelope = {
    specversion: '1.0',
    id,
    source: `${region}/identity`,
    type: stepTaken.type,
    subject: accountId,
    time: now().toISOString(),
    datacontenttype: 'application/json',
    region,
    partitionkey: accountId,
    accountseq: seq,
    data: { n },
    ...rest,
  };
  return { topic: stage.topic, key: accountId, eventId: id, payload: JSON.stringify(whole) };
};

export const parkingContract = (suite: Suite): void => {
  const start = async (stage: Stage, reactions?: Reaction<HistorySchema>[]) => {
    const metrics = newMetrics();
    const consumer = stage.keep(
      consumerOf(stage.target.db, stage.bus, stage.topic, {
        group: stage.group,
        metrics,
        ...(reactions ? { reactions } : {}),
      }),
    );
    await consumer.start();
    const count = async (outcome: string) =>
      (await metrics.eventsHandled.get()).values
        .filter((value) => value.labels.outcome === outcome)
        .reduce((sum, value) => sum + value.value, 0);
    return { consumer, metrics, count };
  };
  const numbers = async (stage: Stage, accountId: string) =>
    (await readEffects(stage.target.db)).filter((effect) => effect.accountId === accountId).map((effect) => effect.n);

  test('a poison event is parked, its account waits behind it, others flow; replay applies them in order', () =>
    suite.onStage(async (stage) => {
      const [sick, well] = [newAccount(), newAccount()];
      let cured = false;
      const picky = reaction<HistorySchema, typeof stepTaken>(stepTaken, async (tx, message) => {
        if (message.accountId === sick && message.data.n === 2 && !cured) throw new TypeError('cannot be applied');
        await effectOfStep.react(tx, message);
      });
      stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
      const { metrics } = await start(stage, [picky]);
      for (const n of [1, 2, 3, 4]) for (const account of [sick, well]) await takeStep(stage.source.db, account, n);
      await quiesce(stage, suite.patienceMs);
      expect(await numbers(stage, well)).toEqual([1, 2, 3, 4]);
      expect(await numbers(stage, sick)).toEqual([1]);
      const parked = await listParked(stage.target.db, { accountId: sick });
      expect(parked.map(({ seq, state }) => [seq, state])).toEqual([
        [2, 'parked'],
        [3, 'parked'],
        [4, 'parked'],
      ]);
      expect(parked[0]).toMatchObject({ error: 'cannot be applied', attempts: 3 });
      expect((await metrics.eventsParked.get()).values).toMatchObject([{ value: 1 }]);

      // Still sick: the replay parks it again and nothing behind it moves.
      const again = { accountId: sick, consumer: stage.group, by: 'a.person' };
      expect(await replayParked(stage.target.db, again)).toBe(3);
      await until(
        'parked again',
        suite.patienceMs,
        async () => (await listParked(stage.target.db, { accountId: sick }))[0]?.attempts === 4,
      );
      expect(await numbers(stage, sick)).toEqual([1]);
      cured = true;
      await replayParked(stage.target.db, again);
      await until('the replay', suite.patienceMs, async () => (await numbers(stage, sick)).length === 4);
      await takeStep(stage.source.db, sick, 5);
      await until('the next event', suite.patienceMs, async () => (await numbers(stage, sick)).length === 5);
      expect(await verdict(stage)).toEqual([]);
      expect(await listParked(stage.target.db)).toEqual([]);
      expect((await listParked(stage.target.db, { states: ['applied'] })).map((event) => event.decidedBy)).toEqual(
        Array(3).fill('a.person'),
      );
    }));

  test('a discarded event stays on record with reason and name; what waited behind it can be replayed', () =>
    suite.onStage(async (stage) => {
      const account = newAccount();
      await stage.bus.publish([
        recordOf(stage, account, 1, { data: { n: 'not a number' } }),
        recordOf(stage, account, 2),
      ]);
      await start(stage);
      await quiesce(stage, suite.patienceMs);
      const [broken] = await listParked(stage.target.db);
      expect(broken).toMatchObject({ seq: 1, state: 'parked', attempts: 1, error: expect.stringContaining('/data/n') });
      const id = broken?.id ?? 0n;
      await expect(discardParked(stage.target.db, { id, reason: ' ', by: 'a.person' })).rejects.toThrow('reason');
      expect(await discardParked(stage.target.db, { id, reason: 'test data', by: 'a.person' })).toBe(true);
      expect(await discardParked(stage.target.db, { id, reason: 'test data', by: 'a.person' })).toBe(false);
      expect(await listParked(stage.target.db, { states: ['discarded'] })).toMatchObject([
        { id, reason: 'test data', decidedBy: 'a.person' },
      ]);
      await replayParked(stage.target.db, { accountId: account, consumer: stage.group, by: 'a.person' });
      await until('the replay', suite.patienceMs, async () => (await numbers(stage, account)).length === 1);
      expect(await numbers(stage, account)).toEqual([2]);
    }));

  test('an event of another region is refused and counted, whatever names that region', () =>
    suite.onStage(async (stage) => {
      const { metrics } = await start(stage);
      const [account, foreign] = [newAccount(), newId('acc', 'global', now())];
      await stage.bus.publish([
        recordOf(stage, foreign, 1, { region: 'global', source: 'global/identity', id: newId('evt', 'global', now()) }),
        recordOf(stage, account, 1, { region: 'global' }),
        recordOf(stage, account, 1, { source: 'global/identity' }),
        recordOf(stage, foreign, 1),
        { ...recordOf(stage, foreign, 1), payload: '{}' },
        recordOf(stage, account, 1),
      ]);
      await until('the own event', suite.patienceMs, async () => (await numbers(stage, account)).length === 1);
      await quiesce(stage, suite.patienceMs);
      expect((await metrics.eventsForeign.get()).values).toMatchObject([{ value: 5 }]);
      expect(await readEffects(stage.target.db)).toHaveLength(1);
      expect(await listParked(stage.target.db)).toEqual([]);
      expect(() => consumerOf(stage.target.db, stage.bus, 'global.identity.events', { group: 'any' })).toThrow(
        'region',
      );
    }));

  test('a type or major version that this one does not know blocks nothing, and is taken up by the version that knows it', () =>
    suite.onStage(async (stage) => {
      const { consumer, count } = await start(stage);
      const account = newAccount();
      const newer = { ...stepTaken, type: 'step-taken.v2' } as const;
      const other = { ...stepTaken, type: 'something-else.v1' } as const;
      await stage.bus.publish([
        recordOf(stage, account, 1, { type: other.type }),
        recordOf(stage, account, 2, { type: newer.type }),
        recordOf(stage, account, 3, { data: { n: 3, added: 'later' } }),
        recordOf(stage, account, 4, { type: balanceRestored.type }),
      ]);
      await quiesce(stage, suite.patienceMs);
      expect(await numbers(stage, account)).toEqual([3]);
      expect([await count('unknown'), await count('applied'), await count('ignored')]).toEqual([2, 1, 1]);
      const kept = await listParked(stage.target.db);
      expect(kept.map(({ type, state }) => [type, state])).toEqual([
        [other.type, 'unknown'],
        [newer.type, 'unknown'],
      ]);
      await consumer.stop();

      await stage.bus.publish([recordOf(stage, account, 5)]);
      const { react } = effectOfStep;
      await start(stage, [effectOfStep, { event: newer, react }, { event: other, react }]);
      await until('all', suite.patienceMs, async () => (await numbers(stage, account)).length === 4);
      expect(await numbers(stage, account)).toEqual([3, 1, 2, 5]);
      expect(await listParked(stage.target.db)).toEqual([]);
    }));

  test('what cannot be read at all is parked under its key', () =>
    suite.onStage(async (stage) => {
      await start(stage);
      const [account, other] = [newAccount(), newAccount()];
      await stage.bus.publish([
        { ...recordOf(stage, account, 1), payload: 'not json' },
        { ...recordOf(stage, other, 1), eventId: newId('evt', region, now()) },
      ]);
      await quiesce(stage, suite.patienceMs);
      const parked = await listParked(stage.target.db);
      expect(parked.map((event) => [event.accountId, event.type, event.state])).toEqual(
        expect.arrayContaining([
          [account, 'unreadable', 'parked'],
          [other, 'unreadable', 'parked'],
        ]),
      );
    }));

  test('a missing event holds its successors and no other account; when it arrives all are applied in order', () =>
    suite.onStage(async (stage) => {
      const { metrics } = await start(stage);
      const [gappy, well] = [newAccount(), newAccount()];
      const [one, two, three, four] = [1, 2, 3, 4].map((n) => recordOf(stage, gappy, n));
      if (!one || !two || !three || !four) throw new Error('unreachable');
      await stage.bus.publish([one, three, four, recordOf(stage, well, 1)]);
      await quiesce(stage, suite.patienceMs);
      expect([await numbers(stage, gappy), await numbers(stage, well)]).toEqual([[1], [1]]);
      expect((await metrics.eventGaps.get()).values).toMatchObject([{ value: 2 }]);
      await stage.bus.publish([two, recordOf(stage, gappy, 5)]);
      await until('all in order', suite.patienceMs, async () => (await numbers(stage, gappy)).length === 5);
      expect(await numbers(stage, gappy)).toEqual([1, 2, 3, 4, 5]);
    }));

  test('a gap that a person accepted lets its successors go on', () =>
    suite.onStage(async (stage) => {
      await start(stage);
      const account = newAccount();
      await stage.bus.publish([recordOf(stage, account, 7), recordOf(stage, account, 8)]);
      await quiesce(stage, suite.patienceMs);
      expect(await numbers(stage, account)).toEqual([]);
      await acceptGap(stage.target.db, {
        accountId: account,
        consumer: stage.group,
        by: 'a.person',
        reason: 'older events are gone',
      });
      await until('the held ones', suite.patienceMs, async () => (await numbers(stage, account)).length === 2);
      await stage.bus.publish([recordOf(stage, account, 9), recordOf(stage, account, 6)]);
      await until('the next one', suite.patienceMs, async () => (await numbers(stage, account)).length === 3);
      await quiesce(stage, suite.patienceMs);
      expect(await numbers(stage, account)).toEqual([7, 8, 9]);
    }));

  test('a group that is rewound, even after its inbox was pruned, has no second effect', () =>
    suite.onStage(async (stage) => {
      const account = newAccount();
      stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
      const first = await start(stage);
      for (let n = 1; n <= 10; n += 1) await takeStep(stage.source.db, account, n);
      await quiesce(stage, suite.patienceMs);
      await first.consumer.stop();
      await sql`delete from inbox where event_id in (select event_id from inbox limit 5)`.execute(stage.target.db.read);
      await stage.bus.seekToBeginning(stage.group);
      const second = await start(stage);
      await quiesce(stage, suite.patienceMs);
      // Those without a mark are known by their number alone.
      expect([await second.count('duplicate'), await second.count('late')]).toEqual([5, 5]);
      expect(checkHistory(await readChanges(stage.source.db), await readEffects(stage.target.db))).toEqual([]);
    }));

  test('a transient fault is retried in place until it passes', () =>
    suite.onStage(async (stage) => {
      const account = newAccount();
      let faults = 6;
      const shaky = reaction<HistorySchema, typeof stepTaken>(stepTaken, async (tx, message) => {
        await effectOfStep.react(tx, message);
        faults -= 1;
        if (faults >= 0) throw Object.assign(new Error('out of connections'), { code: '53300' });
      });
      const { metrics } = await start(stage, [shaky]);
      await stage.bus.publish([recordOf(stage, account, 1), recordOf(stage, account, 2)]);
      await until('both', suite.patienceMs, async () => (await numbers(stage, account)).length === 2);
      expect(await numbers(stage, account)).toEqual([1, 2]);
      expect((await metrics.eventRetries.get()).values).toMatchObject([{ value: 6 }]);
      expect(await listParked(stage.target.db)).toEqual([]);
    }));

  test('events of an erased account are dropped and counted, except those of its cancellation', () =>
    suite.onStage(async (stage) => {
      const account = newAccount();
      await stage.target.db.transaction((tx) =>
        writeTombstone(tx, {
          accountId: account,
          sagaId: newId('sag', region, now()),
          erasedAt: now(),
          receipt: { erased: {}, retained: [] },
        }),
      );
      let reached = 0;
      const closing = { ...stepTaken, type: 'closing-step.v1' } as const;
      const { count } = await start(stage, [
        effectOfStep,
        reaction(
          closing,
          async () => {
            reached += 1;
          },
          { lifecycle: true },
        ),
      ]);
      await stage.bus.publish([
        recordOf(stage, account, 1),
        recordOf(stage, account, 3),
        recordOf(stage, account, 2, { type: closing.type, seq: 4 }),
      ]);
      await quiesce(stage, suite.patienceMs);
      expect([await count('erased'), reached]).toEqual([2, 1]);
      expect(await readEffects(stage.target.db)).toEqual([]);
    }));
};
