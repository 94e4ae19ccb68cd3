// What the tests of recovery do over and over: read a code or a notice that comes of something, and compare two answers to the letter.
import { beginTotp, confirmTotp } from '@meridian/contracts/identity.ts';
import { totpAt } from '../../src/factors/totp.ts';
import { type Stand, waitFor } from './stand.ts';
import type { StatementLog } from './statement-log.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const bytesOf = (text: string) => {
  const bits = [...text].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
};

export const helpers = (stand: Stand, log?: StatementLog) => {
  const codesAt = async (to: string) => (await stand.messages(to)).filter((message) => message.code !== null);
  return {
    codesAt,
    /** The code that `act` makes arrive. */
    codeFrom: async <B extends { codeId: string }>(to: string, act: () => Promise<{ body: B }>) => {
      const before = (await codesAt(to)).length;
      const answer = await act();
      const [message] = await waitFor('a code', async () => {
        const found = await codesAt(to);
        return found.length > before && found;
      });
      return { ...answer.body, code: message?.code ?? '' };
    },
    /** Another message was asked for after all others and has come: whatever was to come has come. */
    nothingOnItsWay: (kind: 'phone' | 'email') => stand.codeFor(stand.identifiers[kind]()),
    /** The newest notice that fits. */
    noticeAt: (to: string, pattern: RegExp) =>
      waitFor(
        'the notice',
        async () =>
          (await stand.messages(to)).map((m) => pattern.exec(m.text)).find((found) => found !== null) ?? undefined,
      ),
    withTotp: async (token: string) => {
      const { secret } = (await stand.ask(beginTotp, { token })).body;
      const codeNow = (steps = 0) => totpAt(bytesOf(secret), Math.floor(stand.now().getTime() / 30_000) + steps);
      const { recoveryCodes } = (await stand.ask(confirmTotp, { token, body: { code: codeNow() } })).body;
      return { codeNow, recoveryCodes };
    },
    /** Everything of an answer that a caller could compare, what is drawn at random left out; and what was run for it. */
    rawPost: async (path: string, body: unknown, ip: string) => {
      const logged = log?.next();
      const answer = await fetch(`${stand.urls().publicUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': ip, ...logged?.headers },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      // How long there is to wait depends on the second at which a slot of the counts ends.
      const headers = [...answer.headers].filter(
        ([name]) => !/^(date|retry-after|x-request-id|x-ratelimit-.*)$/.test(name),
      );
      const plain = text
        .replaceAll(/[a-z]{3}_[a-z]+_[0-9A-Z]{26}/g, '<id>')
        .replaceAll(/"[A-Za-z0-9_-]{43}"/g, '<token>')
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
        .replaceAll(/"requestId":"[^"]+"/g, '<request>')
        .replaceAll(/"retryAfter":\d+/g, '<wait>');
      return { status: answer.status, headers, body: plain, statements: logged?.statements() };
    },
  };
};
export type Helpers = ReturnType<typeof helpers>;
