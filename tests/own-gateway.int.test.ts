// Doors in front of a whole region: the example that docs/integration.md hands to operators, and the reference gateway.
import { createPrivateKey, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { createGatewayClient } from '@meridian/client/gateway-client.ts';
import { getBalance, listCharges } from '@meridian/contracts/billing.ts';
import { createKey, revokeKey, rotateKey } from '@meridian/contracts/key-issuance.ts';
import { createServiceTokens } from '@meridian/kit/auth/service-tokens.ts';
import { newId } from '@meridian/kit/ids.ts';
import { profiles } from '@meridian/regions/region.ts';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import OpenAI from 'openai';
import type { z } from 'zod';
import { type Call, type Door, openDoor, serve } from './gateways/own-gateway.ts';
import { until } from './journeys/expectations.ts';
import { type JourneyState, newCustomer } from './journeys/main-job.ts';
import { type Intercept, problemAnswer, startFront } from './support/front.ts';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

const region = 'global';
const now = () => new Date();
const stopping = new AbortController();
let copy: TestCopy;
let customer: JourneyState;
let door: Door;
let options: Parameters<typeof openDoor>[0];
let model: string;

beforeAll(async () => {
  copy = await startTestCopy([profiles[region]!]);
  customer = await newCustomer({ base: copy.region(region).api, sandbox: copy.sandbox });
  model = customer.region.models[0] as string;
  // What an operator's own gateway is given: the addresses, and the key that services know as "gateway".
  const env = copy.region(region).env('gateway') as Record<string, string>;
  const { tokenFor } = createServiceTokens({
    service: 'gateway',
    region,
    privateKey: createPrivateKey(env.SERVICE_KEY as string),
    now,
  });
  const addresses = {
    'key-issuance': env.KEY_ISSUANCE_URL as string,
    billing: env.BILLING_URL as string,
    moderation: env.MODERATION_URL as string,
  };
  options = { addresses, tokenFor };
  door = await openDoor(options, stopping.signal);
}, 90_000);
afterAll(async () => {
  stopping.abort();
  await copy?.stop();
});

type NewKey = Omit<z.input<typeof createKey.body>, 'name' | 'product'>;
const newKey = async (more: NewKey = {}) => {
  const { body } = await call(createKey, {
    baseUrl: customer.base,
    token: customer.token,
    idempotencyKey: randomUUID(),
    body: { name: 'door', product: 'payg', ...more },
  });
  return { keyId: body.key.keyId, secret: body.secret };
};
const revoke = (keyId: string) => call(revokeKey, { baseUrl: customer.base, token: customer.token, params: { keyId } });
const balance = async () => (await call(getBalance, { baseUrl: customer.base, token: customer.token })).body;
const charges = async () =>
  (await call(listCharges, { baseUrl: customer.base, token: customer.token, query: {} })).body.items;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** What is left of the key's tokens of the day. */
const leftToday = async (secret: string) => {
  const question = { key: secret, product: 'payg', model: null, tokensEstimate: 0 } as const;
  const verdict = await createGatewayClient(options).verify(question);
  return verdict.rates?.find(({ kind }) => kind === 'tokens_per_day')?.remaining;
};
/** Plays before a door that reaches `service` by way of `intercept`. */
const withFront = (
  service: keyof typeof options.addresses,
  intercept: Intercept,
  play: (front: Door) => Promise<void>,
) =>
  withCleanup(async (defer) => {
    const front = await startFront(options.addresses[service], intercept);
    defer(front.close);
    const leaving = new AbortController();
    defer(async () => leaving.abort());
    await play(
      await openDoor({ ...options, addresses: { ...options.addresses, [service]: front.url } }, leaving.signal),
    );
  });

/** A model server that says `chunks` words of `tokens` tokens each. */
const words = (chunks: number, tokens = 1, ms = 0): Call['stream'] =>
  async function* (cut) {
    for (let i = 0; i < chunks && !cut.aborted; i += 1) {
      if (ms > 0) await pause(ms);
      yield { text: `word ${i} `, tokens };
    }
  };
const callOf = (key: string, more: Partial<Call> = {}): Call => ({
  requestId: newId('req', region, now()),
  key,
  model,
  ip: '192.0.2.9',
  texts: ['say something'],
  promptTokens: 10,
  stream: words(3),
  ...more,
});
const textOf = async (one: Call, at = door) => {
  let text = '';
  for await (const part of serve(at, one)) text += part;
  return text;
};

describe('the example of docs/integration.md', () => {
  test('is the code that these tests run', () => {
    const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
    const [, ...lines] = read('./gateways/own-gateway.ts').trimEnd().split('\n');
    const blocks = [...read('../docs/integration.md').matchAll(/^```ts\n([\s\S]*?)\n```$/gm)].map(([, text]) => text);
    expect(blocks).toEqual([lines.join('\n')]);
  });

  test('delivers, charges exactly once, and leaves nothing held', async () => {
    const { secret } = await newKey();
    const one = callOf(secret);
    expect(await textOf(one)).toBe('word 0 word 1 word 2 ');
    const own = (await charges()).filter(({ requestId }) => requestId === one.requestId);
    expect(own).toMatchObject([{ outcome: 'completed', usage: { promptTokens: 10, completionTokens: 3 } }]);
    expect((await balance()).held).toBe('0');
  });

  test('serves a key that is bound to model, endpoint and network, and not from elsewhere', async () => {
    const bound: NewKey = { models: [model], endpoints: ['chat/completions'], networks: ['192.0.2.0/24'] };
    const { secret } = await newKey(bound);
    expect(await textOf(callOf(secret))).toContain('word 0');
    await expect(textOf(callOf(secret, { ip: '198.51.100.1' }))).rejects.toMatchObject({ status: 403 });
    await expect(textOf(callOf(secret, { model: 'another' }))).rejects.toMatchObject({ status: 403 });
  });

  test('puts right what it reserved: of a limit only what was used is gone, of a failed call nothing', async () => {
    const { secret } = await newKey({ limits: { tokensPerDay: 100_000 } });
    await textOf(callOf(secret, { stream: words(5) }));
    const used = 10 + 5;
    await until('the correction', async () => ((await leftToday(secret)) === 100_000 - used ? true : undefined));
    const failing: Call['stream'] = async function* () {
      yield* [];
      throw new Error('the model server is away');
    };
    await expect(textOf(callOf(secret, { stream: failing }))).rejects.toThrow('is away');
    await until('the correction', async () => ((await leftToday(secret)) === 100_000 - used ? true : undefined));
    expect((await balance()).held).toBe('0');
  });

  test('gives back what was reserved when moderation is away', async () => {
    const { secret } = await newKey({ limits: { tokensPerDay: 100_000 } });
    const away: Intercept = async () => {
      await until('the reservation', async () => ((await leftToday(secret)) === 100_000 ? undefined : true));
      return problemAnswer(503, 'unavailable');
    };
    await withFront('moderation', away, async (front) => {
      await expect(textOf(callOf(secret), front)).rejects.toMatchObject({ code: 'unavailable' });
      await until('the correction', async () => ((await leftToday(secret)) === 100_000 ? true : undefined));
    });
  });

  test('releases a hold that billing makes after the release came', async () => {
    const { secret } = await newKey();
    const released = Promise.withResolvers<void>();
    const [holds, releases]: [number[], number[]] = [[], []];
    const late: Intercept = async (path, pass) => {
      if (path.endsWith('/holds')) await released.promise;
      const answer = await pass();
      if (path.endsWith('/holds')) holds.push(answer.status);
      if (path.endsWith('/release')) {
        releases.push(answer.status);
        released.resolve();
      }
      return answer;
    };
    await withFront('billing', late, async (front) => {
      await expect(textOf(callOf(secret), front)).rejects.toMatchObject({ code: 'timeout' });
      await until('the release', async () => (releases.at(-1) === 204 && holds.length > 0 ? true : undefined));
      expect([holds, releases[0]]).toEqual([[201], 404]);
      expect((await balance()).held).toBe('0');
    });
  }, 60_000);

  test('releases nothing when billing refuses the hold', async () => {
    const { secret } = await newKey();
    const asked: string[] = [];
    const poor: Intercept = async (path) => {
      asked.push(path);
      return problemAnswer(402, 'insufficient_balance');
    };
    await withFront('billing', poor, async (front) => {
      await expect(textOf(callOf(secret), front)).rejects.toMatchObject({ status: 402 });
      expect(asked).toEqual(['/internal/v1/holds']);
    });
  });

  test('settles once its tokens are taken again', async () => {
    const { secret } = await newKey();
    const refusals = [problemAnswer(401, 'unauthenticated'), problemAnswer(403, 'forbidden')];
    const locked: Intercept = async (path, pass) =>
      (path.endsWith('/settle') ? refusals.shift() : undefined) ?? (await pass());
    await withFront('billing', locked, async (front) => {
      const one = callOf(secret);
      expect(await textOf(one, front)).toBe('word 0 word 1 word 2 ');
      const own = async () => (await charges()).filter(({ requestId }) => requestId === one.requestId);
      await until('the charge', async () => ((await own()).length === 1 ? true : undefined));
      expect(refusals).toEqual([]);
    });
  });

  test('goes on beyond its first window', async () => {
    const { secret } = await newKey();
    const one = callOf(secret, { stream: words(5, 700) });
    await textOf(one);
    expect((await charges()).find(({ requestId }) => requestId === one.requestId)).toMatchObject({
      usage: { completionTokens: 3_500 },
    });
  });

  test('ends the stream of a revoked and of a rotated key, and charges what was delivered', async () => {
    const ends = [
      (keyId: string) => revoke(keyId),
      (keyId: string) =>
        call(rotateKey, {
          baseUrl: customer.base,
          token: customer.token,
          idempotencyKey: randomUUID(),
          params: { keyId },
          body: {},
        }),
    ];
    for (const end of ends) {
      const { keyId, secret } = await newKey();
      const one = callOf(secret, { stream: words(3_000, 1, 20) });
      let delivered = 0;
      const running = (async () => {
        for await (const _ of serve(door, one)) delivered += 1;
      })();
      await until('the stream', async () => (delivered > 5 ? true : undefined));
      await end(keyId);
      await expect(running).rejects.toThrow('aborted');
      expect(delivered).toBeLessThan(3_000);
      expect((await charges()).find(({ requestId }) => requestId === one.requestId)).toMatchObject({
        outcome: 'interrupted',
        usage: { completionTokens: delivered },
      });
      await expect(textOf(callOf(secret))).rejects.toMatchObject({
        status: 401,
        message: expect.stringContaining('revoked or rotated'),
      });
    }
  }, 60_000);
});

describe('the reference gateway before the real key-issuance', () => {
  const client = (apiKey: string) => new OpenAI({ apiKey, baseURL: customer.baseUrl, maxRetries: 0 });
  const setModel = async (faults: object) => {
    const answer = await fetch(`${copy.sandbox}/control/model`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(faults),
    });
    expect(answer.ok).toBe(true);
  };
  test('an open stream ends with the revocation of its key', async () => {
    await setModel({ chunkDelayMs: 20 });
    try {
      const { keyId, secret } = await newKey();
      const stream = await client(secret).chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'write 5000 words' }],
        stream: true,
      });
      let chunks = 0;
      const ended = (async () => {
        for await (const _ of stream) chunks += 1;
      })().then(
        () => undefined,
        (error: unknown) => error,
      );
      await until('the stream', async () => (chunks > 5 ? true : undefined));
      await revoke(keyId);
      expect(await ended).toMatchObject({ code: 'key_revoked' });
    } finally {
      await setModel({});
    }
  }, 60_000);
});
