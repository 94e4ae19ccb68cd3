// A small service with one endpoint of every kind, to prove that the endpoint suite passes what is right and catches planted bugs.
import { createHash } from 'node:crypto';
import { forbidden, idOf, notFound, pageQuery, personText } from '@meridian/contracts/common.ts';
import { endpoint } from '@meridian/contracts/endpoint.ts';
import { createServiceVerifier } from '@meridian/kit/auth/service-verifier.ts';
import { createStaffVerifier } from '@meridian/kit/auth/staff-verifier.ts';
import { createUserVerifier } from '@meridian/kit/auth/user-verifier.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import type { UserAuth } from '@meridian/kit/http/authenticate.ts';
import { readCursor, timePlace } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { createRegionWall } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import { createServer } from '@meridian/kit/http/server.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createLocalJWKSet } from 'jose';
import { sql } from 'kysely';
import { pino } from 'pino';
import { z } from 'zod';
import { databaseHolds, databaseSnapshot } from '../src/endpoint-suite/database-snapshot.ts';
import type { Sample, SuiteRunning } from '../src/endpoint-suite/suite-types.ts';
import { createTestDatabase } from '../src/postgres/test-database.ts';
import { createTestIssuer } from '../src/test-issuer.ts';

const noteId = idOf('note');
const note = z.strictObject({ id: noteId, text: z.string() });
const colour = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('named'), name: z.enum(['red', 'blue']) }),
  z.strictObject({ kind: z.literal('rgb'), rgb: z.array(z.number().int().min(0).max(255)).length(3) }),
]);

export const createNote = endpoint({
  id: 'createNote',
  service: 'billing',
  method: 'POST',
  path: '/v1/notes',
  summary: 'Create',
  auth: { kind: 'user' },
  idempotent: true,
  body: z.strictObject({ text: personText(50), colour: colour.optional(), at: z.iso.datetime().optional() }),
  answers: { 201: note },
  problems: [],
  limit: { max: 20, windowSeconds: 60 },
});
export const getNote = endpoint({
  id: 'getNote',
  service: 'billing',
  method: 'GET',
  path: '/v1/notes/{noteId}',
  summary: 'Read',
  auth: { kind: 'user' },
  params: z.strictObject({ noteId }),
  answers: { 200: note },
  problems: [notFound],
});
export const deleteNote = endpoint({
  id: 'deleteNote',
  service: 'billing',
  method: 'DELETE',
  path: '/v1/notes/{noteId}',
  summary: 'Delete',
  auth: { kind: 'user' },
  params: z.strictObject({ noteId }),
  answers: { 204: null },
  problems: [notFound],
});
export const linkNotes = endpoint({
  id: 'linkNotes',
  service: 'billing',
  method: 'POST',
  path: '/v1/links',
  summary: 'Link one note to another',
  auth: { kind: 'user' },
  body: z.strictObject({ link: z.strictObject({ from: noteId, to: noteId.optional() }) }),
  answers: { 204: null },
  problems: [notFound],
});
export const listNotes = endpoint({
  id: 'listNotes',
  service: 'billing',
  method: 'GET',
  path: '/staff/v1/notes',
  summary: 'List',
  auth: { kind: 'staff', roles: ['reviewer'] },
  query: pageQuery.extend({ state: z.enum(['open', 'done']).optional() }),
  answers: { 200: z.strictObject({ items: z.array(note) }) },
  problems: [],
});
export const countNotes = endpoint({
  id: 'countNotes',
  service: 'billing',
  method: 'POST',
  path: '/internal/v1/notes/count',
  summary: 'Count',
  auth: { kind: 'service', callers: ['gateway'] },
  answers: { 200: z.strictObject({ count: z.number() }) },
  problems: [],
});
export const notify = endpoint({
  id: 'notify',
  service: 'billing',
  method: 'POST',
  path: '/v1/notify',
  summary: 'Notified',
  auth: { kind: 'signature', scheme: 'hash of the bytes with a secret' },
  body: 'raw',
  answers: { 204: null },
  problems: [forbidden],
});
export const demoEndpoints = [createNote, getNote, deleteNote, linkNotes, listNotes, countNotes, notify];

const proofOf = (secret: string, body: string | Buffer) =>
  createHash('sha256').update(secret).update(body).digest('hex');

/** What can be planted into the demo service. */
export type Bug =
  | 'leaks a 500'
  | 'answers undeclared'
  | 'writes before it refuses'
  | 'shows notes of others'
  | 'forgets the role'
  | 'forgets to authenticate'
  | 'accepts anything'
  | 'links notes of others'
  | "looks up another region's ids"
  | 'believes any sender'
  | 'reads the bytes before the proof'
  | 'believes any cursor';

const region = 'cn';

