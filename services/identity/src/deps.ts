// What the features of identity are given by the composition root (service.ts).
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Region } from '@meridian/regions/region.ts';
import type { Addresses } from './cancellation/participants.ts';
import type { Captcha } from './captcha/captcha.ts';
import type { Verified } from './codes/check-code.ts';
import type { CodeSecrets } from './codes/code-secrets.ts';
import type { Delivery } from './codes/delivery.ts';
import type { SendLimits } from './codes/send-code.ts';
import type { ContactVault } from './contacts/contact-vault.ts';
import type { IdentitySchema } from './db/schema.ts';
import type { Passwords } from './factors/passwords.ts';
import type { AccessTokens } from './keys/access-token.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { CountLogin } from './logins/count-logins.ts';
import type { LoginSecrets } from './logins/login-secrets.ts';
import type { LoginProviders } from './providers/registry.ts';
import type { Device, DeviceRequest } from './sessions/device.ts';
import type { RefreshTokens } from './sessions/refresh-token.ts';
import type { StaffProvider } from './staff/staff-provider.ts';

type FromPlatform = Pick<
  Platform<IdentitySchema>,
  'now' | 'log' | 'metrics' | 'db' | 'publish' | 'call' | 'every' | 'wall' | 'publicServer' | 'internalServer'
>;

export type IdentityDeps = FromPlatform & {
  readonly region: Region;
  readonly issuer: string;
  readonly deviceOf: (request: DeviceRequest) => Device;
  /** Of one account: the same device has another hash with each. */
  readonly deviceHash: (accountId: string, deviceKey: string) => string;
  readonly codeSecrets: CodeSecrets;
  readonly codesVerified: Verified;
  /** Counts what the spend breaker refused. */
  readonly codesStopped: () => void;
  readonly sendLimits: SendLimits;
  readonly delivery: Delivery;
  readonly captcha: Captcha;
  readonly passwords: Passwords;
  /** Of recovery codes, bound to their account. */
  readonly factorHash: (accountId: string, code: string) => string;
  readonly vault: ContactVault;
  readonly keyRing: KeyRing;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly staffProvider: StaffProvider;
  /** Accounts elsewhere, as the profile names them. */
  readonly loginProviders: LoginProviders;
  readonly loginSecrets: LoginSecrets;
  readonly countLogin: CountLogin;
  /** Internal listeners of the services that take part in a cancellation. */
  readonly addresses: Addresses;
};
