// Every SMS and mail that the sandbox accepted, newest first, bounded.
import { randomHex } from '../crypto/random.ts';

export type InboxMessage = {
  id: string;
  channel: 'sms' | 'mail';
  /** The region whose credentials sent it. */
  region: string;
  to: string;
  from: string;
  subject: string | null;
  text: string;
  /** The one-time code in it, if there is one. */
  code: string | null;
  at: string;
};

const codePattern = /(?<![0-9A-Za-z.,-])([0-9]{4,8})(?![0-9A-Za-z-]|[.,][0-9])/;

/** The first free-standing run of 4 to 8 digits; six digits win over other lengths, as codes have six. */
export const codeIn = (text: string) =>
  /(?<![0-9A-Za-z.,-])([0-9]{6})(?![0-9A-Za-z-]|[.,][0-9])/.exec(text)?.[1] ?? codePattern.exec(text)?.[1] ?? null;

/** Phone numbers compare without country prefix and punctuation, mail addresses without case. */
const sameAddress = (stored: string, asked: string) => {
  const normal = (value: string) =>
    value.includes('@')
      ? value.trim().toLowerCase()
      : value.replace(/[^0-9]/g, '').replace(/^(?:00)?86(?=1[0-9]{10}$)/, '');
  return normal(stored) === normal(asked);
};

export const createInbox = ({ limit, now }: { limit: number; now: () => Date }) => {
  let messages: InboxMessage[] = [];
  return {
    add(message: Omit<InboxMessage, 'id' | 'at'>) {
      const stored = { id: `msg_${randomHex(8)}`, at: now().toISOString(), ...message };
      messages.unshift(stored);
      if (messages.length > limit) messages.length = limit;
      return stored;
    },
    /** `since`: only messages that arrived at or after that time. */
    list({ to, since, channel, limit: count }: { to?: string; since?: Date; channel?: 'sms' | 'mail'; limit: number }) {
      return messages
        .filter(
          (m) =>
            (!to || sameAddress(m.to, to)) &&
            (!since || new Date(m.at) >= since) &&
            (!channel || m.channel === channel),
        )
        .slice(0, count);
    },
    clear() {
      messages = [];
    },
  };
};
export type Inbox = ReturnType<typeof createInbox>;
