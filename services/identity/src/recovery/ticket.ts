// The life of a ticket: opened, rested, decided where it must be, completed by its person.

const hourMs = 3_600_000;
/** After the cooling-off: for staff to decide, and for the person to come back. */
const openMs = 7 * 24 * hourMs;
/** The cooling-off, 24 hours at least, is there for the owner: news of it that leave later than this spare nobody an approval. */
export const tellWithinMs = hourMs;
export const ticketsPerDay = [{ seconds: 86_400, max: 3 }];

export type RealNameVerdict = 'match' | 'no_match' | 'not_asked';
export type TicketState = 'open' | 'approved' | 'refused' | 'stopped' | 'completed';
/** What can still open its account. */
export const livingStates = ['open', 'approved'] as const satisfies readonly TicketState[];
export const isLiving = (state: TicketState): state is (typeof livingStates)[number] =>
  livingStates.some((living) => living === state);
/** Of the profile. */
type Rules = { readonly coolingOffHours: number; readonly staffApproval: boolean };

export type TicketStatus = 'cooling_off' | 'in_review' | 'ready' | 'refused' | 'stopped' | 'completed';

export type TicketLife = {
  readonly state: TicketState;
  readonly needsApproval: boolean;
  readonly coolingUntil: Date;
  readonly expiresAt: Date;
};

export const ticketTimes = ({ coolingOffHours }: Pick<Rules, 'coolingOffHours'>, now: Date) => {
  const coolingUntil = new Date(now.getTime() + coolingOffHours * hourMs);
  return { coolingUntil, expiresAt: new Date(coolingUntil.getTime() + openMs) };
};

/** Staff decide wherever no register has said that it is the person of the account. */
export const needsApproval = ({ staffApproval }: Pick<Rules, 'staffApproval'>, realName: RealNameVerdict): boolean =>
  staffApproval || realName !== 'match';

/** As staff see it. */
export const ticketStatus = (ticket: TicketLife, now: Date): TicketStatus => {
  if (!isLiving(ticket.state)) return ticket.state;
  if (ticket.expiresAt <= now) return 'refused';
  if (ticket.coolingUntil > now) return 'cooling_off';
  return ticket.needsApproval && ticket.state === 'open' ? 'in_review' : 'ready';
};

/** As whoever opened it sees it. What was refused or stopped reads like a ticket for an account that does not exist: it ends by time. */
export const outsideStatus = (ticket: TicketLife, now: Date): Exclude<TicketStatus, 'stopped'> => {
  const dead = ticket.state === 'refused' || ticket.state === 'stopped';
  const status = ticketStatus(dead ? { ...ticket, state: 'open', needsApproval: true } : ticket, now);
  return status === 'stopped' ? 'refused' : status;
};