export const startDemo = async (bug?: Bug): Promise<SuiteRunning> => {
  const log = pino({ level: 'silent' });
  const now = () => new Date();
  const issuer = await createTestIssuer({ region, foreignRegion: 'global', issuer: 'https://id.example' });
  const database = await createTestDatabase({
    templateKey: 'kit',
    migrate: (url) => migrate({ url, migrations: {}, log }),
  });
  const db = createDatabase<KitSchema>({ url: database.url, poolSize: 5, log, applicationName: 'demo' });
  await sql`create table note (id text primary key, account_id text not null, text text not null)`.execute(db.read);
  const keys = createLocalJWKSet({ keys: [...issuer.jwks.keys] });
  const rules = { region, now };
  const verifyStaff = createStaffVerifier({ ...rules, issuer: issuer.issuer, keys });
  const shared = {
    service: 'billing',
    region,
    log,
    now,
    trustedProxies: ['127.0.0.1'],
    corsOrigins: [],
    production: true,
    // The suite that asks shares this process.
    maxEventLoopDelayMs: 0,
    idempotency: db,
    verifyUser: createUserVerifier({ ...rules, issuer: issuer.issuer, audience: 'meridian', keys }),
    verifyStaff:
      bug === 'forgets the role'
        ? async (token: string) => ({ ...(await verifyStaff(token)), roles: ['reviewer' as const] })
        : verifyStaff,
    verifyService: createServiceVerifier({ ...rules, service: 'billing', keys: issuer.serviceJwks }),
  } as const;
  const open = createServer({ ...shared, listener: 'public' });
  const inner = createServer({ ...shared, listener: 'internal' });
  const wall = bug === "looks up another region's ids" ? () => undefined : createRegionWall(region, {});
  const find = async (id: string, accountId: string) => {
    const { rows } = await sql<{
      id: string;
      text: string;
    }>`select id, text from note where id = ${id} and (account_id = ${accountId} or ${bug === 'shows notes of others'})`.execute(
      db.read,
    );
    return rows[0];
  };

  const createBound =
    bug === 'accepts anything' ? endpoint({ ...createNote, body: z.looseObject({ text: z.unknown() }) }) : createNote;
  route(open, createBound, async ({ body, auth, idempotency }) =>
    idempotency.commit(db, async (tx) => {
      const id = newId('note', region, now());
      await sql`insert into note values (${id}, ${auth.accountId}, ${String(body.text)})`.execute(tx);
      return { status: 201, body: { id, text: String(body.text) } };
    }),
  );
  const bareGet = bug === 'forgets to authenticate' ? endpoint({ ...getNote, auth: { kind: 'none' } }) : getNote;
  route(open, bareGet, async ({ params, auth }) => {
    wall(params.noteId);
    const found = await find(params.noteId, (auth as UserAuth | null)?.accountId ?? '');
    if (found === undefined && bug === 'leaks a 500') throw new Error('no rows');
    if (found === undefined && bug === 'answers undeclared') return fail(forbidden);
    return { status: 200, body: found ?? fail(notFound) };
  });
  route(open, deleteNote, async ({ params, auth }) => {
    wall(params.noteId);
    if (bug === 'writes before it refuses')
      await sql`insert into note values (${newId('note', region, now())}, 'x', 'audit')`.execute(db.read);
    const { rows } =
      await sql`delete from note where id = ${params.noteId} and account_id = ${auth.accountId} returning id`.execute(
        db.read,
      );
    return rows.length > 0 ? { status: 204 } : fail(notFound);
  });
  route(open, listNotes, async ({ query }) => {
    if (bug === 'believes any cursor')
      await sql`select ${Buffer.from(query.cursor ?? '', 'base64url').toString()}::bigint`.execute(db.read);
    else readCursor(timePlace('note'), query.cursor);
    const { rows } = await sql<{ id: string; text: string }>`select id, text from note limit ${query.limit}`.execute(
      db.read,
    );
    return { status: 200, body: { items: rows } };
  });
  route(open, linkNotes, async ({ body: { link }, auth }) => {
    for (const id of [link.from, link.to ?? link.from]) {
      wall(id);
      const known =
        bug === 'links notes of others'
          ? await sql`select 1 from note where id = ${id}`.execute(db.read).then(({ rows }) => rows[0])
          : await find(id, auth.accountId);
      if (known === undefined) fail(notFound);
    }
    return { status: 204 };
  });
  route(open, notify, async ({ headers, body }) => {
    if (bug === 'reads the bytes before the proof' && JSON.parse(body.toString()) === null) return { status: 204 };
    if (bug !== 'believes any sender' && headers['x-proof'] !== proofOf('secret', body)) return fail(forbidden);
    return { status: 204 };
  });
  route(inner, countNotes, async () => ({
    status: 200,
    body: { count: Number((await sql<{ n: bigint }>`select count(*) as n from note`.execute(db.read)).rows[0]?.n) },
  }));

  const user = newId('acc', region, now());
  const mine = newId('note', region, now());
  await sql`insert into note values (${mine}, ${user}, 'mine')`.execute(db.read);
  const told = '{"told":true}';
  const at = await open.listen({ host: '127.0.0.1', port: 0 });
  const within = await inner.listen({ host: '127.0.0.1', port: 0 });
  return {
    region,
    publicUrl: at.url,
    internalUrl: within.url,
    tokens: await issuer.suiteTokens('billing', { user, otherUser: newId('acc', region, now()) }),
    snapshot: () => databaseSnapshot(db.pool),
    holds: (id) => databaseHolds(db.pool, id),
    sampleOf: (e): Sample | undefined => {
      if (e.params !== undefined) return { params: { noteId: mine } };
      if (e.id === 'linkNotes') return { body: { link: { from: mine, to: mine } } };
      if (e.id !== 'notify') return undefined;
      return {
        headers: { 'x-proof': proofOf('secret', told) },
        body: told,
        signature: {
          headers: ['x-proof'],
          overBytes: true,
          refusal: { status: 403, code: 'forbidden' },
          foreign: [{ what: 'signed with another secret', headers: { 'x-proof': proofOf('other', told) } }],
        },
      };
    },
    stop: async () => {
      await open.close();
      await inner.close();
      await db.close();
      await database.drop();
    },
  };
};
