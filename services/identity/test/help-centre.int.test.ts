// Every failure of a sign-in, a registration or a recovery leads to the profile's help centre.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { regionMismatch } from '@meridian/contracts/common.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import {
  completeSignIn,
  createSession,
  refreshSession,
  sendCode,
  signInByPasskey,
  signInByPassword,
} from '@meridian/contracts/identity.ts';
import { leadsToHelpCentre, recoveryEndpoints } from '@meridian/contracts/identity-recovery.ts';
import { completeStaffSignIn, finishStaffSignIn, startStaffSignIn } from '@meridian/contracts/identity-staff.ts';
import { renderWithHelpCentre } from '../src/recovery/help-centre.ts';
import { problemOf, type Stand, startStand } from './support/stand.ts';

const address = 'https://help.example/account';
const endpoints: readonly EndpointDefinition[] = [
  sendCode,
  createSession,
  refreshSession,
  signInByPassword,
  completeSignIn,
  signInByPasskey,
  startStaffSignIn,
  finishStaffSignIn,
  completeStaffSignIn,
  ...recoveryEndpoints,
];
const led = new Set<string>(leadsToHelpCentre.map((problem) => problem.code));

test.each(endpoints.map((e) => [e.id, e] as const))('whatever %s refuses by itself leads there', (_, endpoint) => {
  const own = endpoint.problems.map((p) => p.code).filter((code) => code !== regionMismatch.code);
  expect(own.filter((code) => !led.has(code))).toEqual([]);
});

test('what a sign-in needs and cannot reach leads there, and a flood', () => {
  expect([...led]).toEqual(expect.arrayContaining(['unavailable', 'rate_limited']));
});

test.each(leadsToHelpCentre.map((problem) => [problem.code, problem] as const))(
  '%s carries the address',
  (_, problem) => {
    const { body } = renderWithHelpCentre(address)(problem, { helpCentre: 'https://elsewhere.example' }, 'request-1');
    expect(JSON.parse(body)).toMatchObject({ code: problem.code, status: problem.status, helpCentre: address });
  },
);

describe.each(['cn', 'global'])('over HTTP, in %s', (region) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region });
  }, 60_000);
  afterAll(() => stand?.stop());
  const id = (prefix: string) => `${prefix}_${region}_${'0'.repeat(26)}`;
  const token = 'A'.repeat(43);

  test('the address is the one of the profile, and of no other problem', async () => {
    const kind = region === 'cn' ? 'phone' : 'email';
    const identifier = stand.identifiers[kind]();
    const wrongKind = stand.identifiers[kind === 'phone' ? 'email' : 'phone']();
    const body = { codeId: id('cod'), code: '123456', identifier };
    const refused: Promise<unknown>[] = [
      stand.ask(createSession, { body }),
      stand.ask(createSession, { body: { ...body, identifier: wrongKind } }),
      stand.ask(refreshSession, { body: { refreshToken: `mrt_${region}_${token}` } }),
      stand.ask(refreshSession, { body: {} }),
      stand.ask(signInByPassword, { body: { identifier, password: 'nobody has this one' } }),
      stand.ask(completeSignIn, { body: { challenge: token, factor: { method: 'totp', code: '123456' } } }),
      ...recoveryEndpoints
        .filter((e) => ['stopRecovery', 'getRecoveryTicket'].includes(e.id))
        .map((e) => stand.ask(e, { body: { stopCode: 'AAAA-AAAA-AAAA-AAAA', ticketToken: token } } as never)),
    ];
    await stand.ask(sendCode, { body: { identifier, purpose: 'login' } });
    refused.push(stand.ask(sendCode, { body: { identifier, purpose: 'login' } }));
    const seen = await Promise.all(
      refused.map(async (one) => {
        const { code, problem } = (await problemOf(one)) as { code: string; problem?: { helpCentre?: string } };
        return [code, problem?.helpCentre];
      }),
    );
    const { helpCentre } = stand.profile.links;
    for (const [code, link] of seen) expect([code, link]).toEqual([code, led.has(code ?? '') ? helpCentre : undefined]);
    expect(new Set(seen.map(([code]) => code)).size).toBeGreaterThanOrEqual(5);
    const answer = await fetch(`${stand.urls().publicUrl}/staff/v1/sign-in/callback?state=${token}&code=x`);
    expect(await answer.json()).toMatchObject({ code: 'sign_in_failed', helpCentre });
  });
});
