import { matchText } from '@meridian/contracts/moderation.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from '../db/schema.ts';
import type { LiveRules } from '../rules/live-rules.ts';
import { matchTexts } from './match-texts.ts';

export const matchRoutes = (
  platform: Platform<Schema>,
  { rules, fingerprintKey }: { rules: LiveRules; fingerprintKey: string },
): void => {
  route(platform.internalServer, matchText, async ({ body }) => ({
    status: 200,
    body: { hits: await matchTexts(body.texts, rules.current(), fingerprintKey) },
  }));
};
