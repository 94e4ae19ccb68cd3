// Apple's client_secret is a JWT of our own key:
// https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
import { importSPKI, jwtVerify } from 'jose';
import type { App } from '../registrations.ts';

const longestSeconds = 15_777_000;

/** The app whose secret this is; undefined if anything about it is not as documented. */
export const appOfSecret = async (
  apps: App<'apple'>[],
  { clientId, secret, audience, now }: { clientId: unknown; secret: unknown; audience: string; now: Date },
): Promise<App<'apple'> | undefined> => {
  const app = apps.find((a) => a.clientId === clientId);
  if (!app || typeof secret !== 'string') return undefined;
  try {
    const { payload, protectedHeader } = await jwtVerify(secret, await importSPKI(app.key.publicKey, 'ES256'), {
      algorithms: ['ES256'],
      issuer: app.teamId,
      subject: app.clientId,
      audience,
      currentDate: now,
      requiredClaims: ['iat', 'exp'],
    });
    const seconds = now.getTime() / 1000;
    const fits = (payload.exp ?? 0) - (payload.iat ?? 0) <= longestSeconds && (payload.iat ?? 0) <= seconds + 60;
    return protectedHeader.kid === app.keyId && fits ? app : undefined;
  } catch {
    return undefined; // Apple answers invalid_client, whatever was wrong.
  }
};
