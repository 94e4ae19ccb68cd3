// How much may come from where, and how much of it without a captcha.
import type { CodeSecrets } from './code-secrets.ts';
import type { Rule, Window } from './limits.ts';
import { placesOf } from './network.ts';

export type PlaceLimits = {
  /** Sends of one address, well below what its whole network may have. */
  readonly address: readonly Window[];
  readonly network: readonly Window[];
  /** Sends of one network without a captcha. */
  readonly beforeCaptcha: readonly Window[];
  /** Sends of the whole region without a captcha: a small part of the spend breaker, or hosts with many networks could trip it. */
  readonly captchaFree: readonly Window[];
};
type Deps = { readonly codeSecrets: CodeSecrets; readonly sendLimits: PlaceLimits };

export const placeRules = ({ codeSecrets, sendLimits }: Deps, ip: string): Rule[] => {
  const { address, network } = placesOf(ip);
  return [
    { scope: codeSecrets.networkScope(address), slotSeconds: 60, windows: sendLimits.address },
    { scope: codeSecrets.networkScope(network), slotSeconds: 60, windows: sendLimits.network },
  ];
};

/** Above it the network's requests need a captcha; what counts are those that `placeRules` books. */
export const networkGate = ({ codeSecrets, sendLimits }: Deps, ip: string): Rule => ({
  scope: codeSecrets.networkScope(placesOf(ip).network),
  slotSeconds: 60,
  windows: sendLimits.beforeCaptcha,
  peek: true,
});

/** Of sends; the second one is used up by what passes without a captcha, and then everybody solves one. */
export const sendGates = (deps: Deps, ip: string): Rule[] => [
  networkGate(deps, ip),
  { scope: 'total:captcha-free', slotSeconds: 60, windows: deps.sendLimits.captchaFree },
];
