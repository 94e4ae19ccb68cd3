// The wall between regions: nothing about a person, a key or a balance crosses. What belongs elsewhere is refused by name, with the address of its home.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addressOf, call } from '@meridian/client/client.ts';
import { apiServices, endpointsOf } from '@meridian/contracts/all.ts';
import { getBalance, getRecharge } from '@meridian/contracts/billing.ts';
import { type EndpointDefinition, serviceNames } from '@meridian/contracts/endpoint.ts';
import { createSession, getAccount, type Identifier, refreshSession, sendCode } from '@meridian/contracts/identity.ts';
import { createKey, listKeys } from '@meridian/contracts/key-issuance.ts';
import pg from 'pg';
import { until } from './journeys/expectations.ts';
import { outsideWorld } from './journeys/outside-world.ts';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

let copy: TestCopy;
type Person = {
  api: string;
  identifier: Identifier;
  token: string;
  refreshToken: string;
  accountId: string;
  secret: string;
};
let domestic: Person;
let overseas: Person;

const signUp = async (region: string, identifier: Identifier, idempotencyKey: string): Promise<Person> => {
  const { api } = copy.region(region);
  const since = new Date();
  const { body: sent } = await call(sendCode, { baseUrl: api, body: { identifier, purpose: 'login' } });
  const code = await outsideWorld(copy.sandbox).readCode(identifier, since);
  const { body } = await call(createSession, {
    baseUrl: api,
    body: { codeId: sent.codeId, code, identifier, termsVersion: '2026-11' },
  });
  const key = await call(createKey, {
    baseUrl: api,
    token: body.accessToken,
    idempotencyKey,
    body: { name: 'wall', product: 'payg' },
  });
  return {
    api,
    identifier,
    token: body.accessToken,
    refreshToken: body.refreshToken ?? '',
    accountId: body.accountId,
    secret: key.body.secret,
  };
};

const sameIdempotencyKey = randomUUID();

beforeAll(async () => {
  copy = await startTestCopy();
  domestic = await signUp('cn', { kind: 'phone', value: '+8613800138123' }, sameIdempotencyKey);
  overseas = await signUp('global', { kind: 'email', value: 'wall@people.example' }, sameIdempotencyKey);
}, 90_000);
afterAll(() => copy.stop());

const userEndpoints = apiServices.flatMap((service) => endpointsOf[service]).filter((e) => e.auth.kind === 'user');

/** Calls an endpoint with nothing but a token: who is calling is decided before what is asked. */
const callWith = (endpoint: EndpointDefinition, api: string, token: string) => {
  const params = Object.fromEntries(Object.keys(endpoint.params?.shape ?? {}).map((name) => [name, 'x']));
  return fetch(addressOf(endpoint, api, params), {
    method: endpoint.method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(endpoint.method !== 'GET' && { 'content-type': 'application/json' }),
    },
    body: endpoint.method === 'GET' || endpoint.method === 'DELETE' ? undefined : '{}',
  });
};

describe('a token of one region at the other', () => {
  test.each(userEndpoints.map((e) => e.id))('%s refuses it by name, with the address of its home', async (id) => {
    const endpoint = userEndpoints.find((e) => e.id === id) as EndpointDefinition;
    for (const [stranger, host] of [
      [domestic, overseas],
      [overseas, domestic],
    ] as const) {
      const answer = await callWith(endpoint, host.api, stranger.token);
      const problem = (await answer.json()) as { code: string; detail: string };
      expect([answer.status, problem.code]).toEqual([421, 'region_mismatch']);
      expect(problem.detail).toContain(stranger.api);
    }
  });

  test('a refresh token is refused from its public part alone', async () => {
    await expect(
      call(refreshSession, { baseUrl: overseas.api, body: { refreshToken: domestic.refreshToken } }),
    ).rejects.toMatchObject({
      code: 'region_mismatch',
    });
    // It was not touched: at home it still works.
    expect(
      (await call(refreshSession, { baseUrl: domestic.api, body: { refreshToken: domestic.refreshToken } })).status,
    ).toBe(200);
  });
});

