// A change of keys as key-issuance tells it, and which of them end open streams.
import type { listKeyChanges } from '@meridian/contracts/key-issuance.ts';
import type { z } from 'zod';

/** Of one key or, without a key id, of every key of the account. */
export type KeyChange = z.output<(typeof listKeyChanges)['answers'][200]>['changes'][number];
export type ChangeReason = KeyChange['reason'];

/** An exhausted balance ends no stream by itself: what a stream delivers is held already, and its next window is asked for. */
export const endsStreams = (reason: ChangeReason): reason is Exclude<ChangeReason, 'exhausted'> =>
  reason !== 'exhausted';
