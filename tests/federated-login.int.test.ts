// Sign-in by an account elsewhere on a whole copy: the same provider in every region, through the region's one public origin.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { getAccount } from '@meridian/contracts/identity.ts';
import { profiles } from '@meridian/regions/region.ts';
import { signInElsewhere } from './journeys/login-elsewhere.ts';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

let copy: TestCopy;
beforeAll(async () => {
  copy = await startTestCopy();
}, 90_000);
afterAll(() => copy?.stop());

describe('one person with one account at Xiaomi', () => {
  const found: string[] = [];
  test.each(Object.keys(profiles))(
    'registers and signs in again in region %s',
    async (id) => {
      const profile = profiles[id];
      if (profile === undefined) throw new Error(`no profile ${id}`);
      const where = { base: copy.region(id).api, sandbox: copy.sandbox, profile };
      const first = await signInElsewhere(where, 'xiaomi', 'person-7');
      expect(first.created).toBe(true);
      const { body } = await call(getAccount, { baseUrl: where.base, token: first.accessToken });
      expect(body).toMatchObject({ accountId: first.accountId, region: id });
      expect(body.contacts).toHaveLength(profile.registration.bindPhone ? 1 : 0);
      const again = await signInElsewhere(where, 'xiaomi', 'person-7');
      expect(again).toMatchObject({ created: false, accountId: first.accountId });
      found.push(first.accountId);
    },
    60_000,
  );
  test('and is another account in each: nothing about a person crosses', () => {
    expect(new Set(found).size).toBe(Object.keys(profiles).length);
  });
});
