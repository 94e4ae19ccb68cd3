// The job before a rollout waits for a database that does not answer yet.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { startTcpProxy } from '@meridian/testkit/tcp-proxy.ts';
import pg from 'pg';

const demo = fileURLToPath(new URL('migrate-demo.ts', import.meta.url));

test(
  'a database that comes while the job asks for it is migrated, and its role gets its rights',
  () =>
    withCleanup(async (defer) => {
      const { url, drop } = await createTestDatabase();
      defer(drop);
      const { host, port, user, password, database } = new pg.Client(url);
      const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
      const proxy = await startTcpProxy({ target });
      defer(proxy.close);
      const role = `waiting_${database}`;
      const admin = new pg.Client(url);
      await admin.connect();
      defer(() => admin.end());
      await admin.query(`create role ${role}`);
      defer(() => admin.query(`drop owned by ${role}; drop role ${role}`));

      proxy.setDown(true);
      const job = promisify(execFile)(process.execPath, [demo], {
        env: {
          ...process.env,
          MERIDIAN_MODE: 'embedded',
          DATABASE_OWNER_URL: `postgres://${user}:${password}@127.0.0.1:${proxy.port}/${database}`,
          APPLICATION_ROLE: role,
        },
      });
      let asked = '';
      const refused = new Promise<void>((resolve) => {
        job.child.stdout?.on('data', (part) => {
          asked += part;
          if (asked.includes('the database is not ready')) resolve();
        });
      });
      await Promise.race([refused, job]);
      proxy.setDown(false);
      expect((await job).stdout).toMatch(/the database is not ready[\s\S]*the database is up to date/);
      const { rows } = await admin.query(`select has_table_privilege($1, 'outbox', 'insert') as granted`, [role]);
      expect(rows).toEqual([{ granted: true }]);
    }),
  60_000,
);
