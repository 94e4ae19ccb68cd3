// Starts billing as a process of its own.
import { runService } from '@meridian/kit/run/run.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startBilling } from './service.ts';

// For the start and the end alone, at a fixed level: LOG_LEVEL may be wrong, and is judged with the rest of the configuration.
const log = createLog({ service: 'billing', region: process.env.REGION ?? 'unknown', level: 'info' });
await runService({ name: 'billing', log, start: () => startBilling(process.env) });
