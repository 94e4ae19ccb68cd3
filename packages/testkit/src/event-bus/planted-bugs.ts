// The checker must go red for the mistakes it is there to find. Each is planted once, in the place where it is usually made.
import { expect, test } from '@jest/globals';
import { envelope } from '@meridian/contracts/event.ts';
import type { DeliveredRecord } from '@meridian/kit/events/event-bus.ts';
import { createRelay } from '@meridian/kit/events/relay.ts';
import { sql } from 'kysely';
import type { Suite } from '../event-bus-suite.ts';
import { slowTransaction } from './crash-contract.ts';
import { readEffects } from './history.ts';
import { consumerOf, log, newMetrics, relayOf, stepTaken, takeStep } from './parts.ts';
import { newAccount, quiesce, type Stage, until, verdict } from './stage.ts';

const effect = async (stage: Stage, record: DeliveredRecord): Promise<void> => {
  const { id, subject, accountseq, data } = envelope.parse(JSON.parse(record.payload));
  const { n } = stepTaken.data.parse(data);
  await stage.target.db.transaction((tx) =>
    sql`insert into effect (event_id, account_id, n, seq) values (${id}, ${subject}, ${n}, ${accountseq})`.execute(tx),
  );
};

export const plantedBugs = (suite: Suite): void => {
  const five = async (stage: Stage) => {
    const account = newAccount();
    for (const n of [1, 2, 3, 4, 5]) await takeStep(stage.source.db, account, n);
    stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
  };

  test('a consumer without an inbox', () =>
    suite.onStage(async (stage) => {
      let died = false;
      stage.keep(
        await stage.bus.subscribe({
          group: stage.group,
          topics: [stage.topic],
          handler: async (record) => {
            await effect(stage, record);
            if (died) return;
            died = true;
            throw new Error('died after its commit, before its offset');
          },
        }),
      );
      await five(stage);
      await quiesce(stage, suite.patienceMs);
      expect((await verdict(stage)).join('\n')).toMatch(/twice/);
    }));

  test('an offset committed before the effect', () =>
    suite.onStage(async (stage) => {
      let died = false;
      stage.keep(
        await stage.bus.subscribe({
          group: stage.group,
          topics: [stage.topic],
          // Resolving is the promise "handled"; the effect follows, unless the process dies in between.
          handler: async (record) => {
            if (!died) {
              died = true;
              return;
            }
            await effect(stage, record);
          },
        }),
      );
      await five(stage);
      await quiesce(stage, suite.patienceMs);
      expect((await verdict(stage)).join('\n')).toMatch(/lost/);
    }));

  test('an outbox read by a cursor instead of emptied', () =>
    suite.onStage(async (stage) => {
      let cursor = 0n;
      const byCursor = async () => {
        const { rows } = await sql<{ id: bigint; event_id: string; account_id: string; payload: string }>`
          select id, event_id, account_id, payload from outbox where id > ${cursor} order by id limit 100`.execute(
          stage.source.db.read,
        );
        await stage.bus.publish(
          rows.map((row) => ({ topic: stage.topic, key: row.account_id, eventId: row.event_id, payload: row.payload })),
        );
        cursor = rows.at(-1)?.id ?? cursor;
      };
      let stopped = false;
      const relaying = (async () => {
        while (!stopped) {
          await byCursor();
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      stage.keep({
        stop: async () => {
          stopped = true;
          await relaying;
        },
      });
      await stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group })).start();
      await slowTransaction(stage, suite.patienceMs);
      // An event of another account that committed after the slow one arrives, so the slow one had its chance.
      const later = newAccount();
      await takeStep(stage.source.db, later, 1);
      await until('the later event', suite.patienceMs, async () =>
        (await readEffects(stage.target.db)).some((e) => e.accountId === later),
      );
      expect((await verdict(stage)).join('\n')).toMatch(/lost/);
    }));

  test('an outbox emptied before the bus has the events', () =>
    suite.onStage(async (stage) => {
      let died = false;
      const forgetful = {
        ...stage.bus,
        publish: async (records: Parameters<typeof stage.bus.publish>[0]) => {
          if (died) return stage.bus.publish(records);
          died = true; // reported as done, died before it was
        },
      };
      const account = newAccount();
      for (const n of [1, 2, 3]) await takeStep(stage.source.db, account, n);
      await stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group })).start();
      stage
        .keep(
          createRelay({
            db: stage.source.db,
            bus: forgetful,
            topic: stage.topic,
            log,
            metrics: newMetrics(),
            pollMs: 50,
          }),
        )
        .start();
      await quiesce(stage, suite.patienceMs);
      expect((await verdict(stage)).join('\n')).toMatch(/lost/);
    }));
};
