// The job that runs before a rollout: brings one service's database to this version and gives the service's role its rights.
import { setTimeout as wait } from 'node:timers/promises';
import type { Migration } from 'kysely/migration';
import { z } from 'zod';
import { ConfigError, parseConfig, parseFitting } from '../config/config.ts';
import { createMistakes } from '../config/mistakes.ts';
import { secret } from '../config/values.ts';
import { grantApplication } from '../db/application-role.ts';
import { connected } from '../db/connections.ts';
import { migrate } from '../db/migrate.ts';
import { createLog, type Logger } from '../telemetry/log.ts';
import { isTransient } from '../transient.ts';
import { databaseMistakes } from './production.ts';

const variables = z.object({
  MERIDIAN_MODE: z.enum(['embedded', 'production']),
  /** As the role that owns the tables; the service itself never holds it. */
  DATABASE_OWNER_URL: secret.refine((value) => /^postgres(ql)?:\/\//.test(value), {
    message: 'must be a postgres:// address',
  }),
  /** Role by which the service connects. */
  APPLICATION_ROLE: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/),
});

const readConfig = (env: NodeJS.ProcessEnv) => {
  const mistakes = createMistakes();
  const config = mistakes.attempt(() => parseConfig(variables, env));
  const { MERIDIAN_MODE: mode, DATABASE_OWNER_URL: url } = parseFitting(variables, env);
  mistakes.attempt(() => {
    const found = mode === 'production' && url !== undefined ? databaseMistakes('DATABASE_OWNER_URL', url) : [];
    if (found.length > 0) throw new ConfigError(found);
  });
  return { config, mistakes };
};

/** A database that has just begun to listen, or a machine on which everything starts at once, may not answer within one connection's time. */
const tries = 10;
const untilItAnswers = async (url: string, log: Logger) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connected({ url }, (client) => client.query('select 1'));
    } catch (error) {
      if (attempt >= tries || !isTransient(error)) throw error;
      log.warn({ err: error, attempt }, 'the database is not ready');
      await wait(2_000);
    }
  }
};

/** Migrates and grants; writes one sentence to stderr and exits with 1 when it cannot. */
export const migrateService = async (options: {
  readonly service: string;
  readonly env: Record<string, string | undefined>;
  /** A function where they depend on the environment: its mistakes are told with the others. */
  readonly migrations: Record<string, Migration> | (() => Record<string, Migration>);
  /** Tables whose rows are never changed or removed. */
  readonly appendOnly?: readonly string[];
}): Promise<void> => {
  const { service, env, appendOnly = [] } = options;
  const log = createLog({ service: `${service}-migrate`, region: env.REGION ?? 'unknown', level: 'info' });
  try {
    const { config, mistakes } = readConfig(env);
    const migrations = mistakes.attempt(() =>
      typeof options.migrations === 'function' ? options.migrations() : options.migrations,
    );
    if (!config || !migrations || mistakes.any()) throw mistakes.error();
    const url = config.DATABASE_OWNER_URL;
    await untilItAnswers(url, log);
    await migrate({ url, migrations, log });
    await grantApplication({ url, role: config.APPLICATION_ROLE, appendOnly });
    log.info({ migrations: Object.keys(migrations).length }, 'the database is up to date');
  } catch (error) {
    process.stderr.write(
      `${service}: the database cannot be migrated: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  }
};
