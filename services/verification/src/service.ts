// Composition root of verification.
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import { eraseOnRequest } from '@meridian/kit/account/erasure.ts';
import { assertKeyVersions } from '@meridian/kit/crypto/assert-key-versions.ts';
import { createPlatform, type Overrides, type Running } from '@meridian/kit/run/platform.ts';
import { eraseAccount } from './account/erase-account.ts';
import { fenceRoutes } from './account/fences.routes.ts';
import { type RealNameSettings, readConfig } from './config.ts';
import type { Schema } from './db/schema.ts';
import { migrations } from './migrations.ts';
import { registerDay } from './personal/identity-number.ts';
import { forgetOldTries } from './personal/match-try.store.ts';
import { deleteOldSubjectAttempts } from './personal/subject-attempt.store.ts';
import { type RegistryOutcome, registryOutcomes } from './personal/submission.ts';
import type { SubmissionFlow } from './personal/submit-person.ts';
import { sweepSubmissions } from './personal/sweep-submissions.ts';
import { verificationRoutes } from './personal/verifications.routes.ts';
import { createRegistry } from './registry/registries.ts';

const service = 'verification';
/** How often open submissions are looked for, in milliseconds. */
const sweepMs = 2_000;
const cleaningMs = 600_000;

/** Starts the service on the environment given. Throws ConfigError when it does not fit. */
export const startVerification = async (
  env: Record<string, string | undefined>,
  overrides: Overrides = {},
): Promise<Running> => {
  const { config, region, realName } = readConfig(env, overrides.now);
  const platform = await createPlatform<Schema>({
    service,
    region: region.id,
    directory: region.directory,
    corsOrigins: region.profile.corsOrigins,
    config,
    migrations,
    overrides,
  });
  const { db, log, now, publish, metrics } = platform;
  const countAnswers = () => {
    const answers = metrics.counter(
      'verification_registry_answers_total',
      'ALARM when most of them are provider_unavailable or provider_limit: answers of the registry',
      ['outcome'],
    );
    // From zero: a series that begins with its first event shows no increase.
    for (const outcome of registryOutcomes) answers.inc({ outcome }, 0);
    return (outcome: RegistryOutcome) => answers.inc({ outcome });
  };
  const flowOf = (settings: RealNameSettings): SubmissionFlow => ({
    region: region.id,
    now,
    publish,
    rules: settings.rules,
    dataKeys: settings.dataKeys,
    blindIndexKey: settings.blindIndexKey,
    db,
    log,
    registry: createRegistry(settings, now),
    answered: countAnswers(),
  });
  const flow = realName && flowOf(realName);

  verificationRoutes(platform, flow);
  fenceRoutes(platform);
  if (flow)
    platform.every(sweepMs, 'sweep submissions', async () => {
      await sweepSubmissions(flow);
    });

  platform.every(cleaningMs, 'delete old attempts about persons', async () => {
    const today = registerDay(now());
    await deleteOldSubjectAttempts(db.read, today);
    await forgetOldTries(db.read, today);
  });

  const eventDeps = { service, region: region.id, now } as const;
  return platform.start({
    listensTo: listensTo.verification,
    reactions: [
      eraseOnRequest<Schema>(eventDeps, { erase: (tx, accountId) => eraseAccount(tx, eventDeps, accountId) }),
    ],
    prepare: async () => {
      if (realName)
        await assertKeyVersions(db.read, {
          variable: 'IDENTITY_DATA_KEY',
          ring: realName.dataKeys,
          table: 'subject_key',
        });
    },
  });
};
