import { matchText } from '@meridian/contracts/moderation.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from '../db/schema.ts';
import { type BoundedMatchingDeps, createBoundedMatching } from './bounded-matching.ts';

export const matchRoutes = (platform: Platform<Schema>, deps: BoundedMatchingDeps): void => {
  const match = createBoundedMatching(deps);
  route(platform.internalServer, matchText, async ({ body: { texts }, reply }) => ({
    status: 200,
    // The gateway hangs up when the key turns out bad: its text is not worth the work.
    body: { hits: await match(texts, () => reply.raw.destroyed) },
  }));
};
