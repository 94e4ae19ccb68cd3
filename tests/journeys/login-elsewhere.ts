// A browser signs in by an account elsewhere: from the button to the tokens, over HTTP alone.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { Identifier } from '@meridian/contracts/identity.ts';
import type { FederatedLogin, Profile } from '@meridian/regions/profile.ts';
import { outsideWorld } from './outside-world.ts';

export type Where = { readonly base: string; readonly sandbox: string; readonly profile: Profile };
type Tokens = { accessToken: string; accountId: string; created: boolean };

const createSender = ({ base, profile }: Where) => {
  const cookies = new Map<string, string>();
  const cookie = () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const keep = (answer: Response) => {
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';')[0]?.split('=') ?? [];
      cookies.set(name, value);
    }
    return answer;
  };
  return {
    open: async (address: string) => keep(await fetch(address, { headers: { cookie: cookie() }, redirect: 'manual' })),
    post: async (path: string, body: object) => {
      const headers = {
        'content-type': 'application/json',
        origin: profile.corsOrigins[0] as string,
        cookie: cookie(),
      };
      const answer = keep(await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) }));
      return (await answer.json()) as Record<string, unknown>;
    },
  };
};

const bindPhone = async (where: Where, sender: ReturnType<typeof createSender>, bindingToken: unknown) => {
  const identifier: Identifier = {
    kind: 'phone',
    value: `+86138${String(randomInt(0, 100_000_000)).padStart(8, '0')}`,
  };
  const since = new Date();
  const { codeId } = await sender.post('/v1/logins/binding/codes', { bindingToken, identifier });
  const code = await outsideWorld(where.sandbox).readCode(identifier, since);
  const { termsVersion } = where.profile.registration;
  return sender.post('/v1/logins/binding', { bindingToken, identifier, codeId, code, termsVersion });
};

export const signInElsewhere = async (where: Where, provider: FederatedLogin, person: string): Promise<Tokens> => {
  const sender = createSender(where);
  const { returnAddresses, termsVersion } = where.profile.registration;
  const { authorizeUrl } = await sender.post(`/v1/logins/${provider}`, { returnTo: returnAddresses[0] });
  const page = new URL(String(authorizeUrl));
  const chosen = await fetch(page.origin + page.pathname, {
    method: 'POST',
    body: new URLSearchParams([...page.searchParams, ['person', person]]),
    redirect: 'manual',
  });
  const back = await sender.open(chosen.headers.get('location') ?? '');
  const code = new URL(back.headers.get('location') ?? '').searchParams.get('login');
  assert.ok(code, `the callback answered ${back.status} and led to ${back.headers.get('location')}`);
  let answer = await sender.post('/v1/sessions/login', { code, termsVersion });
  if (answer.code === 'phone_binding_required') answer = await bindPhone(where, sender, answer.bindingToken);
  assert.ok(answer.accessToken, `no tokens: ${JSON.stringify(answer)}`);
  return answer as Tokens;
};
