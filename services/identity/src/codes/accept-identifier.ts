// Which identifiers a region takes, in the one form they are compared by.
import { type Identifier, identifierNotAccepted } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { LoginMethod, Profile } from '@meridian/regions/profile.ts';
import { parsePhoneNumberFromString } from 'libphonenumber-js/mobile';

export type Accepted = { readonly kind: 'phone' | 'email'; readonly value: string; readonly method: LoginMethod };

/**
 * The identifier in its normal form with the login method that uses it. Refuses with `identifier_not_accepted` what the region's
 * profile does not register. The "mobile" metadata matters: the default one calls landlines and dead prefixes valid.
 */
export const acceptIdentifier = (registration: Profile['registration'], given: Identifier): Accepted => {
  if (given.kind === 'email') {
    if (!registration.methods.includes('email_code'))
      return fail(identifierNotAccepted, { detail: 'This region registers mobile numbers, not e-mail addresses' });
    return { kind: 'email', value: given.value.normalize('NFC').toLowerCase(), method: 'email_code' };
  }
  if (!registration.methods.includes('phone_code'))
    return fail(identifierNotAccepted, { detail: 'This region registers e-mail addresses, not mobile numbers' });
  const number = parsePhoneNumberFromString(given.value);
  const mobile = number?.isValid() === true && number.getType() === 'MOBILE';
  if (!mobile || number.country !== registration.phoneCountry || number.number !== given.value)
    return fail(identifierNotAccepted, {
      detail: `Only mobile numbers of ${registration.phoneCountry} are accepted, in E.164 form`,
    });
  return { kind: 'phone', value: number.number, method: 'phone_code' };
};
