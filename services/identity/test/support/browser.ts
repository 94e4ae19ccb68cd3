// A browser that signs in by accounts elsewhere: it keeps cookies as browsers do, follows redirects, and sends Origin.
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { type Stand, waitFor } from './stand.ts';

export type Answered = {
  status: number;
  code?: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the endpoint answers; each test reads what it is about.
  body: any;
};
type Cookie = { value: string; sameSite: string };

/** Registers callbacks and pushes at the sandbox, as an operator would at each provider's console. */
export const registerApps = async (stand: Stand): Promise<void> => {
  for (const name of stand.profile.registration.federated) {
    const push = `${stand.urls().publicUrl}/v1/logins/${name}/push`;
    const answer = await fetch(`${stand.sandbox.origin}/control/${name}/app/${stand.region}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirectUris: [`${stand.profile.addresses.api}/v1/logins/${name}/callback`],
        pushUrl: push,
        deletionUrl: `${push}?purpose=deletion`,
      }),
    });
    if (!answer.ok) throw new Error(`the sandbox refused: ${await answer.text()}`);
  }
};

/** The page of the front end that the browser comes back to. */
export const returnToOf = (stand: Stand): string => stand.profile.registration.returnAddresses[0] ?? '';

/** The person's choice at the provider's page ('' refuses): what the browser is sent back with. Undefined: it stays there. */
export const choose = async (
  authorizeUrl: string,
  person: string,
): Promise<{ url: string; form?: URLSearchParams } | undefined> => {
  const url = new URL(authorizeUrl);
  const answer = await fetch(url.origin + url.pathname, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams([...url.searchParams, ['person', person]]),
  });
  const location = answer.headers.get('location');
  if (location !== null) return { url: location };
  const text = await answer.text();
  const plain = (value: string) => value.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
  const action = text.match(/<form method="post" action="([^"]+)"/)?.[1];
  if (action === undefined || answer.status !== 200) return undefined;
  const fields = [...text.matchAll(/name="([^"]+)" value="([^"]*)"/g)];
  return {
    url: plain(action),
    form: new URLSearchParams(fields.map(([, n = '', v = '']): [string, string] => [n, plain(v)])),
  };
};

export const createBrowser = (stand: Stand) => {
  const jar = new Map<string, Cookie>();
  const [origin] = stand.profile.corsOrigins;
  const cookieHeader = (crossSitePost: boolean) =>
    [...jar]
      .filter(([, { sameSite }]) => !crossSitePost || sameSite === 'none')
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
  const keep = (answer: Response) => {
    for (const line of answer.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';');
      const [name = '', value = ''] = pair.split('=');
      const sameSite = attributes.find((a) => /samesite/i.test(a))?.split('=')[1] ?? 'lax';
      jar.set(name, { value, sameSite: sameSite.toLowerCase() });
    }
  };
  let calls = 0;
  const send = async (method: string, path: string, body?: object, token?: string): Promise<Answered> => {
    const answer = await fetch(stand.urls().publicUrl + path, {
      method,
      headers: {
        ...(origin !== undefined && { origin }),
        cookie: cookieHeader(false),
        'x-forwarded-for': `203.0.${Math.floor(Math.random() * 250)}.${++calls % 250}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    keep(answer);
    const text = await answer.text();
    const parsed = text === '' ? {} : (JSON.parse(text) as { code?: string });
    return { status: answer.status, body: parsed, ...(parsed.code !== undefined && { code: parsed.code }) };
  };
  /** Follows what the provider sent: the callback of ours, under the stand's own address. Answers where it leads. */
  const comeBack = async (back: { url: string; form?: URLSearchParams } | undefined): Promise<URL> => {
    if (back === undefined) throw new Error('the person stayed at the provider');
    const { pathname, search } = new URL(back.url);
    const answer = await fetch(stand.urls().publicUrl + pathname + search, {
      method: back.form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie: cookieHeader(back.form !== undefined) },
      ...(back.form && { body: back.form }),
    });
    const location = answer.headers.get('location');
    if (answer.status !== 303 || location === null)
      throw new Error(`the callback answered ${answer.status} ${await answer.text()}`);
    return new URL(location);
  };
  const begin = (name: FederatedLogin, path = `/v1/logins/${name}`, token?: string) =>
    send('POST', path, { returnTo: returnToOf(stand) }, token);
  const go = async (name: FederatedLogin, person: string, path?: string, token?: string): Promise<URL> => {
    const begun = await begin(name, path, token);
    if (begun.status !== 201) throw new Error(`begin answered ${begun.status} ${begun.code}`);
    return comeBack(await choose(begun.body.authorizeUrl, person));
  };
  const codeOf = (url: URL) => {
    const code = url.searchParams.get('login');
    if (code === null) throw new Error(`the front end got no code: ${url.search}`);
    return code;
  };
  const complete = (code: string, extra: object = { termsVersion: stand.termsVersion }) =>
    send('POST', '/v1/sessions/login', { code, ...extra });
  /** Asks for a code by whatever endpoint, and waits for it in the inbox. */
  const codeTo = async (address: string, path: string, body: object, token?: string) => {
    const codes = async () => (await stand.messages(address)).filter((message) => message.code !== null);
    const before = (await codes()).length;
    const sent = await send('POST', path, body, token);
    if (sent.status !== 202) return { sent, code: '' };
    const [message] = await waitFor('a code', async () => {
      const found = await codes();
      return found.length > before && found;
    });
    return { sent, code: message?.code ?? '' };
  };

  return {
    jar,
    send,
    begin,
    comeBack,
    go,
    codeOf,
    complete,
    /** From the button to the answer of the completion. */
    signIn: async (name: FederatedLogin, person: string, extra?: object) =>
      complete(codeOf(await go(name, person)), extra),
    link: async (name: FederatedLogin, person: string, token: string) => {
      const url = await go(name, person, `/v1/account/logins/${name}/link`, token);
      return send('POST', '/v1/account/logins', { code: codeOf(url) }, token);
    },
    prove: async (name: FederatedLogin, person: string, token: string) => {
      const url = await go(name, person, `/v1/sessions/current/proof/${name}`, token);
      return send('POST', '/v1/sessions/current/login-proof', { code: codeOf(url) }, token);
    },
    codeTo,
    /** Where phones are bound: the way from the binding token to the tokens. */
    bind: async (bindingToken: string, phone: string, extra: object = { termsVersion: stand.termsVersion }) => {
      const identifier = { kind: 'phone', value: phone };
      const { sent, code } = await codeTo(phone, '/v1/logins/binding/codes', { bindingToken, identifier });
      if (sent.status !== 202) return sent;
      return send('POST', '/v1/logins/binding', {
        bindingToken,
        identifier,
        codeId: sent.body.codeId,
        code,
        ...extra,
      });
    },
  };
};
export type Browser = ReturnType<typeof createBrowser>;

/** Signs a person in, whatever the region asks in between. */
export const signInBy = async (
  stand: Stand,
  browser: Browser,
  name: FederatedLogin,
  person: string,
): Promise<Answered> => {
  const answer = await browser.signIn(name, person);
  if (answer.code !== 'phone_binding_required') return answer;
  return browser.bind(answer.body.bindingToken, stand.identifiers.phone().value);
};
