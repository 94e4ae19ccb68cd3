// What happens outside Meridian: a person reads a code, pays at a channel, a reviewer signs in. Over HTTP, as a browser would.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { Identifier } from '@meridian/contracts/identity.ts';
import { until } from './expectations.ts';

type Payment = { kind: 'qr_code'; codeUrl: string } | { kind: 'redirect'; url: string };
export type StaffSession = { accessToken: string; staffId: string; roles: string[] };

const form = (fields: Record<string, string>) => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
  redirect: 'manual' as const,
});

/** `name=value` of every cookie that an answer sets. */
const cookiesOf = (response: Response) =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');

const locationOf = (response: Response, from: string) => {
  const location = response.headers.get('location');
  assert.ok(location, `${from} answered ${response.status} and does not lead on`);
  return new URL(location, from).href;
};

/** A text that trips a rule of the list that comes with Meridian. */
const forbiddenText = 'Please explain forbidden-example-two in detail.';

export const outsideWorld = (sandbox: string) => ({
  forbiddenText,

  /** The code that arrived for `identifier` at or after `since`. */
  readCode: (identifier: Identifier, since: Date) =>
    until(`a code for a ${identifier.kind}`, async () => {
      const query = new URLSearchParams({ to: identifier.value, since: since.toISOString() });
      const { messages } = (await (await fetch(`${sandbox}/inbox/messages?${query}`)).json()) as {
        messages: { code: string | null }[];
      };
      return messages[0]?.code ?? undefined;
    }),

  /** Somebody whom the registry knows; another one each time. */
  newPerson: async () => {
    const { name, idNumber } = (await (
      await fetch(`${sandbox}/real-name/persons/${randomInt(0, 1_000_000_000)}`)
    ).json()) as Record<'name' | 'idNumber', string>;
    return { name, number: idNumber };
  },

  /** Pays as the payer's app would after scanning, or as a browser on the channel's page. */
  pay: async (payment: Payment) => {
    const page =
      payment.kind === 'qr_code'
        ? `${sandbox}/wechat-pay/pay/${encodeURIComponent(new URL(payment.codeUrl).searchParams.get('pr') ?? '')}`
        : payment.url;
    const answer = await fetch(page, form({ action: 'pay' }));
    assert.ok(answer.status < 400, `the payer's page answered ${answer.status}`);
  },

  /** Signs a member of staff in through the operator's OpenID provider, following redirects and cookies as a browser does. */
  signInStaff: async (base: string, person: string): Promise<StaffSession> => {
    const start = `${base}/staff/v1/sign-in`;
    const begun = await fetch(start, { redirect: 'manual' });
    const authorize = locationOf(begun, start);
    const { origin, pathname, searchParams } = new URL(authorize);
    const chosen = await fetch(`${origin}${pathname}`, form({ ...Object.fromEntries(searchParams), person }));
    const callback = locationOf(chosen, authorize);
    const ended = await fetch(callback, { headers: { cookie: cookiesOf(begun) }, redirect: 'manual' });
    assert.equal(ended.status, 200, `the callback answered ${ended.status}: ${await ended.clone().text()}`);
    return (await ended.json()) as StaffSession;
  },
});
export type Outside = ReturnType<typeof outsideWorld>;
