// Reading a service's environment: what its variables ask for and what its mode asks of them, with all mistakes told together.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { z } from 'zod';
import { ConfigError, parseConfig, parseFitting } from '../config/config.ts';
import { createMistakes } from '../config/mistakes.ts';
import type { Now } from '../ids.ts';
import { type PlatformConfig, statelessVariables } from './platform-variables.ts';
import { assertMode, plainAddresses } from './production.ts';

const modeVariable = z.object({ MERIDIAN_MODE: statelessVariables.MERIDIAN_MODE });
const modeDecides =
  'What the mode asks for (certificates, encrypted addresses) can be named once MERIDIAN_MODE is right.';

/** Parses a service's own variables, the platform's among them. Throws ConfigError naming their mistakes and those of the mode. */
export const parseService = <T extends z.ZodObject>(
  service: ServiceName,
  schema: T,
  env: NodeJS.ProcessEnv,
  now: Now = () => new Date(),
): z.output<T> => {
  const mistakes = createMistakes();
  const config = mistakes.attempt(() => parseConfig(schema, env));
  const fitting = parseFitting(schema, env) as Partial<PlatformConfig>;
  if (fitting.MERIDIAN_MODE === undefined) mistakes.note(modeDecides);
  mistakes.attempt(() => assertMode(service, fitting, now()));
  if (config === undefined || mistakes.any()) throw mistakes.error();
  return config;
};

/** True on one machine, where addresses may be plain http. A mode that is missing is a mistake of its own and makes no more of them. */
export const isEmbedded = (env: NodeJS.ProcessEnv): boolean =>
  parseFitting(modeVariable, env).MERIDIAN_MODE !== 'production';

/** Parses the variables of an outside party (a carrier, a registry, a payment channel): in production its addresses must be encrypted too. */
export const parseParty = <T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): z.output<T> => {
  const mistakes = createMistakes();
  const values = mistakes.attempt(() => parseConfig(schema, env));
  mistakes.attempt(() => {
    const plain = isEmbedded(env) ? [] : plainAddresses(parseFitting(schema, env));
    if (plain.length > 0) throw new ConfigError(plain);
  });
  if (values === undefined || mistakes.any()) throw mistakes.error();
  return values;
};
