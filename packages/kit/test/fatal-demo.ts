// The process that kafka-members.int.test.ts starts: a consumer on the bus that services open.
import { openBus } from '../src/run/open-bus.ts';
import { createLog } from '../src/telemetry/log.ts';

const [, , address = '', topic = ''] = process.argv;
const log = createLog({ service: 'fatal', region: 'cn', level: 'info' });
const bus = openBus({ address, tls: undefined, service: 'fatal', log, now: () => new Date() });
await bus.subscribe({ group: 'fatal', topics: [topic], handler: async () => undefined });
setInterval(() => undefined, 1_000);
