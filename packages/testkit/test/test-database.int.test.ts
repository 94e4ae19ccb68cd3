import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, withDatabase, withDatabaseName } from '../src/postgres/test-database.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  return (await client.query(sql).finally(() => client.end())).rows;
}

describe('test databases', () => {
  test('copies of one template are separate, and the template is migrated once', async () => {
    const migrated: string[] = [];
    const migrate = async (url: string): Promise<void> => {
      migrated.push(url);
      await query(url, 'create table fact (n int)');
    };
    const options = { migrate, templateKey: 'test-database.int.test' };
    const [first, second] = await Promise.all([createTestDatabase(options), createTestDatabase(options)]);
    await query(first.url, 'insert into fact values (1)');
    expect(await query(first.url, 'select n from fact')).toEqual([{ n: 1 }]);
    expect(await query(second.url, 'select n from fact')).toEqual([]);
    expect(migrated).toHaveLength(1);
    await Promise.all([first.drop(), second.drop()]);
  });

  test('a migration that fails leaves no template behind', async () => {
    const templateKey = 'test-database.int.test failing';
    const fail = () => Promise.reject(new Error('broken migration'));
    await expect(createTestDatabase({ templateKey, migrate: fail })).rejects.toThrow('broken migration');
    const rows = await withDatabase(
      { templateKey, migrate: async (url) => void (await query(url, 'create table mended ()')) },
      (url) => query(url, "select to_regclass('mended')::text as name"),
    );
    expect(rows).toEqual([{ name: 'mended' }]);
  });

  test('a dropped database is gone even while somebody is connected', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client(database.url);
    client.on('error', () => {}); // The server ends this connection; that is the point.
    await client.connect();
    await database.drop();
    await expect(query(database.url, 'select 1')).rejects.toMatchObject({ code: '3D000' });
  });

  test('URLs of sockets and of hosts take another database name', () => {
    expect(withDatabaseName('postgres://u:p@/a?host=/x', 'b')).toBe('postgres://u:p@/b?host=/x');
    expect(withDatabaseName('postgresql://u:p@h:5432/a', 'b')).toBe('postgresql://u:p@h:5432/b');
    expect(withDatabaseName('postgres://u:p@h', 'b')).toBe('postgres://u:p@h/b');
  });
});
