// What the platform asks of the transport itself, without outbox and inbox.
import { expect, test } from '@jest/globals';
import type { EventBus, EventRecord, RecordHandler } from '@meridian/kit/events/event-bus.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Suite } from '../event-bus-suite.ts';
import { now, region } from './parts.ts';
import { newAccount, type Stage, until } from './stage.ts';

type Numbered = EventRecord & { n: number };
const recordsOf = (topic: string, keys: readonly string[], each: number): Numbered[] =>
  Array.from({ length: each }, (_, n) =>
    keys.map((key) => ({ topic, key, eventId: newId('evt', region, now()), payload: JSON.stringify({ n }), n })),
  ).flat();

const subscriber = (stage: Stage, bus: EventBus, group: string, handler: RecordHandler) =>
  bus.subscribe({ group, topics: [stage.topic], handler }).then((subscription) => stage.keep(subscription));

export const deliveryContract = (suite: Suite): void => {
  const accounts = (count: number) => Array.from({ length: count }, newAccount);
  const waitFor = (what: string, condition: () => boolean) => until(what, suite.patienceMs, async () => condition());

  test('a new group gets everything from the beginning, whole, and in order per key', () =>
    suite.onStage(async (stage) => {
      const records = recordsOf(stage.topic, accounts(6), 10);
      await stage.bus.publish(records.slice(0, 30));
      const got: EventRecord[] = [];
      await subscriber(stage, stage.bus, stage.group, async (record) => void got.push(record));
      await stage.bus.publish(records.slice(30));
      await waitFor('60 records', () => got.length >= 60);
      for (const key of new Set(records.map((record) => record.key)))
        expect(got.filter((record) => record.key === key).map((record) => record.eventId)).toEqual(
          records.filter((record) => record.key === key).map((record) => record.eventId),
        );
      expect(got.map(({ topic, key, eventId, payload }) => ({ topic, key, eventId, payload }))).toEqual(
        expect.arrayContaining(records.map(({ topic, key, eventId, payload }) => ({ topic, key, eventId, payload }))),
      );
    }));

  test('many publishers at once, each event published twice at the same time: all arrive, in order per key', () =>
    suite.onStage(async (stage) => {
      const got: string[] = [];
      await subscriber(stage, stage.bus, stage.group, async (record) => void got.push(record.eventId));
      const other = stage.newBus();
      const sets = accounts(8).map((key) => recordsOf(stage.topic, [key], 40));
      const send = async (bus: EventBus, records: Numbered[]) => {
        for (let i = 0; i < records.length; i += 5) await bus.publish(records.slice(i, i + 5));
      };
      await Promise.all(sets.flatMap((records) => [send(stage.bus, records), send(other, records)]));
      await waitFor('all', () => new Set(got).size >= 320);
      const firsts = [...new Set(got)];
      for (const records of sets) {
        const ids = new Set(records.map((record) => record.eventId));
        expect(firsts.filter((id) => ids.has(id))).toEqual([...ids]);
      }
    }));

  test('a record whose handler fails comes again, before later ones of its key', () =>
    suite.onStage(async (stage) => {
      const records = recordsOf(stage.topic, accounts(1), 3);
      const got: string[] = [];
      let failures = 2;
      await subscriber(stage, stage.bus, stage.group, async (record) => {
        got.push(record.eventId);
        if (record.eventId === records[1]?.eventId && failures > 0) {
          failures -= 1;
          throw new Error('not now');
        }
      });
      await stage.bus.publish(records);
      await waitFor('the last record', () => got.includes(records[2]?.eventId ?? ''));
      const ids = records.map((record) => record.eventId);
      const handled = got.filter((id, i) => got.indexOf(id) === i);
      expect(handled).toEqual(ids);
      expect(got.filter((id) => id === ids[1])).toHaveLength(3);
      expect(got.lastIndexOf(ids[1] ?? '')).toBeLessThan(got.indexOf(ids[2] ?? ''));
    }));

  test('two members of a group share the partitions; the one that stays takes over', () =>
    suite.onStage(async (stage) => {
      const seen = { a: [] as string[], b: [] as string[] };
      const subscribe = (bus: EventBus, to: string[]) =>
        subscriber(stage, bus, stage.group, async (record) => void to.push(record.eventId));
      const keys = accounts(24);
      await stage.bus.publish(recordsOf(stage.topic, keys.slice(0, 1), 1));
      await subscribe(stage.bus, seen.a);
      const second = await subscribe(stage.newBus(), seen.b);
      const published = new Set<string>();
      // Sharing may take a moment to settle; until then the first member handles everything.
      await until('both members at work', suite.patienceMs, async () => {
        const records = recordsOf(stage.topic, keys, 1);
        for (const record of records) published.add(record.eventId);
        const before = { a: seen.a.length, b: seen.b.length };
        await stage.bus.publish(records);
        await waitFor('a round', () => new Set([...seen.a, ...seen.b]).size > published.size);
        return seen.a.length > before.a && seen.b.length > before.b;
      });
      // Settled and without faults, a record goes to one member only. What came before such a round may have been repeated, as partitions changed hands.
      await until('a round without repeats', suite.patienceMs, async () => {
        const quiet = recordsOf(stage.topic, keys, 3);
        await stage.bus.publish(quiet);
        const ids = new Set(quiet.map((record) => record.eventId));
        const got = () => [...seen.a, ...seen.b].filter((id) => ids.has(id));
        await waitFor('the quiet round', () => new Set(got()).size === ids.size);
        return got().length === ids.size;
      });
      await second.stop();
      const last = recordsOf(stage.topic, keys, 1);
      const firstHas = seen.a.length;
      await stage.bus.publish(last);
      await waitFor('take-over', () => seen.a.length >= firstHas + last.length);
    }));

  test('a member that is never idle still hands over its share, and no record is skipped', () =>
    suite.onStage(async (stage) => {
      const keys = accounts(24);
      const published = new Set<string>();
      const seen = { a: new Set<string>(), b: new Set<string>() };
      const subscribe = (bus: EventBus, to: Set<string>) =>
        subscriber(stage, bus, stage.group, async (record) => {
          await new Promise((resolve) => setTimeout(resolve, 8));
          to.add(record.eventId);
        });
      // More than a member can handle, for as long as the other one needs to get its share.
      let feeding = true;
      const feed = (async () => {
        while (feeding) {
          const records = recordsOf(stage.topic, keys, 1);
          await stage.bus.publish(records);
          for (const record of records) published.add(record.eventId);
          await new Promise((resolve) => setTimeout(resolve, 60));
        }
      })();
      try {
        await subscribe(stage.bus, seen.a);
        await waitFor('the first member at work', () => seen.a.size > 0);
        await subscribe(stage.newBus(), seen.b);
        await waitFor('the second member at work', () => seen.b.size > 0);
      } finally {
        feeding = false;
        await feed;
      }
      await waitFor('everything', () => new Set([...seen.a, ...seen.b]).size === published.size);
    }));

  test('groups are independent, and a rewound group gets everything again', () =>
    suite.onStage(async (stage) => {
      const records = recordsOf(stage.topic, accounts(4), 3);
      const got = { one: 0, two: 0 };
      const one = await subscriber(stage, stage.bus, stage.group, async () => {
        got.one += 1;
      });
      await subscriber(stage, stage.bus, `${stage.group}-two`, async () => {
        got.two += 1;
      });
      await stage.bus.publish(records);
      await waitFor('both groups', () => got.one >= 12 && got.two >= 12);
      await until('no lag', suite.patienceMs, async () =>
        (await stage.bus.lag(stage.group)).every((lag) => lag.records === 0n),
      );
      await one.stop();
      // A member that was about to join again is gone a little later.
      await until('rewound', suite.patienceMs, () => stage.bus.seekToBeginning(stage.group).then(() => true));
      const lag = (await stage.bus.lag(stage.group)).reduce((sum, part) => sum + part.records, 0n);
      expect(lag).toBe(12n);
      const before = got.two;
      await subscriber(stage, stage.bus, stage.group, async () => {
        got.one += 1;
      });
      await waitFor('the replay', () => got.one >= 24);
      expect(got.two).toBe(before);
    }));

  test('closing does not wait for a handler beyond its deadline, and says so to the handler', () =>
    suite.onStage(async (stage) => {
      const order: string[] = [];
      let began = false;
      const bus = stage.newBus();
      await bus.subscribe({
        group: stage.group,
        topics: [stage.topic],
        handler: (_record, { signal }) => {
          began = true;
          signal.addEventListener('abort', () => order.push('the handler is told'), { once: true });
          return new Promise(() => undefined);
        },
      });
      await stage.bus.publish(recordsOf(stage.topic, accounts(1), 1));
      await waitFor('the handler', () => began);
      await stage.bus.health();
      // The handler never ends, so that this resolves at all shows that nobody waits for it.
      await bus.close(200);
      order.push('closed');
      expect(order).toEqual(['the handler is told', 'closed']);
    }));
};
