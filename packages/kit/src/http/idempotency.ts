// Idempotency keys: a write that arrives twice happens once. One row per (caller, key), claimed before the handler runs and
// finished with its answer, if possible in the transaction of the effect itself.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import {
  idempotencyKeyRequired,
  idempotencyKeyReused,
  idempotencyTwinInFlight,
  invalidInput,
} from '@meridian/contracts/common.ts';
import { type Kysely, sql } from 'kysely';
import { fail } from './problems.ts';

/** How long a claim is honoured without an answer. After a crash a retry runs again once it has passed. */
export const leaseMs = 30_000;
/** Answers are replayed at least this long. */
export const keptMs = 24 * 3_600_000;

type Row = {
  scope: string;
  /** Derived from the client's key, which itself is not stored. */
  key: string;
  /** Keyed by the client's key as well. */
  request_hash: string;
  state: 'running' | 'done';
  status: number | null;
  body: string | null;
  created_at: Date;
  /** While running: the end of the lease. Once done: the end of replaying. */
  expires_at: Date;
};
type Tables = { idempotency_key: Row };

/** Whose keys: each caller has its own. */
export const userScope = (accountId: string): string => `user:${accountId}`;

/** What is needed of a kit Database: its tables reached outside a transaction. */
export type IdempotencyStore = { readonly read: unknown };
type Transactions<Tx> = { transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> };
type StoredAnswer = { readonly status: number; readonly body?: unknown; readonly headers?: unknown };

/** What a handler of an idempotent endpoint gets. */
export type Idempotency<A extends StoredAnswer> = {
  readonly key: string;
  /** Runs `work` in one transaction of `db` and stores its answer in the same transaction: the effect and the memory of it cannot part. */
  readonly commit: <Tx>(db: Transactions<Tx>, work: (tx: Tx) => Promise<A>) => Promise<A>;
};

// Member order does not matter to the meaning of a request.
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? 'null';

/** What a request asks for, in one form. */
export const canonicalRequest = (endpointId: string, params: unknown, query: unknown, body: unknown): Buffer =>
  Buffer.concat([
    Buffer.from(`${endpointId}\n${canonical(params)}\n${canonical(query)}\n`),
    Buffer.isBuffer(body) ? body : Buffer.from(canonical(body)),
  ]);

/** Reads the Idempotency-Key header: 1 to 255 visible ASCII characters (draft-ietf-httpapi-idempotency-key-header). */
export const readKey = (header: string | string[] | undefined): string => {
  if (header === undefined || header === '') return fail(idempotencyKeyRequired);
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  return fail(invalidInput, {
    errors: [{ pointer: '/headers/idempotency-key', detail: 'must be 1 to 255 visible ASCII characters' }],
  });
};

// A request may hold what few guesses find (an identity number), an answer what is shown once (an API key): the table must give away
// neither. What it holds of them is made with secrets derived from the client's own idempotency key, which is not stored: with a random
// key the table alone confirms no guess and opens nothing, and equal requests of two callers or two keys look different.
const secretsOf = (scope: string, key: string) => {
  const bytes = Buffer.from(hkdfSync('sha256', key, scope, 'meridian idempotency', 96));
  return { row: bytes.subarray(0, 32).toString('hex'), mac: bytes.subarray(32, 64), sealing: bytes.subarray(64) };
};
const seal = (secret: Buffer, text: string): string => {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
};
const unseal = (secret: Buffer, text: string): string => {
  const bytes = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, 12)).setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
};

export type Claim<A extends StoredAnswer> = {
  readonly idempotency: Idempotency<A>;
  /** The answer of an earlier run, to be replayed instead of running the handler. */
  readonly replay?: A;
  /** Stores the answer of a handler that did not use `commit`; anything but a 2xx frees the key. */
  readonly finish: (answer: A) => Promise<void>;
  /** Frees the key after a problem: a retry runs again. */
  readonly release: () => Promise<void>;
};

/** `content` is the canonical request. */
type Request = { readonly scope: string; readonly key: string; readonly content: Buffer };

