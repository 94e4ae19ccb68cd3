// What production asks of the role by which a service connects.
import { expect, test } from '@jest/globals';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import pg from 'pg';
import { assertApplicationRole, grantApplication } from '../src/db/application-role.ts';
import { openServiceDatabase } from './service-database.ts';

test.each([
  ['owns a table', 'alter table inbox owner to ROLE', /role "ROLE" in DATABASE_URL owns the table or index "inbox/],
  ['may create tables', 'grant create on schema public to ROLE', /may create tables or schemas/],
  ['may create schemas', 'grant create on database DATABASE to ROLE', /may create tables or schemas/],
  ['is a superuser', 'alter role ROLE superuser', /is a superuser: .*services\/billing\/src\/migrate\.ts/],
])('a role that %s is refused, one with the rights of an application is not', async (_name, more, sentence) => {
  await withCleanup(async (defer) => {
    const { url, close } = await openServiceDatabase();
    defer(close);
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    defer(() => admin.end());
    const own = new URL(url);
    const role = own.pathname.slice(1).replace(/^.*_/, 'application_');
    const named = (text: string) => text.replaceAll('ROLE', role).replaceAll('DATABASE ', `${own.pathname.slice(1)} `);
    await admin.query(`create role ${role} login password 'of-a-test'`);
    defer(() => admin.query(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`));
    await grantApplication({ url, role, appendOnly: [] });
    Object.assign(own, { username: role, password: 'of-a-test' });
    const check = () => assertApplicationRole({ url: own.href, service: 'billing' });
    await check();
    await admin.query(named(more));
    await expect(check()).rejects.toMatchObject({
      code: 'role_too_strong',
      message: expect.stringMatching(new RegExp(named(sentence.source))),
    });
  });
});
