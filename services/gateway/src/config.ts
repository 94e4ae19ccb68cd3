// The only reader of the environment in this service.
import { keyProduct } from '@meridian/contracts/key-issuance.ts';
import { parseConfig } from '@meridian/kit/config/config.ts';
import { createMistakes } from '@meridian/kit/config/mistakes.ts';
import { integer, secret, url } from '@meridian/kit/config/values.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { serviceUrl, statelessVariables } from '@meridian/kit/run/platform-variables.ts';
import { parseService } from '@meridian/kit/run/service-config.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';

const schema = z.object({
  ...statelessVariables,
  KEY_ISSUANCE_URL: serviceUrl,
  MODERATION_URL: serviceUrl,
  BILLING_URL: serviceUrl,
  /** Base URL of the OpenAI-compatible model upstream, with its version, e.g. https://models.internal/v1. */
  UPSTREAM_URL: url('http', 'https'),
  UPSTREAM_API_KEY: secret,
  /** The product whose keys this door takes. */
  PRODUCT: keyProduct.default('payg'),
  /** Calls at a time; more are answered 503. */
  MAX_STREAMS: integer(1, 100_000).default(1_000),
  /** Output tokens reserved at a time for a stream: also the bound on what one stream may overdraw. */
  OUTPUT_WINDOW: integer(16, 100_000).default(1_024),
  /** Output tokens of a call that is not streamed and names no limit. */
  DEFAULT_MAX_TOKENS: integer(1, 1_000_000).default(4_096),
  /** Milliseconds until the upstream must have begun to answer, and the longest silence within a stream. */
  UPSTREAM_FIRST_BYTE_MS: integer(100, 900_000).default(120_000),
  UPSTREAM_IDLE_MS: integer(100, 900_000).default(60_000),
  /** Milliseconds that moderation gets for an answer, besides those for the size of the text. It gives up a match by itself after one second. */
  MODERATION_TIMEOUT_MS: integer(2_000, 60_000).default(2_000),
  /** Milliseconds without an answer on key changes after which open streams end. */
  KEY_CHANGES_SILENCE_MS: integer(100, 60_000).default(10_000),
  /** Milliseconds that open streams get when the gateway stops. */
  DRAIN_MS: integer(0, 600_000).default(10_000),
});

/** Throws ConfigError naming every wrong variable. */
export const readConfig = (env: Record<string, string | undefined>, now?: Now) => {
  const mistakes = createMistakes();
  const region = mistakes.attempt(() => resolveRegion(parseConfig(z.object(regionVariables), env)));
  const config = mistakes.attempt(() => parseService('gateway', schema, env, now));
  if (!region || !config) throw mistakes.error();
  return { config, region };
};
