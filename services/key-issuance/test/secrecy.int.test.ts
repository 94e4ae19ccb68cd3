// No answer tells how much of a presented secret is right. Time itself is judged by `npm run bench -- keys` (timing_gap_vs_chance); here is
// what makes it so: one answer, no read, and one comparison that takes the same time wherever the difference is.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKey } from '@meridian/contracts/key-issuance.ts';
import { peppersOf } from '../src/config.ts';
import { makeKey } from '../src/keys/key-format.ts';
import { type VerifyDeps, verifyKey } from '../src/keys/verify-key.ts';
import { type Harness, startHarness } from './harness.ts';

const pepper = 'pepper-of-cn-0123456789';
const peppers = peppersOf({ 1: pepper });
const tagLength = 8;
const wrongAt = (key: string, at: number) => `${key.slice(0, at)}${key[at] === 'a' ? 'b' : 'a'}${key.slice(at + 1)}`;
/** Right but for the tag: wrong in one of its characters, the last or the first, and in all of them. */
const wrongTags = (key: string) => [
  ...Array.from({ length: tagLength }, (_, i) => wrongAt(key, key.length - tagLength + i)),
  key.slice(0, -tagLength) + '0'.repeat(tagLength),
];

describe('over HTTP', () => {
  let service: Harness;
  let secret: string;
  beforeAll(async () => {
    service = await startHarness({ env: { KEY_PEPPERS: JSON.stringify({ 1: pepper }) } });
    const { body } = await service.asUser(service.newAccount(), createKey, {
      body: { name: 'k', product: 'payg' },
      idempotencyKey: 'k',
    });
    secret = body.secret;
  });
  afterAll(() => service?.stop());

  const answerTo = async (path: string, headers: Record<string, string>, body?: object) => {
    const token = await service.tokens.serviceToken({ caller: 'gateway', audience: 'key-issuance' });
    const response = await fetch(`${service.running.internalUrl}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { ...headers, 'content-type': 'application/json', ...(body && { authorization: `Bearer ${token}` }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const requestId = response.headers.get('x-request-id') ?? 'none';
    const told = [...response.headers].filter(([name]) => name !== 'date' && name !== 'x-request-id');
    return JSON.stringify([response.status, told, text]).replaceAll(requestId, 'ID');
  };
  const verified = (key: string) => answerTo('/internal/v1/keys/verify', {}, { key, product: 'payg', model: null });
  const authorized = async (key: string) =>
    answerTo('/internal/v1/keys/authorize', {
      authorization: `Bearer ${key}`,
      'x-meridian-product': 'payg',
      'x-meridian-service-token': await service.tokens.serviceToken({ caller: 'gateway', audience: 'key-issuance' }),
    });

  test('a wrong tag and an unknown key share status, headers and body, to the letter', async () => {
    // With a right tag and never issued: only whoever holds the pepper can make one.
    const unknown = makeKey(peppers, 'cn', 'payg').key;
    for (const ask of [verified, authorized]) {
      const told = await ask(unknown);
      expect(told).toContain('key_invalid');
      for (const key of [...wrongTags(secret), ...wrongTags(unknown)]) expect(await ask(key)).toBe(told);
      // And the key itself is good: the answer is about the tag.
      expect(await ask(secret)).not.toBe(told);
    }
  });
});

describe('the check', () => {
  test('reads nothing for a wrong tag, whichever of its characters is wrong, and answers it with the others; reads once for a right one', async () => {
    let [reads, left] = [0, 0];
    const limits = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };
    const deps: VerifyDeps = {
      region: 'cn',
      now: () => new Date(),
      failed: () => undefined,
      peppers,
      baseUrlOf: () => 'https://model.example/v1',
      appealUrl: 'https://appeal.example',
      accountModelLimits: { of: new Map(), others: limits },
      factsOf: async () => {
        reads += 1;
        return undefined;
      },
      takeRates: () => Promise.reject(new Error('a wrong key was counted')),
      garbageLeaves: async () => {
        left += 1;
      },
      used: () => undefined,
    };
    const ask = (key: string) => verifyKey(deps, { key, product: 'payg', model: null });
    const { key } = makeKey(peppers, 'cn', 'payg');
    const answers = await Promise.all(wrongTags(key).map(ask));
    expect([reads, left]).toEqual([0, answers.length]);
    const unknown = await ask(key);
    expect([reads, left]).toEqual([1, answers.length]);
    expect(new Set([...answers, unknown].map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  test('compares the tag once, in constant time, and uses it for nothing else', () => {
    const source = readFileSync(new URL('../src/keys/key-format.ts', import.meta.url), 'utf8');
    const [, check = ''] = source.split('export const digestOfPresented');
    expect(check.match(/timingSafeEqual\(/g)).toHaveLength(1);
    expect(check).toContain('timingSafeEqual(Buffer.from(expected), Buffer.from(text.slice(-tagLength)))');
    // What the tag should be is made, compared, and not looked at again: no `===`, no prefix, no way out before the end.
    expect(check.match(/\bexpected\b/g)).toHaveLength(2);
    expect(check).toContain('const expected = tagOf(pepper, text.slice(0, -tagLength));');
  });
});
