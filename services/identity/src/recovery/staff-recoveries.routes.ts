// What support can do: look at tickets, decide them, start a recovery. Never see a token, never choose a credential (OWASP ASVS 6.4.6).
import { notFound } from '@meridian/contracts/common.ts';
import { decideRecovery, listRecoveries, startRecovery, ticketDecided } from '@meridian/contracts/identity-recovery.ts';
import { pageFrom, readCursor, timePlace } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { maskContact } from '../contacts/contact.ts';
import type { AccountKey } from '../contacts/contact-vault.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { recordReading, recordStaffAction } from '../staff/record-staff-action.ts';
import { offerRecovery } from './offer-recovery.ts';
import { lifeOf, listTickets, lockTicket, setTicketState, type Ticket } from './ticket.store.ts';
import { ticketStatus } from './ticket.ts';

const place = timePlace('rtk');

export const staffRecoveryRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, vault, now } = deps;

  const view = (ticket: Ticket, key: AccountKey) => ({
    ticketId: ticket.id,
    accountId: key.accountId,
    status: ticketStatus(lifeOf(ticket), now()),
    contact:
      ticket.sealed_contact === null
        ? ''
        : maskContact(ticket.contact_kind, vault.open(key, `${ticket.id} contact`, ticket.sealed_contact)),
    realName: ticket.real_name,
    message: ticket.sealed_message && vault.open(key, `${ticket.id} message`, ticket.sealed_message),
    openedAt: ticket.created_at.toISOString(),
    coolingOffUntil: ticket.cooling_until.toISOString(),
    endsAt: ticket.expires_at.toISOString(),
  });

  route(publicServer, listRecoveries, async ({ auth: { staffId }, query }) => {
    if (query.accountId !== undefined) deps.wall(query.accountId);
    const after = readCursor(place, query.cursor);
    const found = await listTickets(db.read, { accountId: query.accountId, after, limit: query.limit + 1 });
    const { rows, next } = pageFrom(found, query.limit, place, (row) => ({ at: row.created_at, id: row.id }));
    // Before anything is opened: what cannot be recorded is not read.
    const ticketIds = rows.filter((row) => row.sealed_message !== null).map((row) => row.id);
    await db.transaction((tx) => recordReading(tx, { at: now(), staffId, ticketIds }));
    const items = rows.map((row) => view(row, vault.unwrap(row.account_id ?? '', row.wrapped)));
    return { status: 200, body: { items, next } };
  });

  route(publicServer, startRecovery, async ({ auth, body }) => {
    deps.wall(body.accountId);
    const { recoveryId, addressesTold, endsAt } = await db.transaction((tx) =>
      offerRecovery(tx, deps, { ...body, staffId: auth.staffId }),
    );
    return { status: 202, body: { recoveryId, addressesTold, endsAt: endsAt.toISOString() } };
  });

  route(publicServer, decideRecovery, async ({ auth, params, body }) => {
    deps.wall(params.ticketId);
    const { decision, reason } = body;
    const decided = await db.transaction(async (tx) => {
      const ticket = await lockTicket(tx, params.ticketId);
      const accountId = ticket?.account_id;
      if (ticket === undefined || accountId == null) return fail(notFound, { detail: 'There is no such ticket' });
      const status = ticketStatus(lifeOf(ticket), now());
      if (ticket.state !== 'open' || status === 'refused') return fail(ticketDecided);
      await setTicketState(tx, ticket.id, decision, now());
      const kind = decision === 'approved' ? 'recovery_approved' : 'recovery_refused';
      await appendSecurityLog(tx, { at: now(), kind, accountId });
      await recordStaffAction(tx, { at: now(), staffId: auth.staffId, action: kind, subject: ticket.id, reason });
      const { wrapped } = await tx
        .selectFrom('account_key')
        .select('wrapped')
        .where('account_id', '=', accountId)
        .executeTakeFirstOrThrow();
      return view({ ...ticket, state: decision }, vault.unwrap(accountId, wrapped));
    });
    return { status: 200, body: decided };
  });
};
