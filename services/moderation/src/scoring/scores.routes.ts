import { scoreHits as scoreHitsEndpoint } from '@meridian/contracts/moderation.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import type { LiveRules } from '../rules/live-rules.ts';
import { scoreHits } from './score-hits.ts';

export const scoreRoutes = (platform: Platform<Schema>, deps: ModerationDeps, rules: LiveRules): void => {
  route(platform.internalServer, scoreHitsEndpoint, async ({ body }) => {
    platform.wall(body.accountId);
    const { policy } = rules.current();
    return { status: 200, body: await platform.db.transaction((tx) => scoreHits(tx, deps, { ...body, policy })) };
  });
};
