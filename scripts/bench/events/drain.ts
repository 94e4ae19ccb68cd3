// How fast a backlog drains: from outboxes full of committed events to the last effect.
import { newId } from '@meridian/kit/ids.ts';
import { now, region, stepTaken } from '@meridian/testkit/event-bus/parts.ts';
import { type Figure, figure } from '../figure.ts';
import { asAdmin, type Ground, withServices } from './stage.ts';

const backlog = 100_000;

/** Writes the outbox as that many committed business transactions would have left it. */
const fillOutbox = (url: string) =>
  asAdmin(url, async (client) => {
    const accounts = Array.from({ length: 1_000 }, () => newId('acc', region, now()));
    const ids: string[] = [];
    for (let seq = 1; seq <= backlog / accounts.length; seq += 1) {
      const rows = accounts.map((account) => {
        const id = newId('evt', region, now());
        ids.push(id);
        return {
          specversion: '1.0',
          id,
          source: `${region}/identity`,
          type: stepTaken.type,
          subject: account,
          time: now().toISOString(),
          datacontenttype: 'application/json',
          region,
          partitionkey: account,
          accountseq: seq,
          data: { n: seq },
        };
      });
      await client.query(
        'insert into outbox (event_id, account_id, type, payload) select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])',
        [
          rows.map(({ id }) => id),
          rows.map(({ subject }) => subject),
          rows.map(({ type }) => type),
          rows.map((row) => JSON.stringify(row)),
        ],
      );
    }
    return ids;
  });

export const measureDrain = (ground: Ground): Promise<Figure[]> =>
  withServices(ground, 'drain', async ({ publishing, startConsuming, sourceUrl, applied, until }) => {
    const ids = await fillOutbox(sourceUrl);
    const began = performance.now();
    publishing.ask({ ask: 'relay' });
    await startConsuming();
    await until('the drain', () => applied.size >= ids.length);
    const took = (performance.now() - began) / 1_000;
    if (!ids.every((id) => applied.has(id))) throw new Error('an event of the backlog did not take effect');
    ground.progress(`${ground.name}: ${ids.length} events drained in ${took.toFixed(1)} s`);
    return [
      figure('events', `${ground.name}_drain_100000`, [took], 's', null),
      figure('events', `${ground.name}_drain_rate`, [ids.length / took], 'events/s', null),
    ];
  });
