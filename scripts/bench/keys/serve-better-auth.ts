// better-auth's api-key plugin behind the same kind of Fastify route. It is no dependency of this project: the bench installs the pinned
// versions into a folder of its own and names it here.
import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import Fastify from 'fastify';
import { answerParent, cpuSoFar } from './wire.ts';

type Auth = {
  readonly api: {
    readonly signUpEmail: (o: { body: Record<string, string>; asResponse: true }) => Promise<Response>;
    readonly createApiKey: (o: { body: Record<string, unknown> }) => Promise<{ id: string; key: string }>;
    readonly verifyApiKey: (o: { body: { key: string } }) => Promise<{ valid: boolean; key: { id: string } | null }>;
    readonly deleteApiKey: (o: { body: { keyId: string }; headers: Headers }) => Promise<{ success: boolean }>;
  };
};
type Pool = {
  readonly query: (text: string, values?: unknown[]) => Promise<{ rows: Record<string, unknown>[]; rowCount: number }>;
  readonly end: () => Promise<void>;
};
export type Setup = { readonly folder: string; readonly databaseUrl: string; readonly secrets: readonly string[] };

const app = Fastify();
let pool: Pool | undefined;

const hashOf = (key: string) => createHash('sha256').update(key).digest('base64url');

/** The row of one key made by the plugin itself, copied for every other key. */
const copyKeys = async (db: Pool, id: string, secrets: readonly string[]): Promise<void> => {
  const { rows } = await db.query(
    `select table_name, string_agg(format('%I', column_name), ', ' order by ordinal_position)
       filter (where column_name not in ('id', 'key')) as others
     from information_schema.columns where table_schema = 'public' and lower(table_name) = 'apikey' group by 1`,
  );
  const [table] = rows;
  if (table === undefined) throw new Error('better-auth made no table of keys');
  for (let from = 0; from < secrets.length; from += 10_000)
    await db.query(
      `insert into "${table.table_name}" (id, key, ${table.others})
       select gen_random_uuid()::text, k, ${table.others} from "${table.table_name}", unnest($2::text[]) as k where id = $1`,
      [id, secrets.slice(from, from + 10_000).map(hashOf)],
    );
  await db.query(`analyze "${table.table_name}"`);
};

const start = async ({ folder, databaseUrl, secrets }: Setup) => {
  const load = (path: string) => import(pathToFileURL(`${folder}/node_modules/${path}`).href);
  const [{ betterAuth }, { apiKey }, { getMigrations }, pg] = await Promise.all([
    load('better-auth/dist/index.mjs'),
    load('@better-auth/api-key/dist/index.mjs'),
    load('better-auth/dist/db/get-migration.mjs'),
    load('pg/lib/index.js'),
  ]);
  const db: Pool = new pg.default.Pool({ connectionString: databaseUrl, max: 10 });
  pool = db;
  const optionsWith = (plugin: object) => ({
    database: db,
    secret: createHash('sha256').update(databaseUrl).digest('hex'),
    baseURL: 'http://127.0.0.1',
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    logger: { disabled: true },
    plugins: [plugin],
  });
  // Without its default limit of 10 calls a day, and without counting: its fastest setting.
  const unlimited = optionsWith(apiKey({ rateLimit: { enabled: false } }));
  await (await getMigrations(unlimited)).runMigrations();
  const auth: Auth = betterAuth(unlimited);
  // As it comes: 10 calls a day for each key, counted with every call. The same rows serve both.
  const limited: Auth = betterAuth(optionsWith(apiKey()));
  const signedUp = await auth.api.signUpEmail({
    body: { email: 'bench@example.com', password: 'bench-of-keys-1', name: 'b' },
    asResponse: true,
  });
  const { user } = (await signedUp.json()) as { user: { id: string } };
  const cookie = signedUp.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const { id } = await limited.api.createApiKey({ body: { userId: user.id, name: 'k' } });
  await copyKeys(db, id, secrets);
  const verifyBy = async ({ api }: Auth, body: unknown) => {
    const { valid, key } = await api.verifyApiKey({ body: { key: (body as { key: string }).key } });
    return { valid, keyId: key?.id ?? null };
  };
  app.post('/internal/v1/keys/verify', (request) => verifyBy(auth, request.body));
  app.post('/limited/verify', (request) => verifyBy(limited, request.body));
  app.post('/revoke', async (request) => {
    const { keyId } = request.body as { keyId: string };
    const { success } = await auth.api.deleteApiKey({ body: { keyId }, headers: new Headers({ cookie }) });
    if (!success) throw new Error('better-auth did not delete the key');
    return { revoked: true };
  });
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }) };
};

answerParent(
  async (message: { readonly setup?: Setup }) => (message.setup ? start(message.setup) : cpuSoFar()),
  async () => {
    await app.close();
    await pool?.end();
  },
);
