import { describe, expect, test } from '@jest/globals';
import { profiles } from '@meridian/regions/region.ts';
import type { ProvenLogin } from '../providers/login-provider.ts';
import { offerOf } from './read-offer.ts';

const login = (email: ProvenLogin['email']): ProvenLogin => ({
  subjectIds: [{ provider: 'google', app: 'app', kind: 'sub', value: '1' }],
  ...(email && { email }),
});
const registrationOf = (method: 'email_code' | 'phone_code') => {
  const found = Object.values(profiles).find(({ registration }) => registration.methods.includes(method));
  if (!found) throw new Error(`no profile registers by ${method}`);
  return found.registration;
};

describe("the address that a provider's answer offers", () => {
  test.each([
    [
      { value: 'A@Example.com', verified: true },
      { address: 'a@example.com', proven: true },
    ],
    [
      { value: 'a@example.com', verified: false },
      { address: 'a@example.com', proven: false },
    ],
    [
      { value: 'a@gmail.com', verified: true, authoritative: true },
      { address: 'a@gmail.com', proven: true },
    ],
    [
      { value: 'a@example.com', verified: true, authoritative: false },
      { address: 'a@example.com', proven: false },
    ],
    [{ value: 'no address', verified: true }, undefined],
    [undefined, undefined],
  ])('of %j', (email, expected) => {
    expect(offerOf(registrationOf('email_code'), login(email))).toEqual(expected);
  });
  test('is none where addresses are not registered', () => {
    expect(offerOf(registrationOf('phone_code'), login({ value: 'a@example.com', verified: true }))).toBeUndefined();
  });
});
