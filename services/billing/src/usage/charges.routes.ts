import { getUsage, listCharges as listChargesEndpoint } from '@meridian/contracts/billing.ts';
import { invalidInput } from '@meridian/contracts/common.ts';
import { pageFrom, readCursor, timePlace } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Billing } from '../platform.ts';
import { listCharges, sumUsage } from './charge.store.ts';

const place = timePlace('req');
const day = 86_400_000;
const usualDays = 30;
const mostDays = 366;

/** UTC days, both inclusive; without `from`, the 30 days up to `to`; without `to`, up to today. */
const spanOf = (query: { from?: string | undefined; to?: string | undefined }, now: Date) => {
  const last = query.to === undefined ? new Date(now.toISOString().slice(0, 10)) : new Date(query.to);
  const from = query.from === undefined ? new Date(last.getTime() - (usualDays - 1) * day) : new Date(query.from);
  const until = new Date(last.getTime() + day);
  const days = (until.getTime() - from.getTime()) / day;
  if (days < 1 || days > mostDays)
    fail(invalidInput, {
      errors: [{ pointer: '/query/from', detail: `must be at most ${mostDays} days before "to", and not after it` }],
    });
  return { from, until };
};

export const chargesRoutes = ({ platform, deps }: Billing): void => {
  const { db, publicServer } = platform;

  route(publicServer, listChargesEndpoint, async ({ auth, query: { cursor, limit } }) => {
    const found = await listCharges(db.read, auth.accountId, { after: readCursor(place, cursor), limit });
    const { rows, next } = pageFrom(found, limit, place, (row) => ({ at: row.settled_at, id: row.request_id }));
    const items = rows.map((row) => ({
      requestId: row.request_id,
      keyId: row.key_id,
      model: row.model,
      usage: {
        promptTokens: row.prompt_tokens,
        cachedTokens: row.cached_tokens,
        completionTokens: row.completion_tokens,
      },
      amount: row.amount.toString(),
      currency: row.currency,
      priceVersion: row.price_version,
      outcome: row.outcome,
      settledAt: row.settled_at.toISOString(),
    }));
    return { status: 200, body: { items, next } };
  });

  route(publicServer, getUsage, async ({ auth, query }) => {
    const sums = await sumUsage(db.read, auth.accountId, spanOf(query, deps.now()));
    const items = sums.map((sum) => ({
      day: sum.day,
      model: sum.model,
      calls: Number(sum.calls),
      usage: {
        promptTokens: Number(sum.prompt_tokens),
        cachedTokens: Number(sum.cached_tokens),
        completionTokens: Number(sum.completion_tokens),
      },
      amount: sum.amount.toString(),
      currency: deps.currency,
    }));
    return { status: 200, body: { items } };
  });
};
