// The address that a provider names is only ever offered: it becomes the security e-mail when the person takes it over, and only if it is proven.
import { identifier } from '@meridian/contracts/identity.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import type { ProvenLogin } from '../providers/login-provider.ts';

export type Offer = { readonly address: string; readonly proven: boolean };

/** Undefined where the region registers no addresses, or the provider said none that could be one. */
export const offerOf = (registration: Profile['registration'], { email }: ProvenLogin): Offer | undefined => {
  if (email === undefined || !registration.methods.includes('email_code')) return undefined;
  const given = identifier.safeParse({ kind: 'email', value: email.value });
  if (!given.success) return undefined;
  return {
    address: acceptIdentifier(registration, given.data).value,
    // "Verified" of a mailbox that the provider does not run says who had it once.
    proven: email.verified && email.authoritative !== false,
  };
};
