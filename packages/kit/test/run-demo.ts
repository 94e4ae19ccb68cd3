// The process that run.int.test.ts starts.
import { pino } from 'pino';
import { runService, stopInOrder } from '../src/run/run.ts';

const [, , mode] = process.argv;
const log = pino({ level: 'info' });
const step = (name: string) => ({ name, stop: () => void process.stdout.write(`step:${name}\n`) });

await runService({
  name: 'demo',
  log,
  start: async () => {
    if (mode === 'broken') throw new Error('the database is not there');
    const alive = setInterval(() => undefined, 1_000);
    if (mode === 'crash') {
      setTimeout(() => {
        throw new Error('unexpected');
      }, 50);
    }
    const failing = {
      name: 'relay',
      stop: () => {
        throw new Error('relay is stuck');
      },
    };
    const stuck = { name: 'stuck', stop: () => new Promise<void>(() => undefined) };
    const steps = [
      step('readiness'),
      step('http'),
      step('consumers'),
      ...(mode === 'well' ? [failing] : []),
      ...(mode === 'stuck' ? [stuck] : []),
      step('database'),
    ];
    return {
      addresses: { public: 'http://127.0.0.1:1' },
      stopWithinMs: mode === 'stuck' ? 500 : 60_000,
      stop: async () => {
        clearInterval(alive);
        await stopInOrder(steps, log);
      },
    };
  },
});
