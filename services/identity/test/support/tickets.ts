// What the tests of recovery tickets do over and over: open one, see how far it is, decide it, complete it.
import { addContact, type Identifier, sendContactCode } from '@meridian/contracts/identity.ts';
import {
  completeRecoveryTicket,
  decideRecovery,
  getRecoveryTicket,
  openRecoveryTicket,
  sendTicketCode,
} from '@meridian/contracts/identity-recovery.ts';
import { helpers } from './recovery-people.ts';
import { type Stand, waitFor } from './stand.ts';
import type { StatementLog } from './statement-log.ts';

export const hour = 3_600_000;
export const realName = { name: '张三', number: '440304199001010011' };

type Options = { realName?: typeof realName; contact?: Identifier; message?: string };

export const setUp = (stand: Stand, kind: 'phone' | 'email', log?: StatementLog) => {
  const help = helpers(stand, log);
  const cooling = stand.profile.recovery.coolingOffHours * hour;
  const identifier = stand.identifiers[kind];
  const open = async (account: Identifier | { kind: 'account'; value: string }, options: Options = {}) => {
    const contact = options.contact ?? identifier();
    const { body } = await stand.ask(openRecoveryTicket, { body: { account, contact, ...options } });
    return { ...body, contact };
  };
  /** Open, and a provider has taken the notice to its owner. */
  const openHeard = async (account: Identifier | { kind: 'account'; value: string }, options: Options = {}) => {
    const ticket = await open(account, options);
    await waitFor('the owner to hear', async () => {
      const query = 'select 1 from recovery_ticket where id = $1 and heard_at is not null';
      return (await stand.pool.query(query, [ticket.ticketId])).rowCount === 1;
    });
    return ticket;
  };
  const status = async (ticketToken: string) =>
    (await stand.ask(getRecoveryTicket, { body: { ticketToken } })).body.status;
  const codeFor = ({ ticketToken, contact }: { ticketToken: string; contact: Identifier }) => {
    stand.moveClock(61_000);
    return help.codeFrom(contact.value, () => stand.ask(sendTicketCode, { body: { ticketToken, contact } }));
  };
  const completeWith = (
    ticket: { ticketToken: string; contact: Identifier },
    { codeId, code }: { codeId: string; code: string },
    change: object = {},
  ) =>
    stand.ask(completeRecoveryTicket, {
      body: { ticketToken: ticket.ticketToken, contact: { identifier: ticket.contact, codeId, code }, ...change },
    });
  const complete = async (ticket: { ticketToken: string; contact: Identifier }, change: object = {}) =>
    completeWith(ticket, await codeFor(ticket), change);
  const decide = async (ticketId: string, decision: 'approved' | 'refused', roles = ['support'] as const) =>
    stand.ask(decideRecovery, {
      token: await stand.staffToken(roles),
      params: { ticketId },
      body: { decision, reason: 'Compared the passport with the invoice' },
    });
  /** Another address of an account, by its owner. */
  const addAddress = async (token: string) => {
    const address = identifier();
    stand.moveClock(61_000);
    const { codeId, code } = await help.codeFrom(address.value, () =>
      stand.ask(sendContactCode, { token, body: { identifier: address } }),
    );
    return (await stand.ask(addContact, { token, body: { identifier: address, codeId, code } })).body;
  };
  /** Until then a fault of the provider may meet a notice of the test before. */
  const noNoticeWaits = () =>
    waitFor('no notice that waits', async () => (await stand.pool.query('select 1 from notice')).rowCount === 0);
  return {
    help,
    cooling,
    addAddress,
    noNoticeWaits,
    newPerson: () => stand.signIn(identifier()),
    open,
    openHeard,
    status,
    codeFor,
    complete,
    completeWith,
    decide,
  };
};
