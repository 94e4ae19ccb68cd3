import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import { park } from '@meridian/kit/events/parking.ts';
import { newId } from '@meridian/kit/ids.ts';
import { runEvents } from '@meridian/kit/run/events-command.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createTestDatabase, type TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { sql } from 'kysely';

const log = createLog({ service: 'test', region: 'cn', level: 'silent' });
const id = (prefix: string) => newId(prefix, 'cn', new Date());

describe('npm run events', () => {
  let database: TestDatabase;
  let db: Database<KitSchema>;
  const [poisoned, gappy] = [id('acc'), id('acc')];

  const run = async (...args: string[]) => {
    const lines: string[] = [];
    const status = await runEvents(args, { DATABASE_URL: database.url }, (line) => void lines.push(line));
    return { status, text: lines.join('\n') };
  };
  const parkOne = (accountId: string, seq: number, state: 'parked' | 'held') =>
    db.transaction((tx) =>
      park(tx, {
        consumer: 'billing',
        eventId: id('evt'),
        accountId,
        source: 'cn/identity',
        type: 'thing-happened.v1',
        seq,
        payload: '{}',
        state,
        error: 'cannot be applied',
        attempts: 3,
      }),
    );

  beforeAll(async () => {
    database = await createTestDatabase({
      migrate: (url) => migrate({ url, migrations: {}, log }),
      templateKey: 'kit',
    });
    db = createDatabase({ url: database.url, poolSize: 2, log, applicationName: 'test' });
    for (const seq of [1, 2]) await parkOne(poisoned, seq, 'parked');
    await parkOne(gappy, 7, 'held');
  });
  afterAll(async () => {
    await db?.close();
    await database?.drop();
  });

  test('lists what is parked, in order, with the cause', async () => {
    const { status, text } = await run('list', '--account', poisoned);
    expect(status).toBe(0);
    expect(text).toMatch(/ parked billing .* thing-happened\.v1 #1 .*cannot be applied\n.* #2 .*\n2 shown\./);
    const json = JSON.parse((await run('list', '--json')).text);
    expect(json).toHaveLength(3);
    expect(json[0].payload).toBe('{}');
  });

  test('discards one event, once, and keeps who and why', async () => {
    const first = JSON.parse((await run('list', '--account', poisoned, '--json')).text)[0];
    const args = ['discard', '--id', first.id, '--by', 'a.person', '--reason', 'superseded'];
    expect(await run(...args)).toMatchObject({ status: 0, text: expect.stringContaining('Discarded') });
    expect(await run(...args)).toMatchObject({ status: 1 });
    expect((await run('list', '--all')).text).toMatch(/discarded billing .*\| a\.person \S+ superseded/);
  });

  test('queues an account for replay by the running service', async () => {
    expect(await run('replay', '--account', poisoned, '--by', 'a.person')).toMatchObject({
      status: 0,
      text: expect.stringContaining('1 queued'),
    });
    expect((await run('list', '--account', poisoned)).text).toContain(' replaying ');
    expect(await run('replay', '--account', gappy, '--by', 'a.person')).toMatchObject({ status: 1 });
  });

  test('accepts a gap', async () => {
    const args = ['accept-gap', '--account', gappy, '--by', 'a.person', '--reason', 'older events are gone'];
    expect(await run(...args)).toMatchObject({ status: 0 });
    expect((await run('list', '--account', gappy)).text).toContain(' replaying ');
  });

  test('publishes again what a service has published, by time and by account, in order and once', async () => {
    const [one, two] = [id('acc'), id('acc')];
    const published = async (accountId: string, position: number, at: string) =>
      sql`insert into published_event (event_id, position, account_id, type, payload, created_at, published_at)
        values (${id('evt')}, ${position}, ${accountId}, 'thing-happened.v1', '{}', ${at}::timestamptz, ${at}::timestamptz)`.execute(
        db.read,
      );
    const queued = async () =>
      (await sql<{ account_id: string }>`select account_id from outbox order by id`.execute(db.read)).rows.map((row) =>
        row.account_id === one ? 'one' : 'two',
      );
    // Written in another order than they were published in.
    await published(two, 3, '2026-11-22T12:00:00Z');
    await published(one, 1, '2026-11-22T10:00:00Z');
    await published(one, 2, '2026-11-22T11:00:00Z');
    expect(await run('republish', '--since', '2026-11-22T13:00:00Z')).toMatchObject({ status: 1 });
    expect(await run('republish', '--since', '2026-11-22T11:00:00Z')).toMatchObject({
      status: 0,
      text: expect.stringContaining('2 queued'),
    });
    expect(await queued()).toEqual(['one', 'two']);
    // What still waits in the outbox is not queued twice.
    expect(await run('republish', '--account', one)).toMatchObject({ text: expect.stringContaining('1 queued') });
    expect(await queued()).toEqual(['one', 'two', 'one']);
    for (const args of [[], ['--since', 'yesterday'], ['--since', '2026-11-22T11:00:00']])
      expect(await run('republish', ...args)).toMatchObject({ status: 2 });
  });

  test('finds the database of a container among its secrets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meridian-events-'));
    try {
      writeFileSync(join(folder, 'DATABASE_URL'), `${database.url}\n`);
      const lines: string[] = [];
      expect(await runEvents(['list'], { SECRETS_DIR: folder }, (line) => void lines.push(line))).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('says what is wrong with a command line', async () => {
    expect((await run('--help')).status).toBe(0);
    for (const args of [
      [],
      ['erase'],
      ['list', '--nonsense'],
      ['replay', '--by', 'x'],
      ['discard', '--id', 'x', '--by', 'y', '--reason', 'z'],
      ['discard', '--id', '1', '--by', 'y'],
    ])
      expect(await run(...args)).toMatchObject({ status: 2, text: expect.stringContaining('--help') });
    const lines: string[] = [];
    expect(await runEvents(['list'], {}, (line) => void lines.push(line))).toBe(2);
    expect(lines[0]).toContain('DATABASE_URL');
  });
});
