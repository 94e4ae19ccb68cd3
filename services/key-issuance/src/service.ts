// Composition root of key-issuance.
import { baseUrlsIn } from '@meridian/client/key-origin.ts';
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import { createPlatform, type Overrides, type Running } from '@meridian/kit/run/platform.ts';
import { authorizeRoutes } from './authorize/authorize.routes.ts';
import { createChangeWatch } from './changes/change-watch.ts';
import { changeRoutes } from './changes/changes.routes.ts';
import { headPosition } from './changes/key-change.store.ts';
import { accountModelLimitsOf, peppersOf, readConfig } from './config.ts';
import type { Schema } from './db/schema.ts';
import { gateReactions } from './gates/gates.reactions.ts';
import { gateRoutes } from './gates/gates.routes.ts';
import { assertPeppers } from './keys/assert-peppers.ts';
import { createDepartures } from './keys/departures.ts';
import { planRoutes, verifyRoutes } from './keys/internal-keys.routes.ts';
import { keyListRoutes, keyRoutes } from './keys/keys.routes.ts';
import { createLastUsed } from './keys/last-used.ts';
import { scannerRoutes } from './keys/scanner.routes.ts';
import { openVerificationDatabase, splitPool } from './keys/verification-database.ts';
import { createFailureLog } from './keys/verification-failures.ts';
import { migrations } from './migrations.ts';
import { rateRoutes } from './rates/rates.routes.ts';
import { sweep } from './sweep.ts';

/** Patience of a verification with each of its two statements, waiting included. */
const deadlineMs = 2_000;
/** About what a read takes, so that garbage burdens the machine no more than good keys do. */
const garbageEveryMs = 2;
const lastUsedFlushMs = 30_000;
const sweepMs = 600_000;
/** Rows of a statement: few enough to be over in a fraction of a second. Each kind gets a share of the time between two sweeps. */
const sweepShare = { limit: 10_000, budgetMs: sweepMs / 5 };

export const startKeyIssuance = async (
  env: Record<string, string | undefined>,
  overrides?: Overrides,
): Promise<Running> => {
  const {
    config,
    region: { id: region, profile, directory },
  } = readConfig(env, overrides?.now);
  const pool = splitPool(config.DATABASE_POOL);
  const platform = await createPlatform<Schema>({
    service: 'key-issuance',
    region,
    directory,
    corsOrigins: profile.corsOrigins,
    config: { ...config, DATABASE_POOL: pool.rest },
    identityUrl: config.IDENTITY_URL,
    migrations,
    overrides,
  });
  const { db, now, log, publish, wall } = platform;
  const peppers = peppersOf(config.KEY_PEPPERS, config.KEY_PEPPER_CURRENT);
  const auditRetention = profile.retention.securityLog;
  const base = { service: platform.service, region, now, publish, db, wall, log };

  const accountModelLimits = accountModelLimitsOf(
    profile.models,
    config.ACCOUNT_MODEL_LIMITS ?? profile.accountModelLimits,
  );
  const issuing = { ...base, peppers, maxKeysPerAccount: config.MAX_KEYS_PER_ACCOUNT };

  keyRoutes(platform.publicServer, { ...issuing, baseUrls: profile.addresses.baseUrls });
  keyListRoutes(platform.publicServer, base);
  scannerRoutes(platform.publicServer, { ...base, peppers, directory });

  const verification = openVerificationDatabase({ url: config.DATABASE_URL, pool, deadlineMs, log, now });
  const lastUsed = createLastUsed({ write: verification.writeLastUsed });
  const verifyDeps = {
    ...base,
    peppers,
    baseUrlOf: baseUrlsIn(directory),
    appealUrl: profile.links.appeal,
    accountModelLimits,
    factsOf: verification.factsOf,
    takeRates: verification.takeRates,
    garbageLeaves: createDepartures(garbageEveryMs),
    failed: createFailureLog(platform),
    used: lastUsed.note,
  };
  verifyRoutes(platform.internalServer, verifyDeps);
  authorizeRoutes(platform.internalServer, { ...verifyDeps, certificates: config.GATEWAY_CERTIFICATES });
  planRoutes(platform.internalServer, issuing);
  rateRoutes(platform.internalServer, { ...base, accountModelLimits });
  gateRoutes(platform.internalServer, base);
  const watch = createChangeWatch({ head: () => headPosition(db.read), pollMs: 150, maxWaiters: 1_000 });
  changeRoutes(platform.internalServer, { ...base, watch });

  platform.every(lastUsedFlushMs, 'last-used', lastUsed.flush);
  const stopping = new AbortController();
  platform.every(sweepMs, 'sweep', async () => {
    await sweep(db.read, now(), { ...sweepShare, auditRetention, signal: stopping.signal });
  });

  return platform.start({
    listensTo: listensTo['key-issuance'],
    reactions: gateReactions({ ...base, auditRetention }),
    prepare: () => assertPeppers(db.read, peppers.versions, now()),
    stopping: {
      // Waiting polls are answered, so that closing the listener does not wait for them.
      closing: () => {
        stopping.abort();
        watch.stop();
      },
      steps: [
        // A sample: nothing to fail over.
        { name: 'last-used', stop: () => lastUsed.flush().catch((err) => log.warn({ err }, 'last uses are lost')) },
        { name: 'verification database', stop: verification.close },
      ],
      stepsMs: 2 * deadlineMs,
    },
  });
};