/** Claims the key, or finds the answer to replay. Refuses with 422 (another request) or 409 (a twin is running). */
export const claimKey = async <A extends StoredAnswer>(
  store: IdempotencyStore,
  now: () => Date,
  request: Request,
): Promise<Claim<A>> => {
  const db = store.read as Kysely<Tables>;
  const { scope } = request;
  const { row: key, mac, sealing } = secretsOf(scope, request.key);
  const hash = createHmac('sha256', mac).update(request.content).digest('hex');
  const at = now();
  const lease = new Date(at.getTime() + leaseMs);
  const mine = {
    scope,
    key,
    request_hash: hash,
    state: 'running' as const,
    status: null,
    body: null,
    created_at: at,
    expires_at: lease,
  };
  // One statement decides between twins: insert, or take over a claim whose lease has passed (its holder crashed).
  const claimed = await db
    .insertInto('idempotency_key')
    .values(mine)
    .onConflict((conflict) =>
      conflict
        .columns(['scope', 'key'])
        .doUpdateSet({ expires_at: lease })
        .where('idempotency_key.state', '=', 'running')
        .where('idempotency_key.expires_at', '<=', at)
        .where('idempotency_key.request_hash', '=', hash),
    )
    .returning('key')
    .executeTakeFirst();

  let replay: A | undefined;
  if (claimed === undefined) {
    const found = await db
      .selectFrom('idempotency_key')
      .selectAll()
      .where('scope', '=', scope)
      .where('key', '=', key)
      .executeTakeFirst();
    // Gone between the two statements: its run was refused and freed the key a moment ago. The caller may simply retry.
    if (found === undefined) return fail(idempotencyTwinInFlight, { retryAfter: 1 });
    if (found.request_hash !== hash) return fail(idempotencyKeyReused);
    if (found.state === 'running') return fail(idempotencyTwinInFlight, { retryAfter: 1 });
    replay = { status: found.status, ...JSON.parse(unseal(sealing, found.body ?? '')) } as A;
  }

  let stored = false;
  // The lease is the fence: whoever lost it to a retry must not write an answer, and with `commit` not have an effect either.
  const owned = (executor: Kysely<Tables>) =>
    executor
      .updateTable('idempotency_key')
      .where('scope', '=', scope)
      .where('key', '=', key)
      .where('state', '=', 'running')
      .where('expires_at', '=', lease);
  const write = async (executor: Kysely<Tables>, answer: A): Promise<void> => {
    const body = seal(sealing, JSON.stringify({ body: answer.body, headers: answer.headers }));
    const result = await owned(executor)
      .set({ state: 'done', status: answer.status, body, expires_at: new Date(now().getTime() + keptMs) })
      .executeTakeFirst();
    if (result.numUpdatedRows !== 1n)
      fail(idempotencyTwinInFlight, {
        detail: 'This request took longer than its lease; a retry is running',
        retryAfter: 1,
      });
  };
  const release = async (): Promise<void> => {
    await db
      .deleteFrom('idempotency_key')
      .where('scope', '=', scope)
      .where('key', '=', key)
      .where('state', '=', 'running')
      .where('expires_at', '=', lease)
      .execute();
  };
  return {
    replay,
    release,
    finish: async (answer) => {
      if (stored) return;
      await (answer.status < 300 ? write(db, answer) : release());
    },
    idempotency: {
      key: request.key,
      commit: async (database, work) => {
        const answer = await database.transaction(async (tx) => {
          const result = await work(tx);
          if (result.status < 300) await write(tx as unknown as Kysely<Tables>, result);
          return result;
        });
        stored = answer.status < 300;
        return answer;
      },
    },
  };
};

/** Deletes at most `limit` rows whose time is over; answers whether there may be more. Call it from a timer; any replica may. */
export const cleanIdempotencyKeys = async (
  store: IdempotencyStore,
  now: () => Date,
  limit = 1_000,
): Promise<boolean> => {
  const { numAffectedRows } = await sql`delete from idempotency_key where ctid in (
      select ctid from idempotency_key where expires_at < ${now()} limit ${limit} for update skip locked)`.execute(
    store.read as Kysely<Tables>,
  );
  return numAffectedRows === BigInt(limit);
};
