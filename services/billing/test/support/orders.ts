// What the tests of both regions' recharges do alike.
import { randomUUID } from 'node:crypto';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import type { TestBilling } from './test-billing.ts';

export const ordersOf = (
  billing: TestBilling,
  { part, channel, currency }: { part: string; channel: string; currency: string },
) => {
  const amount = '5000000000';
  const recharge = (accountId: string, change: object = {}, key: string = randomUUID()) =>
    billing.as(accountId, 'POST', '/v1/billing/recharges', { channel, amount, currency, ...change }, key);
  const orderNoOf = async (orderId: unknown) => {
    const [row] = await billing.rows<{ no: string }>(
      'select channel_order_no as no from recharge_order where id = $1',
      [orderId],
    );
    if (row === undefined) throw new Error('no such order');
    return row.no;
  };
  const status = async (accountId: string, orderId: unknown) =>
    (await billing.as(accountId, 'GET', `/v1/billing/recharges/${orderId}`)).body.status as unknown;
  const available = async (accountId: string) =>
    (await billing.as(accountId, 'GET', '/v1/billing/balance')).body.available as unknown;
  return {
    amount,
    recharge,
    orderNoOf,
    status,
    available,
    /** A payable order: its id here and its number at the channel. */
    payable: async (accountId: string) => {
      const { status, body } = await recharge(accountId);
      if (status !== 201) throw new Error(`no order: ${status} ${JSON.stringify(body)}`);
      const orderId: unknown = body.orderId;
      return { orderId, orderNo: await orderNoOf(orderId) };
    },
    faults: (faults: object) => billing.control('PUT', part, faults),
    pay: (orderNo: string) => billing.control('POST', `${part}/orders/${orderNo}/pay`, {}),
    forge: (orderNo: string, kind: string) =>
      billing.control('POST', `${part}/notifications/${orderNo}/forge`, { kind }),
    resend: (orderNo: string) => billing.control('POST', `${part}/notifications/${orderNo}/resend`, {}),
    deliveries: async (orderNo: string) =>
      (await billing.control('GET', `${part}/notifications/${orderNo}`)).body.deliveries as unknown as {
        state: string;
        attempts: { accepted: boolean; status: number | null }[];
      }[],
    /** What reached the channel about an order, newest first. */
    requestsAbout: async (orderNo: string) => {
      const { body } = await billing.control('GET', `${part}/requests`);
      const items = body.items as unknown as { subject?: string; route: string; status: number; outcome: string }[];
      return items.filter((item) => item.subject === orderNo);
    },
    becomes: (accountId: string, orderId: unknown, expected: string) =>
      waitFor(async () => (await status(accountId, orderId)) === expected),
    /** Postings of the order: account kind and amount. */
    postings: (orderId: unknown) =>
      billing.rows<{ kind: string; account: string; amount: string }>(
        `select t.kind, a.kind as account, e.amount::text as amount from ledger_transaction t
         join ledger_entry e on e.transaction_id = t.id join ledger_account a on a.id = e.ledger_account_id
         where t.source_type = 'recharge' and t.source_id = $1 order by e.amount`,
        [orderId],
      ),
    /** Asks the channel at once about every order that waits, instead of by the schedule. */
    pollNow: () => billing.rows('update recharge_order set next_query_at = created_at where next_query_at is not null'),
  };
};
