// A provider that is down before anything of it was ever read: both ways to ask it say so to the operator.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createBrowser, registerApps } from './support/browser.ts';
import { type Stand, startStand } from './support/stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await startStand({ region: 'cn' });
  await registerApps(stand);
  await stand.control('apple', { fail: { status: 503 } });
}, 60_000);
afterAll(() => stand?.stop());

const logged = () => stand.logged.map((line) => JSON.parse(line) as { msg: string; provider?: string; code?: string });

test('a message that cannot be verified is a 503, which the provider tries again, and a line in the log', async () => {
  const answer = await fetch(`${stand.sandbox.origin}/control/apple/notify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ region: stand.region, person: 'person-1', type: 'consent-revoked' }),
  });
  expect(await answer.json()).toMatchObject({ status: 503 });
  expect(logged()).toContainEqual(
    expect.objectContaining({
      msg: 'a message could not be verified',
      provider: 'apple',
      code: 'provider_unavailable',
    }),
  );
});

test('a login that cannot be begun is counted as unavailable', async () => {
  const { helpCentre } = stand.profile.links;
  expect(await createBrowser(stand).begin('apple')).toMatchObject({ status: 503, body: { helpCentre } });
  const metrics = await (await fetch(`${stand.urls().internalUrl}/metrics`)).text();
  const figures = metrics.match(/^identity_logins_total\{.*\} \d+$/gm) ?? [];
  expect(figures.filter((line) => !line.endsWith(' 0'))).toEqual([
    expect.stringMatching(/provider="apple",outcome="login_unavailable".* 1$/),
  ]);
});
