// Composition root of moderation.
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import { eraseOnRequest } from '@meridian/kit/account/erasure.ts';
import { assertKeyVersions } from '@meridian/kit/crypto/assert-key-versions.ts';
import { createPlatform, type Overrides, type Running } from '@meridian/kit/run/platform.ts';
import { eraseAccount } from './account/erase-account.ts';
import { fenceRoutes } from './account/fences.routes.ts';
import { countOverdue } from './cases/case.store.ts';
import { caseRoutes } from './cases/cases.routes.ts';
import { expireEnded } from './cases/expire-ended.ts';
import { readConfig } from './config.ts';
import type { Schema } from './db/schema.ts';
import type { ModerationDeps } from './deps.ts';
import { matchRoutes } from './matching/matches.routes.ts';
import { migrations } from './migrations.ts';
import { deleteOver } from './retention.ts';
import { createLiveRules } from './rules/live-rules.ts';
import { activateRules } from './rules/rules.store.ts';
import { warnOfExamples } from './rules/rules-file.ts';
import { scoreRoutes } from './scoring/scores.routes.ts';

const service = 'moderation';
/** Milliseconds. State that must hold on every replica is read again within half a second. */
const rulesPollMs = 400;
const expiryMs = 1_000;
const countingMs = 10_000;
const cleaningMs = 60_000;

/** Starts the service on the environment given. Throws ConfigError when it or the rules file does not fit. */
export const startModeration = async (
  env: Record<string, string | undefined>,
  overrides: Overrides = {},
): Promise<Running> => {
  const { config, region, rulesFile } = readConfig(env, overrides.now);
  const platform = await createPlatform<Schema>({
    service,
    region: region.id,
    directory: region.directory,
    corsOrigins: region.profile.corsOrigins,
    config,
    migrations,
    overrides,
  });
  const { db, log, now, publish, every, metrics } = platform;
  const deps: ModerationDeps = {
    region: region.id,
    now,
    publish,
    caseKeys: config.CASE_KEY,
    appealUrl: region.profile.links.appeal,
  };
  const rules = createLiveRules({ db, log });
  warnOfExamples(log, config);

  matchRoutes(platform, { rules, fingerprintKey: config.FINGERPRINT_KEY });
  scoreRoutes(platform, deps, rules);
  caseRoutes(platform, deps, rules);
  fenceRoutes(platform);

  every(rulesPollMs, 'rules in force', rules.refresh);
  every(expiryMs, 'expire protections', () => expireEnded(db, deps, log));
  const overdue = metrics.gauge(
    'moderation_overdue_cases',
    'ALARM: cases that a person should have decided by now',
    [],
  );
  every(countingMs, 'count overdue cases', async () => {
    overdue.set(await countOverdue(db.read, now()));
  });
  every(cleaningMs, 'delete what is over', async () => {
    await deleteOver(db.read, now(), region.profile.retention.securityLog);
  });

  const eventDeps = { service, region: region.id, now } as const;
  return platform.start({
    listensTo: listensTo.moderation,
    reactions: [
      eraseOnRequest<Schema>(eventDeps, { erase: (tx, accountId) => eraseAccount(tx, eventDeps, accountId) }),
    ],
    prepare: async () => {
      await assertKeyVersions(db.read, { variable: 'CASE_KEY', ring: config.CASE_KEY, table: 'moderation_case' });
      await db.transaction((tx) => activateRules(tx, rulesFile, now()));
      await rules.refresh();
    },
  });
};
