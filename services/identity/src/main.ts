// Starts identity as a process of its own.
import { runService } from '@meridian/kit/run/run.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startIdentity } from './service.ts';

const log = createLog({
  service: 'identity',
  region: process.env.REGION ?? 'unknown',
  level: process.env.LOG_LEVEL ?? 'info',
});
await runService({ name: 'identity', start: () => startIdentity(process.env), log });
