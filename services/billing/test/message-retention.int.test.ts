// Every message of a channel has an end: with the account of its order, or, when it names none of ours, by its age.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newId } from '@meridian/kit/ids.ts';
import { dropOldBodies } from '../src/recharge/channel-event.store.ts';
import { insertOrder } from '../src/recharge/order.store.ts';
import { receiveNotification } from '../src/recharge/receive-notification.ts';
import { type BillingDatabase, openBillingDatabase } from './support/billing-database.ts';

let billing: BillingDatabase;
beforeAll(async () => {
  billing = await openBillingDatabase();
});
afterAll(() => billing.close());

const day = 86_400_000;
const channel = 'wechat_pay';
const orderOf = async (accountId: string) => {
  const at = billing.deps.now();
  const id = newId('ord', 'cn', at);
  const { channel_order_no } = await billing.run((tx) =>
    insertOrder(tx, {
      id,
      accountId,
      requestKey: id,
      channel,
      orderNo: `O${id.slice(-26)}`,
      amount: 5n,
      currency: 'CNY',
      at,
      expiresAt: new Date(at.getTime() + day),
      nextQueryAt: at,
    }),
  );
  return channel_order_no;
};
const receive = (eventId: string, orderNo: string | undefined, kind = 'REFUND.SUCCESS') =>
  billing.run((tx) =>
    receiveNotification(tx, billing.deps, {
      channel,
      notification: { eventId, kind, orderNo, paid: undefined },
      sealed: Buffer.from('sealed message'),
    }),
  );
const kept = async () => {
  const rows = await billing.db.read.selectFrom('channel_event').select(['event_id', 'body']).execute();
  return rows
    .filter(({ body }) => body.length > 0)
    .map(({ event_id }) => event_id)
    .sort();
};
const clean = () => dropOldBodies(billing.db.read, billing.deps.now(), 100);

test('of messages that name no order of ours only the fact is left after 90 days', async () => {
  await receive('of our order', await orderOf(billing.newAccount()));
  await receive('of no order', 'O00000000000000000000000000');
  await receive('names none', undefined, 'SOMETHING.NEW');
  expect(await kept()).toEqual(['names none', 'of no order', 'of our order']);
  billing.moveClock(89 * day);
  await receive('later', undefined);
  expect(await clean()).toBe(0);
  billing.moveClock(2 * day);
  expect(await clean()).toBe(2);
  expect(await kept()).toEqual(['later', 'of our order']);
  // A repetition so late counts, and brings nothing back.
  expect(await receive('of no order', 'O00000000000000000000000000')).toEqual({ outcome: 'repeated', reason: null });
  expect(await kept()).toEqual(['later', 'of our order']);
});
