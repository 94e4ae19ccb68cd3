// The key that a request presents, and what its own text already says.
import type { IncomingHttpHeaders } from 'node:http';
import { readPublicPart } from '@meridian/client/key-checksum.ts';
import { type BaseUrlOf, type KeyOrigin, refuseOrigin } from '@meridian/client/key-origin.ts';
import { keyInvalid } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { refuseKey } from './refuse-key.ts';

export type Door = { readonly origin: KeyOrigin; readonly baseUrlOf: BaseUrlOf };

const maxKeyLength = 200;

const keyOf = (headers: IncomingHttpHeaders): string => {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const named = headers['api-key'];
  const key = bearer ?? (typeof named === 'string' ? named.trim() : undefined);
  if (key === undefined || key === '')
    return fail(keyInvalid, { detail: 'Send your API key as "Authorization: Bearer KEY" or "api-key: KEY"' });
  return key;
};

/** The presented key. What belongs elsewhere, or is no key, is refused here: it goes to no service and to no other region. */
export const presentKey = (headers: IncomingHttpHeaders, { origin, baseUrlOf }: Door): string => {
  const key = keyOf(headers);
  const refusal = refuseOrigin(key.length > maxKeyLength ? undefined : readPublicPart(key), origin, baseUrlOf);
  return refusal === undefined ? key : refuseKey(refusal);
};
