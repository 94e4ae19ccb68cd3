// Verification in the form that proxies ask for it: nginx auth_request and Envoy ext_authz know no bodies, only headers and a status.
import { endpoint } from './endpoint.ts';
import { openAiError } from './openai-error.ts';

/** Headers of the question, set by the proxy and never passed on from its client. */
export const authorizeHeaders = {
  /** `payg` or `plan`: what this door sells. */
  product: 'x-meridian-product',
  /** The model that is called, where the proxy knows it. */
  model: 'x-meridian-model',
  /** Path of the call, whole or below the Base URL: "/v1/chat/completions" or "chat/completions". */
  endpoint: 'x-meridian-endpoint',
  /** Address of the proxy's client. */
  ip: 'x-meridian-client-ip',
  /** `all`: the proxy passes any status on (Envoy). Absent: only 401 and 403 get through it (nginx). */
  statuses: 'x-meridian-statuses',
} as const;

/** Headers of the answer. */
export const authorizedHeaders = {
  accountId: 'x-meridian-account-id',
  keyId: 'x-meridian-key-id',
  /** Of a refusal: the status that the proxy's client must see, */
  status: 'x-meridian-status',
  /** and the body, as one line of ASCII JSON. */
  refusal: 'x-meridian-refusal',
} as const;

const shared = {
  service: 'key-issuance',
  path: '/internal/v1/keys/authorize',
  auth: { kind: 'certificate', callers: ['gateway'] },
  answers: { 200: null, 401: openAiError, 402: openAiError, 403: openAiError, 429: openAiError, 503: openAiError },
  problems: [],
} as const;

const description =
  'The key is read from `Authorization: Bearer` or `api-key` of the request that the proxy holds, the rest from `x-meridian-product` (payg or plan), `x-meridian-model`, `x-meridian-endpoint` and `x-meridian-client-ip`. 200 carries `x-meridian-account-id` and `x-meridian-key-id`, and where limits are in force `x-ratelimit-*`. A refusal carries the status for the client in `x-meridian-status`, its body in `x-meridian-refusal` and, where waiting helps, `Retry-After`; its own status is 401 or 403, the only ones nginx lets through, unless the proxy sends `x-meridian-statuses: all`. Tokens are not reserved: that takes `verify`.';

export const authorizeKey = endpoint({
  ...shared,
  id: 'authorizeKey',
  method: 'GET',
  summary: 'Is the key of this request good, now: for the auth_request of nginx',
  description,
});

export const authorizeKeyOfPost = endpoint({
  ...shared,
  id: 'authorizeKeyOfPost',
  method: 'POST',
  summary: 'The same for the ext_authz of Envoy, which asks with the method of the request it holds',
  description,
});
