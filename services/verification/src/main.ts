import { runService } from '@meridian/kit/run/run.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startVerification } from './service.ts';

const log = createLog({
  service: 'verification',
  region: process.env.REGION ?? 'unknown',
  level: process.env.LOG_LEVEL ?? 'info',
});
await runService({ name: 'verification', log, start: () => startVerification(process.env, { log }) });
