import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envelope, event } from '@meridian/contracts/event.ts';
import { sql } from 'kysely';
import { z } from 'zod';
import type { Database } from '../src/db/database.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { publish } from '../src/events/publish.ts';
import { newId } from '../src/ids.ts';
import { openServiceDatabase } from './service-database.ts';

const now = () => new Date('2026-11-22T10:00:00Z');
const deps = { service: 'identity', region: 'cn', now } as const;
const thing = event({
  type: 'thing-happened.v1',
  publishers: ['identity'],
  description: 'Test',
  data: z.object({ note: z.string(), list: z.array(z.string()).optional() }),
});
const newAccount = () => newId('acc', 'cn', now());

describe('publish', () => {
  let opened: Awaited<ReturnType<typeof openServiceDatabase>>;
  let db: Database<KitSchema>;
  beforeAll(async () => {
    opened = await openServiceDatabase();
    db = opened.db;
  });
  afterAll(() => opened?.close());

  const send = (accountId: string, data: z.input<typeof thing.data>, over: object = {}) =>
    db.transaction((tx) => publish(tx, { ...deps, ...over }, thing, { accountId, data }));
  const outbox = async (accountId: string) =>
    (
      await sql<{ payload: string }>`select payload from outbox where account_id = ${accountId} order by id`.execute(
        db.read,
      )
    ).rows.map((row) => envelope.parse(JSON.parse(row.payload)));

  test('writes a CloudEvents envelope in the transaction', async () => {
    const accountId = newAccount();
    const id = await send(accountId, { note: 'x' });
    expect(await outbox(accountId)).toEqual([
      {
        specversion: '1.0',
        id,
        source: 'cn/identity',
        type: 'thing-happened.v1',
        subject: accountId,
        time: '2026-11-22T10:00:00.000Z',
        datacontenttype: 'application/json',
        region: 'cn',
        partitionkey: accountId,
        accountseq: 1,
        data: { note: 'x' },
      },
    ]);
  });

  test('numbers an account without gaps and in commit order, under 40 writers some of which roll back', async () => {
    const accountId = newAccount();
    await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        db.transaction(async (tx) => {
          await publish(tx, deps, thing, { accountId, data: { note: String(i) } });
          if (i % 4 === 0) throw new Error('rolled back');
        }),
      ),
    );
    expect((await outbox(accountId)).map((sent) => sent.accountseq)).toEqual(
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
  });

  test.each([
    ['an e-mail address', 'write to Someone@Example.com now'],
    ['a mobile number', 'call +86 138 0013 8000'],
    ['a mobile number with 0086', '008613800138000'],
    // The example of GB 11643-1999.
    ['a resident id number', '11010519491231002X'],
  ])('refuses %s wherever it stands, without repeating it', async (_name, value) => {
    const accountId = newAccount();
    for (const data of [{ note: value }, { note: '', list: ['', value] }]) {
      const sending = send(accountId, data);
      await expect(sending).rejects.toMatchObject({ code: 'event_personal_data' });
      await expect(sending).rejects.not.toThrow(value);
    }
    expect(await outbox(accountId)).toEqual([]);
  });

  test.each(['13800000000', '1970-01-01', newId('evt', 'cn', now()), '110105194912310021', '2026-11-22T10:00:00.000Z'])(
    'does not mistake %s for personal data',
    async (note) => {
      await expect(send(newAccount(), { note })).resolves.toMatch(/^evt_/);
    },
  );

  test('refuses what breaks the contract', async () => {
    const accountId = newAccount();
    await expect(send(newId('acc', 'global', now()), { note: 'x' })).rejects.toMatchObject({
      code: 'event_foreign_region',
    });
    await expect(send(accountId, { note: 'x' }, { service: 'billing' })).rejects.toMatchObject({
      code: 'event_unknown_publisher',
    });
    const surplus = { note: 'x', more: 1 };
    await expect(send(accountId, surplus)).rejects.toMatchObject({ code: 'event_contract' });
    await expect(send(accountId, { note: 'x'.repeat(70_000) })).rejects.toMatchObject({ code: 'event_too_large' });
    expect(await outbox(accountId)).toEqual([]);
  });
});
