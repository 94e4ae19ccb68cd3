// One event type declared as data: name with its major version, publisher and payload schema. No personal data, ever.
import { z } from 'zod';
import { accountId, regionId, timestamp } from './common.ts';
import type { ServiceName } from './endpoint.ts';

export type EventDefinition = {
  /** `past-tense-name.vN`; a new major version is a new type, published beside the old. */
  readonly type: `${string}.v${number}`;
  readonly publishers: readonly ServiceName[];
  readonly description: string;
  readonly data: z.ZodObject;
};

export const event = <const E extends EventDefinition>(definition: E): E => definition;

/** CloudEvents 1.0, structured JSON: the same bytes on both transports. */
export const envelope = z.object({
  specversion: z.literal('1.0'),
  id: z.string().regex(/^evt_[a-z]{2,12}_[0-9A-HJKMNP-TV-Z]{26}$/),
  source: z
    .string()
    .regex(/^[a-z]{2,12}\/[a-z-]{2,20}$/)
    .describe('region/service'),
  type: z.string().regex(/^[a-z][a-z-]*\.v[0-9]+$/),
  subject: accountId,
  time: timestamp,
  datacontenttype: z.literal('application/json'),
  region: regionId,
  partitionkey: accountId,
  accountseq: z.number().int().positive().describe('Counts by 1 per publishing service and account'),
  causationid: z
    .string()
    .regex(/^[a-z]{2,8}_[a-z]{2,12}_[0-9A-HJKMNP-TV-Z]{26}$/)
    .optional()
    .describe('Id of what led to it: an event, a submission'),
  traceparent: z
    .string()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional()
    .describe('W3C Trace Context'),
  data: z.record(z.string(), z.unknown()),
});
export type Envelope = z.infer<typeof envelope>;

/** One topic per publishing service; its name carries the region so that a misrouted consumer is refused by name. */
export const topicOf = (region: string, service: ServiceName) => `${region}.${service}.events`;
