// Composition root of moderation.
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import { eraseOnRequest } from '@meridian/kit/account/erasure.ts';
import { createPlatform, type Overrides, type Running } from '@meridian/kit/run/platform.ts';
import { eraseAccount } from './account/erase-account.ts';
import { fenceRoutes } from './account/fences.routes.ts';
import { deleteOldReadings } from './cases/case-reading.store.ts';
import { caseRoutes } from './cases/cases.routes.ts';
import { expireEnded } from './cases/expire-ended.ts';
import { readConfig } from './config.ts';
import type { Schema } from './db/schema.ts';
import type { ModerationDeps } from './deps.ts';
import { matchRoutes } from './matching/matches.routes.ts';
import { migrations } from './migrations.ts';
import { createLiveRules } from './rules/live-rules.ts';
import { activateRules } from './rules/rules.store.ts';
import { scoreRoutes } from './scoring/scores.routes.ts';
import { deleteOldEvidence } from './scoring/strikes.store.ts';

const service = 'moderation';
/** Milliseconds. State that must hold on every replica is read again within half a second. */
const rulesPollMs = 400;
const expiryMs = 1_000;
const cleaningMs = 60_000;
const strikesKeptMs = 90 * 86_400_000;
const fingerprintsKeptMs = 2 * 86_400_000;

/** Starts the service on the environment given. Throws ConfigError when it or the rules file does not fit. */
export const startModeration = async (
  env: Record<string, string | undefined>,
  overrides: Overrides = {},
): Promise<Running> => {
  const { config, region, rulesFile } = readConfig(env);
  const platform = await createPlatform<Schema>({
    service,
    region: region.id,
    directory: region.directory,
    corsOrigins: region.profile.corsOrigins,
    config,
    migrations,
    overrides,
  });
  const { db, log, now, publish, every } = platform;
  const deps: ModerationDeps = {
    region: region.id,
    now,
    publish,
    caseKeys: config.CASE_KEY,
    appealUrl: region.profile.links.appeal,
  };
  const rules = createLiveRules({ db, log });

  matchRoutes(platform, { rules, fingerprintKey: config.FINGERPRINT_KEY });
  scoreRoutes(platform, deps, rules);
  caseRoutes(platform, deps, rules);
  fenceRoutes(platform);

  every(rulesPollMs, 'rules in force', rules.refresh);
  every(expiryMs, 'expire protections', () => expireEnded(db, deps, log));
  every(cleaningMs, 'delete old evidence', () =>
    deleteOldEvidence(
      db.read,
      {
        strikes: new Date(now().getTime() - strikesKeptMs),
        fingerprints: new Date(now().getTime() - fingerprintsKeptMs),
      },
      5_000,
    ),
  );

  every(cleaningMs, 'delete old readings', () => {
    const before = now();
    before.setUTCMonth(before.getUTCMonth() - region.profile.retention.securityLog.months);
    return deleteOldReadings(db.read, before);
  });

  const eventDeps = { service, region: region.id, now } as const;
  return platform.start({
    listensTo: listensTo.moderation,
    reactions: [
      eraseOnRequest<Schema>(eventDeps, { erase: (tx, accountId) => eraseAccount(tx, eventDeps, accountId) }),
    ],
    prepare: async () => {
      await db.transaction((tx) => activateRules(tx, rulesFile, now()));
      await rules.refresh();
    },
  });
};
