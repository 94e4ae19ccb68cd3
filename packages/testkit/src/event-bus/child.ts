// A process that plays one part of a scenario and is killed at a failpoint. Started by `spawnPart`, with its orders in argv.
import type { FailpointName, Hit } from '@meridian/kit/failpoints.ts';
import { consumerOf, openDatabase, relayOf, takeStep } from './parts.ts';
import type { BusModule } from './transport.ts';

export type Orders = {
  part: 'producer' | 'relay' | 'consumer';
  databaseUrl: string;
  bus: { module: string; config: unknown };
  topic: string;
  group: string;
  /** Steps to take, for a producer: account and number. */
  steps: [accountId: string, n: number][];
  /** Dies at the nth hit of this point. */
  dieAt: { point: FailpointName; nth: number };
};

const orders = JSON.parse(process.argv[2] ?? '') as Orders;
let hits = 0;
const hit: Hit = async (name) => {
  if (name !== orders.dieAt.point) return;
  hits += 1;
  if (hits < orders.dieAt.nth) return;
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined); // the signal arrives before anything else happens here
};

const db = openDatabase(orders.databaseUrl);
const { createBus } = (await import(orders.bus.module)) as BusModule;
if (orders.part === 'producer') {
  for (const [accountId, n] of orders.steps) {
    await takeStep(db, accountId, n);
    await hit('after-business-commit');
  }
  await db.close();
} else {
  const bus = createBus(orders.bus.config);
  if (orders.part === 'relay') relayOf(db, bus, orders.topic, hit).start();
  else await consumerOf(db, bus, orders.topic, { group: orders.group, hit }).start();
}
