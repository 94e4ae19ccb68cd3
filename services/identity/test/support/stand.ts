// Identity as it runs: real PostgreSQL, real events, the sandbox as the outside world, all over HTTP.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { type CallAnswer, type CallOptions, call } from '@meridian/client/client.ts';
import type { EndpointDefinition, ServiceName, StaffRole } from '@meridian/contracts/endpoint.ts';
import { type EventDefinition, topicOf } from '@meridian/contracts/event.ts';
import { createSession, type Identifier, sendCode } from '@meridian/contracts/identity.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Running } from '@meridian/kit/run/platform.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { profiles } from '@meridian/regions/region.ts';
import { startSandbox } from '@meridian/sandbox/sandbox.ts';
import { createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { loginEnv } from '@meridian/testkit/embedded/login-env.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { openTestEvents } from '@meridian/testkit/service/test-events.ts';
import { createTestIssuer } from '@meridian/testkit/test-issuer.ts';
import pg from 'pg';
import type { z } from 'zod';
import { deriveKey } from '../../src/crypto/mac.ts';
import type { IdentitySchema } from '../../src/db/schema.ts';
import { createAccessTokens } from '../../src/keys/access-token.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { startIdentity } from '../../src/service.ts';
import { type Other, startParticipants } from './participants.ts';

type Env = Record<string, string | undefined>;
const staff = [
  { sub: 'ada', name: 'Ada', email: 'ada@operator.example', roles: ['admin', 'reviewer', 'root'] },
  { sub: 'norm', name: 'Norm', email: 'norm@operator.example', roles: [] },
];

/** Waits until `probe` answers something; at most 10 s, unless said otherwise. */
export const waitFor = async <T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 10_000,
): Promise<T> => {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

export const startStand = async (options: { region: string; env?: Env }) => {
  const { region } = options;
  const profile = profiles[region];
  if (!profile) throw new Error(`no profile ${region}`);
  let offset = 0;
  const now = () => new Date(Date.now() + offset);
  const logged: string[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      logged.push(String(chunk));
      done();
    },
  });

  const [database, events, participants, secrets] = await Promise.all([
    createTestDatabase(),
    openTestEvents({ region, now }),
    startParticipants(),
    createSandboxSecrets([region]),
  ]);
  const sandbox = await startSandbox({
    secrets,
    http: { port: 0 },
    smtp: { port: 0 },
    now,
    models: [],
    staff,
    notifications: { timeScale: 0.001, timeoutMs: 10_000 },
    log: () => undefined,
  });
  const outside = sandbox.credentials[region];
  if (!outside) throw new Error('the sandbox does not know the region');
  const issuer = await createTestIssuer({
    region,
    foreignRegion: region === 'cn' ? 'global' : 'cn',
    issuer: 'http://127.0.0.1',
    now,
  });
  const secret = () => randomBytes(32).toString('base64url');
  const env: Env = {
    MERIDIAN_MODE: 'embedded',
    REGION: region,
    PUBLIC_LISTEN: '127.0.0.1:0',
    INTERNAL_LISTEN: '127.0.0.1:0',
    DATABASE_URL: database.url,
    EVENT_BUS_URL: events.url,
    SERVICE_KEY: generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString(),
    SERVICE_KEYS: JSON.stringify(issuer.servicePems),
    ISSUER: 'http://127.0.0.1',
    JWKS_URL: 'http://127.0.0.1:9/unused',
    TRUSTED_PROXIES: '127.0.0.1',
    LOG_LEVEL: 'info',
    IDENTIFIER_PEPPER: secret(),
    CODE_PEPPER: secret(),
    CONTACT_KEY: secret(),
    REFRESH_SECRET: secret(),
    SIGNING_KEY_SECRET: secret(),
    SMS_ENDPOINT: outside.sms.endpoint,
    SMS_ACCESS_KEY_ID: outside.sms.accessKeyId,
    SMS_ACCESS_KEY_SECRET: outside.sms.accessKeySecret,
    SMS_SIGN_NAME: outside.sms.signName,
    SMS_TEMPLATE: outside.sms.templates.code,
    SMS_NOTICE_TEMPLATE: outside.sms.templates.notice,
    SMTP_URL: `smtp://${encodeURIComponent(outside.mail.user)}:${encodeURIComponent(outside.mail.password)}@${outside.mail.host}:${outside.mail.port}`,
    MAIL_FROM: 'Meridian <no-reply@meridian.example>',
    CODES_BEFORE_CAPTCHA: '1000',
    CODES_CAPTCHA_FREE_PER_HOUR: '100000',
    CAPTCHA_ENDPOINT: outside.captcha.endpoint,
    CAPTCHA_SECRET: outside.captcha.secret,
    OIDC_ISSUER: outside.oidc.issuer,
    OIDC_CLIENT_ID: outside.oidc.clientId,
    OIDC_CLIENT_SECRET: outside.oidc.clientSecret,
    OIDC_ROLES_CLAIM: outside.oidc.rolesClaim,
    ...loginEnv(profile.registration.federated, outside),
    STAFF_REDIRECT_URI: 'http://127.0.0.1/staff/v1/sign-in/callback',
    VERIFICATION_URL: participants.urlOf('verification'),
    BILLING_URL: participants.urlOf('billing'),
    KEY_ISSUANCE_URL: participants.urlOf('key-issuance'),
    MODERATION_URL: participants.urlOf('moderation'),
    ...options.env,
  };

  /** A staff token as a sign-in would give it, signed with the service's own key. */
  const staffToken = async (roles: readonly StaffRole[], staffId = 'stf_test') => {
    await pool.query('insert into staff values ($1, $1, $1, now()) on conflict do nothing', [staffId]);
    const own = createDatabase<IdentitySchema>({ url: database.url, poolSize: 1, log, applicationName: 'test' });
    try {
      const signingKeySeal = deriveKey(env.SIGNING_KEY_SECRET ?? '', 'signing keys');
      const keyRing = createKeyRing({ db: own, now, signingKeySeal });
      return await createAccessTokens({ keyRing, issuer: env.ISSUER ?? '', region, now }).forStaff({ staffId, roles });
    } finally {
      await own.close();
    }
  };

  let running: Running | undefined;
  const start = async () => {
    running = await startIdentity(env, { now, destination, ...events.overrides });
  };
  const stopService = async () => {
    await running?.stop();
    running = undefined;
  };
  await start().catch(async (error: unknown) => {
    await Promise.all([sandbox.stop(), participants.stop()]);
    await Promise.all([database.drop(), events.close()]);
    throw error;
  });
  const urls = () => running ?? { publicUrl: '', internalUrl: '' };
  const pool = new pg.Pool({ connectionString: database.url, max: 3 });
  // A connection that is just closing may still be told that its database was dropped.
  pool.on('error', () => undefined);
  const log = createLog({ service: 'test', region, level: 'silent' });
  const { bus } = events;
  const left: { type: string; subject: string; data: Record<string, unknown>; accountseq: number }[] = [];
  await bus.subscribe({
    group: 'test',
    topics: [topicOf(region, 'identity')],
    handler: async ({ payload }) => void left.push(JSON.parse(payload)),
  });

  /** Each test speaks from networks of its own, so that limits per network do not meet. */
  let callers = 0;
  const nextIp = () => `198.${18 + Math.floor(++callers / 250)}.${callers % 250}.1`;

  type Extra = { token?: string; ip?: string };
  type PartsOf<E extends EndpointDefinition> = Omit<CallOptions<E>, 'baseUrl'> & Extra;
  const ask = <E extends EndpointDefinition>(endpoint: E, parts: PartsOf<E>): Promise<CallAnswer<E>> => {
    const { ip = nextIp(), ...rest } = parts as Extra & Record<string, unknown>;
    const internal = endpoint.path.startsWith('/internal/');
    return call(endpoint, {
      ...rest,
      baseUrl: internal ? urls().internalUrl : urls().publicUrl,
      headers: { 'x-forwarded-for': ip },
    } as unknown as CallOptions<E>);
  };

  const messages = async (to: string): Promise<{ code: string; text: string; subject: string | null }[]> => {
    const answer = await fetch(`${sandbox.origin}/inbox/messages?to=${encodeURIComponent(to)}`);
    return ((await answer.json()) as { messages: { code: string; text: string; subject: string | null }[] }).messages;
  };
  /** Asks for a code and waits for it in the inbox. */
  const codeFor = async (identifier: Identifier, purpose: 'login' | 'reauthenticate' = 'login', ip?: string) => {
    // Notices arrive beside codes.
    const codes = async () => (await messages(identifier.value)).filter((message) => message.code !== null);
    const before = (await codes()).length;
    const { body } = await ask(sendCode, { body: { identifier, purpose }, ...(ip && { ip }) });
    const [message] = await waitFor('a code', async () => {
      const found = await codes();
      return found.length > before && found;
    });
    return { codeId: body.codeId, code: message?.code ?? '' };
  };
  const termsVersion = profile.registration.termsVersion;
  const signIn = async (identifier: Identifier) => {
    const code = await codeFor(identifier);
    const { body } = await ask(createSession, { body: { ...code, identifier, termsVersion } });
    return { ...body, refreshToken: body.refreshToken ?? '', identifier };
  };
  let people = 0;
  const identifiers = {
    phone: (): Identifier => ({ kind: 'phone', value: `+86138${String(10_000_000 + ++people)}` }),
    email: (): Identifier => ({ kind: 'email', value: `person${++people}@example.com` }),
  };

  const sequences = new Map<string, number>();
  const publishAs = async <E extends EventDefinition>(
    service: ServiceName,
    event: E,
    accountId: string,
    data: z.input<E['data']>,
  ) => {
    const key = `${service} ${accountId}`;
    const seq = (sequences.get(key) ?? 0) + 1;
    sequences.set(key, seq);
    const id = newId('evt', region, now());
    const content = {
      specversion: '1.0',
      id,
      source: `${region}/${service}`,
      type: event.type,
      subject: accountId,
      time: now().toISOString(),
      datacontenttype: 'application/json',
      region,
      partitionkey: accountId,
      accountseq: seq,
      data,
    };
    await bus.publish([
      { topic: topicOf(region, service), key: accountId, eventId: id, payload: JSON.stringify(content) },
    ]);
  };

  return {
    region,
    profile,
    env,
    issuer,
    outside,
    sandbox,
    participants,
    pool,
    now,
    logged,
    ask,
    messages,
    codeFor,
    signIn,
    staffToken,
    identifiers,
    termsVersion,
    publishAs,
    start,
    stopService,
    urls,
    moveClock: (ms: number) => {
      offset += ms;
    },
    /** Events of identity about an account, as they left. */
    published: async (accountId: string) => left.filter(({ subject }) => subject === accountId),
    control: async (part: string, faults: object) => {
      const answer = await fetch(`${sandbox.origin}/control/${part}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(faults),
      });
      if (!answer.ok) throw new Error(`the sandbox refused: ${await answer.text()}`);
    },
    stop: async () => {
      await stopService();
      await pool.end();
      await Promise.all([sandbox.stop(), participants.stop()]);
      await Promise.all([database.drop(), events.close()]);
    },
  };
};
export type Stand = Awaited<ReturnType<typeof startStand>>;
export type { Other };

/** The problem that a call ends with. */
export const problemOf = async (
  promise: Promise<unknown>,
): Promise<{ code: string; status: number; retryAfter?: number; problem?: { detail?: string } }> => {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; status: number; retryAfter?: number };
  }
  throw new Error('the call was expected to be refused');
};
