// The part of a profile that anyone may read (GET /v1/region).
import type { publicRegion } from '@meridian/contracts/identity.ts';
import type { z } from 'zod';
import type { Profile } from './profile.ts';

export const publicPart = (profile: Profile): z.infer<typeof publicRegion> => ({
  id: profile.id,
  name: profile.name,
  currency: profile.currency,
  languages: profile.languages,
  addresses: profile.addresses,
  registration: {
    methods: profile.registration.methods,
    federated: profile.registration.federated,
    termsVersion: profile.registration.termsVersion,
    termsUrl: profile.registration.termsUrl,
  },
  realName:
    profile.realName.policy === 'required'
      ? {
          policy: 'required',
          before: profile.realName.before,
          kinds: profile.realName.kinds,
          consentVersion: profile.realName.consentVersion,
        }
      : { policy: 'not_required' },
  payment: {
    channels: profile.payment.channels,
    minimumRecharge: profile.payment.minimumRecharge,
    maximumRecharge: profile.payment.maximumRecharge,
  },
  features: profile.features,
  models: profile.models.map((m) => m.model),
  links: { helpCentre: profile.links.helpCentre, support: profile.links.support, appeal: profile.links.appeal },
});
