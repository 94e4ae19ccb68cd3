import { runService } from '@meridian/kit/run/run.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startBilling } from './service.ts';

const log = createLog({ service: 'billing', region: process.env.REGION ?? 'unknown', level: 'info' });
await runService({ name: 'billing', log, start: () => startBilling(process.env) });
