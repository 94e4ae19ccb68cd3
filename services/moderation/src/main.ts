import { runService } from '@meridian/kit/run/run.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startModeration } from './service.ts';

const log = createLog({
  service: 'moderation',
  region: process.env.REGION ?? 'unknown',
  level: process.env.LOG_LEVEL ?? 'info',
});
await runService({ name: 'moderation', log, start: () => startModeration(process.env, { log }) });