test('ids of the other region lead nowhere, and are told apart from unknown ones', async () => {
  const unknown = domestic.accountId.split('_')[2];
  const asked = (region: string) =>
    call(getRecharge, {
      baseUrl: domestic.api,
      token: domestic.token,
      params: { orderId: `ord_${region}_${unknown}` },
    });
  await expect(asked('global')).rejects.toMatchObject({
    code: 'region_mismatch',
    status: 421,
    problem: { region: 'global', address: overseas.api },
  });
  await expect(asked('cn')).rejects.toMatchObject({ code: 'not_found', status: 404 });
});

test('a key says at the wrong door where it belongs, in both directions', async () => {
  for (const [owner, host] of [
    ['cn', 'global'],
    ['global', 'cn'],
  ] as const) {
    const { secret } = owner === 'cn' ? domestic : overseas;
    const answer = await fetch(`${copy.region(host).baseUrl}/models`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    const { error } = (await answer.json()) as { error: { code: string; region: string; baseUrl: string } };
    expect([answer.status, error.code, error.region, error.baseUrl]).toEqual([
      401,
      'key_region_mismatch',
      owner,
      copy.region(owner).baseUrl,
    ]);
  }
});

test('the same idempotency key in both regions made two keys that know nothing of each other', async () => {
  expect(domestic.secret).not.toBe(overseas.secret);
  for (const person of [domestic, overseas]) {
    const { body } = await call(listKeys, { baseUrl: person.api, token: person.token, query: {} });
    expect(body.items).toHaveLength(1);
  }
});

test('balances are in the currency of the region alone', async () => {
  const currencies = await Promise.all(
    [domestic, overseas].map(async (p) => (await call(getBalance, { baseUrl: p.api, token: p.token })).body.currency),
  );
  expect(currencies).toEqual(['CNY', 'USD']);
});

describe('databases', () => {
  const databases = (region: string) =>
    serviceNames
      .filter((name) => name !== 'gateway')
      .map((name) => ({ name, url: copy.region(region).env(name).DATABASE_URL as string }));

  /** Every row of every table of a database, as text. */
  const contentOf = async (url: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const { rows: tables } = await client.query<{ name: string }>(
        `select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
      );
      let content = '';
      for (const { name } of tables) {
        const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
        content += rows.map(({ row }) => `${row}\n`).join('');
      }
      return content;
    } finally {
      await client.end();
    }
  };

  test('no row of one region names an account of the other', async () => {
    // Both accounts have left traces at home by now, or the search would prove nothing.
    await until('the registrations to be known', async () =>
      (await contentOf(databases('cn')[0]?.url as string)).includes(domestic.accountId) ? true : undefined,
    );
    for (const [region, stranger] of [
      ['cn', overseas],
      ['global', domestic],
    ] as const) {
      const urls = [
        ...databases(region).map((d) => d.url),
        copy.region(region).env('identity').EVENT_BUS_URL as string,
      ];
      for (const url of urls) expect(await contentOf(url)).not.toContain(stranger.accountId);
    }
  });

  test("a service's role cannot connect to another service's, or another region's, database", async () => {
    const address = (url: string) => new URL(url.replace('@/', '@localhost/'));
    const [first, ...rest] = [...databases('cn'), ...databases('global')].map(({ url }) => address(url));
    for (const other of rest) {
      const client = new pg.Client({
        host: first?.searchParams.get('host') ?? '',
        user: first?.username,
        password: decodeURIComponent(first?.password ?? ''),
        database: other.pathname.slice(1),
      });
      await expect(client.connect()).rejects.toMatchObject({ code: '42501' });
    }
  });
});

test('an account is not known at the other region', async () => {
  await expect(call(getAccount, { baseUrl: overseas.api, token: domestic.token })).rejects.toMatchObject({
    code: 'region_mismatch',
  });
});
