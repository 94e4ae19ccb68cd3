import { scoreHits as scoreHitsEndpoint } from '@meridian/contracts/moderation.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import type { LiveRules } from '../rules/live-rules.ts';
import { scoreHits } from './score-hits.ts';
import { createScoreQueue } from './score-queue.ts';

export const scoreRoutes = (platform: Platform<Schema>, deps: ModerationDeps, rules: LiveRules): void => {
  const queue = createScoreQueue();
  route(platform.internalServer, scoreHitsEndpoint, async ({ body }) => {
    platform.wall(body.accountId);
    platform.wall(body.requestId);
    const { policy } = rules.current();
    const score = () => platform.db.transaction((tx) => scoreHits(tx, deps, { ...body, policy }));
    return { status: 200, body: await queue(body.accountId, score) };
  });
};
