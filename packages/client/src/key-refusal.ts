// A refused key in words that say what to do next: one text for every door.
import type { KeyRefusal, RateWindow } from '@meridian/contracts/key-issuance.ts';

const use = (baseUrl: string | undefined) => (baseUrl === undefined ? '' : ` Use the Base URL ${baseUrl}`);

const windowNames: Readonly<Record<RateWindow['kind'], string>> = {
  requests_per_minute: 'requests per minute',
  tokens_per_minute: 'tokens per minute',
  tokens_per_day: 'tokens per day',
};

const explainRate = (exceeded: KeyRefusal['exceeded']): string => {
  if (exceeded === undefined) return 'Too many requests; wait for Retry-After seconds';
  const { scope, kind, limit, remaining, resetsAt, needed } = exceeded;
  const of = scope === 'key' ? 'this API key' : 'the account and this model';
  if (needed !== undefined)
    return `This call is estimated at ${needed} tokens, more than the whole limit of ${limit} ${windowNames[kind]} of ${of}. Waiting does not help: shorten the prompt, ask for fewer tokens, or have the limit raised`;
  return `The limit of ${limit} ${windowNames[kind]} of ${of} has ${remaining} left; it begins anew at ${resetsAt}`;
};

/** What happened and what to do next, for the person who reads the message of the error. */
export const explainKeyRefusal = (refusal: KeyRefusal): string => {
  const { code, region, baseUrl, caseId, until, appealUrl } = refusal;
  switch (code) {
    case 'key_invalid':
      return 'The API key is not valid; check that it was copied whole, or create one';
    case 'key_revoked':
      return 'This API key was revoked or rotated; use its new secret or create another';
    case 'key_expired':
      return 'This API key has expired; create another';
    case 'key_region_mismatch':
      return `This API key belongs to region ${region}, not to this one; it was not looked up here.${use(baseUrl)}`;
    case 'key_product_mismatch':
      return `This API key belongs to another product.${use(baseUrl)}`;
    case 'account_protected':
      return `The account has abnormal usage behavior and is under protection until ${until} (case ${caseId}). You may appeal at ${appealUrl}`;
    case 'account_cancelled':
      return 'The account is cancelled; its API keys have expired';
    case 'account_frozen':
      return 'The account is frozen while a refund is reviewed; calls go on when that is decided';
    case 'plan_inactive':
      return 'The account has no token plan in force; renew it, or use a pay-as-you-go key. Do not retry before that';
    case 'balance_exhausted':
      return 'The balance is used up; recharge to go on. Do not retry before that';
    case 'ip_not_allowed':
      return 'This API key may not be used from this address; its owner lists the addresses that may';
    case 'model_not_allowed':
      return 'This API key may not call this model; its owner lists the models it may call';
    case 'endpoint_not_allowed':
      return 'This API key may not call this endpoint; its owner lists the endpoints it may call';
    case 'rate_limited':
      return explainRate(refusal.exceeded);
  }
};

/** Seconds until asking again makes sense; undefined where waiting does not help. */
export const retryAfterOf = ({ exceeded }: KeyRefusal, now: Date): number | undefined =>
  exceeded && exceeded.needed === undefined
    ? Math.max(1, Math.ceil((Date.parse(exceeded.resetsAt) - now.getTime()) / 1_000))
    : undefined;
