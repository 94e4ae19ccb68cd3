// The smallest service on the platform: one endpoint that publishes, one that reads, one reaction. Under either of two names.
import { accountId, regionMismatch } from '@meridian/contracts/common.ts';
import { endpoint } from '@meridian/contracts/endpoint.ts';
import { event } from '@meridian/contracts/event.ts';
import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import { parseConfig } from '../src/config/config.ts';
import type { Tx } from '../src/db/database.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { reaction } from '../src/events/reaction.ts';
import { route } from '../src/http/route.ts';
import { createPlatform, type Overrides } from '../src/run/platform.ts';
import { platformVariables } from '../src/run/platform-variables.ts';
import type { Stopping } from '../src/run/stopping.ts';

export const noted = event({
  type: 'thing-noted.v1',
  publishers: ['identity'],
  description: 'Test',
  data: z.object({ n: z.number() }),
});

const things = { 200: z.strictObject({ things: z.array(z.number()) }) };
const noteOf = <const S extends 'identity' | 'billing'>(service: S) =>
  endpoint({
    id: `note.${service}`,
    service,
    method: 'POST',
    path: '/internal/v1/notes',
    summary: 'Publish',
    auth: { kind: 'service', callers: ['gateway'] },
    body: z.strictObject({ accountId, n: z.number() }),
    answers: { 204: null },
    problems: [regionMismatch],
  });
const readOf = <const S extends 'identity' | 'billing'>(service: S) =>
  endpoint({
    id: `read.${service}`,
    service,
    method: 'GET',
    path: '/v1/things',
    summary: 'Read',
    auth: { kind: 'user' },
    query: z.strictObject({ afterMs: z.coerce.number().max(5_000).default(0) }),
    answers: things,
    problems: [],
  });
export const note = noteOf('identity');
export const read = readOf('billing');

type Schema = KitSchema & { thing: { account_id: string; n: number } };
const migrations = {
  '0001-thing': {
    up: async (db: Kysely<unknown>) =>
      void (await sql`create table thing (account_id text not null, n integer not null)`.execute(db)),
  },
};

/** `started` is told of every read, before its query is sent; `reacted` of every event, before its effect is written. */
export const createTiny = async (
  service: 'identity' | 'billing',
  env: Record<string, string | undefined>,
  overrides: Overrides & { started?: () => void; reacted?: () => Promise<void> } = {},
) => {
  const platform = await createPlatform<Schema>({
    service,
    region: 'cn',
    directory: { global: { addresses: { api: 'https://api.global.example' } } },
    corsOrigins: [],
    config: parseConfig(z.object(platformVariables), env),
    migrations,
    overrides,
  });
  const { db, publish, wall } = platform;
  route(platform.internalServer, noteOf(service), async ({ body }) => {
    wall(body.accountId);
    await db.transaction((tx) => publish(tx, noted, { accountId: body.accountId, data: { n: body.n } }));
    return { status: 204 };
  });
  route(platform.publicServer, readOf(service), async ({ auth, query }) => {
    overrides.started?.();
    const rows = await db.transaction(async (tx) => {
      await sql`select pg_sleep(${query.afterMs / 1_000})`.execute(tx);
      return tx.selectFrom('thing').select('n').where('account_id', '=', auth.accountId).orderBy('n').execute();
    });
    return { status: 200, body: { things: rows.map(({ n }) => n) } };
  });
  const start = (stopping?: Stopping) =>
    platform.start({
      ...(stopping && { stopping }),
      listensTo: service === 'billing' ? ['identity'] : [],
      reactions: [
        reaction(noted, async (tx: Tx<Schema>, { accountId: account_id, data: { n } }) => {
          await overrides.reacted?.();
          await tx.insertInto('thing').values({ account_id, n }).execute();
        }),
      ],
    });
  return { platform, start };
};
