import { runService } from '@meridian/kit/run/run.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startGateway } from './service.ts';

const log = createLog({ service: 'gateway', region: process.env.REGION ?? 'unset', level: 'info' });
await runService({ name: 'gateway', start: () => startGateway(process.env), log });
