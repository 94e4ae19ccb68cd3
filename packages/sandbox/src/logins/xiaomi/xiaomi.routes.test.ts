import { expect, test } from '@jest/globals';
import fastify from 'fastify';
import { createSandboxSecrets } from '../../secrets.ts';
import { kept } from '../grants.ts';
import { xiaomiRoutes } from './xiaomi.routes.ts';

test('a refresh token works once, and of more than are kept the oldest is forgotten', async () => {
  const secrets = await createSandboxSecrets(['cn']);
  const app = fastify();
  await xiaomiRoutes(app, {
    secrets,
    now: () => new Date(),
    origin: () => 'http://sandbox',
    pushTimeoutMs: 1_000,
    apiOrigins: { cn: 'http://api' },
  });
  const { clientId = '', clientSecret = '' } = secrets.regions.cn?.logins.xiaomi ?? {};
  const redirect_uri = 'http://api/v1/logins/xiaomi/callback';
  const post = (url: string, form: Record<string, string>) =>
    app.inject({
      method: 'POST',
      url: `/xiaomi${url}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ client_id: clientId, redirect_uri, ...form }).toString(),
    });
  const token = async (form: Record<string, string>) => {
    const { body } = await post('/oauth2/token', { client_secret: clientSecret, ...form });
    return JSON.parse(body.replace('&&&START&&&', '')) as { refresh_token?: string; error?: number };
  };
  const refresh = (old: string | undefined) => token({ grant_type: 'refresh_token', refresh_token: old ?? '' });
  const signIn = async () => {
    const chosen = await post('/oauth2/authorize', { response_type: 'code', person: 'lin' });
    const code = new URL(String(chosen.headers.location)).searchParams.get('code') ?? '';
    return (await token({ grant_type: 'authorization_code', code })).refresh_token;
  };

  const first = await signIn();
  const second = (await refresh(first)).refresh_token;
  expect(second).toEqual(expect.any(String));
  expect(await refresh(first)).toMatchObject({ error: 96009 });
  const third = await signIn();
  for (let more = 1; more < kept; more += 1) await signIn();
  expect(await refresh(second)).toMatchObject({ error: 96009 });
  expect((await refresh(third)).refresh_token).toEqual(expect.any(String));
  await app.close();
});
