// What never reaches the table. The table is locked by somebody else meanwhile: whoever reads it waits, so an answer proves that nobody read.

import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { toBase62 } from '@meridian/client/key-checksum.ts';
import { exampleKey } from '@meridian/client/key-scanner.ts';
import { createKey, verifyKey } from '@meridian/contracts/key-issuance.ts';
import pg from 'pg';
import { foreignOf, type Harness, startHarness } from './harness.ts';

const services: Record<string, Harness> = {};
const secrets: Record<string, string> = {};
beforeAll(async () => {
  for (const region of ['cn', 'global']) {
    const service = await startHarness({ region });
    services[region] = service;
    const { body } = await service.asUser(service.newAccount(), createKey, {
      body: { name: 'k', product: 'payg' },
      idempotencyKey: 'k',
    });
    secrets[region] = body.secret;
  }
});
afterAll(async () => {
  for (const service of Object.values(services)) await service.stop();
});

const verify = async (region: string, key: string, product: 'payg' | 'plan' = 'payg') =>
  (await services[region]!.asService('gateway', verifyKey, { body: { key, product } })).body;

const whileLocked = async <T>(region: string, work: () => Promise<T>): Promise<T> => {
  const locker = new pg.Client({ connectionString: services[region]!.databaseUrl });
  await locker.connect();
  await locker.query('begin; lock table api_key in access exclusive mode');
  try {
    return await work();
  } finally {
    await locker.query('rollback');
    await locker.end();
  }
};

describe.each(['cn', 'global'])('in %s', (region) => {
  const foreign = foreignOf(region);

  test('a key of the other region is told its region and Base URL, without a read', async () => {
    const answer = await whileLocked(region, () => verify(region, secrets[foreign]!));
    expect(answer).toEqual({
      valid: false,
      refusal: {
        code: 'key_region_mismatch',
        region: foreign,
        baseUrl: `https://model.${foreign}.meridian.example/v1`,
      },
    });
  });

  test('a key of the other product is told so, without a read', async () => {
    const answer = await whileLocked(region, () => verify(region, secrets[region]!, 'plan'));
    expect(answer).toMatchObject({
      valid: false,
      refusal: { code: 'key_product_mismatch', baseUrl: `https://model.${region}.meridian.example/v1` },
    });
  });

  test('a key of a made-up region is invalid, whatever JavaScript knows by that name', async () => {
    for (const made of ['mars', 'constructor']) {
      const answer = await whileLocked(region, () => verify(region, exampleKey(made)));
      expect(answer).toEqual({ valid: false, refusal: { code: 'key_invalid' } });
    }
  });

  test('a flood of garbage costs no read and is answered like an unknown key', async () => {
    const own = secrets[region]!;
    const covered = (seed: number) => `sk-${region}1_${toBase62(seed, 32)}`;
    const withChecksum = (seed: number) => covered(seed) + toBase62(crc32(covered(seed)), 6);
    const garbage = Array.from({ length: 500 }, (_, i) => [
      `sk-${i}`,
      `${covered(i + 2)}00000000000000`,
      `${withChecksum(i + 2)}${toBase62(i, 8)}`,
      `${own.slice(0, -8)}${toBase62(i, 8)}`,
    ]).flat();
    const answers = await whileLocked(region, async () => {
      const given = [];
      // Two hundred at a time: the test is about reads, not about how many calls fit into the client's deadline.
      for (let i = 0; i < garbage.length; i += 200)
        given.push(...(await Promise.all(garbage.slice(i, i + 200).map((key) => verify(region, key)))));
      return given;
    });
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
      new Set(['{"valid":false,"refusal":{"code":"key_invalid"}}']),
    );
  });

  test('a key that cannot be read in time is 503 with Retry-After, never valid', async () => {
    const refused = await whileLocked(region, () => verify(region, secrets[region]!).catch((error) => error));
    expect(refused).toMatchObject({ code: 'unavailable', status: 503, retryAfter: 1 });
    expect(await verify(region, secrets[region]!)).toMatchObject({ valid: true });
  });
});
