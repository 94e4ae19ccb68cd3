import { runService } from '@meridian/kit/run/run.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startKeyIssuance } from './service.ts';

const log = createLog({ service: 'key-issuance', region: process.env.REGION ?? 'unset', level: 'info' });
await runService({ name: 'key-issuance', start: () => startKeyIssuance(process.env), log });
