// An operator's own nginx in front of a model, with the configuration we publish: who gets through, and what everybody else is told.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { balanceExhausted } from '@meridian/contracts/events/billing.ts';
import { accountProtected } from '@meridian/contracts/events/moderation.ts';
import { createKey, revokeKey } from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import { freePort } from '@meridian/testkit/free-port.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { Agent } from 'undici';
import { type Certificate, openAuthority } from '../scripts/region/certificates.ts';
import { type Harness, startHarness } from '../services/key-issuance/test/harness.ts';
import { findNginx, startNginx } from './gateways/nginx.ts';

const program = findNginx();

type Told = { status: number; headers: Headers; error: Record<string, unknown>; answer: Record<string, unknown> };

describeNeeding('nginx', program !== undefined, 'nginx with auth_request', () => {
  let service: Harness;
  let nginx: Awaited<ReturnType<typeof startNginx>>;
  let dispatcher: Agent;
  let folder: string;
  let ca: string;
  const certificates: Record<string, Certificate> = {};
  const model = createServer((request, response) => {
    request
      .resume()
      .on('end', () =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ seen: request.headers })),
      );
  });
  const modelAt = () => `127.0.0.1:${(model.address() as AddressInfo).port}`;
  const doorWith = (certificate: Certificate, keyIssuance = new URL(service.running.internalUrl).host) =>
    startNginx({
      program: program as string,
      keyIssuance,
      model: modelAt(),
      tls: { ...certificate, ca },
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'meridian-gateways-'));
    const authority = await openAuthority(folder, 'cn');
    ca = authority.bundle();
    for (const [name, hosts] of [
      ['key-issuance', ['key-issuance', '127.0.0.1']],
      ['gateway.edge-1', []],
      ['gateway.stolen', []],
    ] as const)
      certificates[name] = await authority.issue({ name, hosts, usage: ['serverAuth', 'clientAuth'] });
    const own = certificates['key-issuance'] as Certificate;
    await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
    service = await startHarness({
      env: {
        INTERNAL_TLS_KEY: own.key,
        INTERNAL_TLS_CERT: own.cert,
        INTERNAL_TLS_CA: ca,
        GATEWAY_CERTIFICATES: 'gateway,gateway.edge-1',
      },
    });
    dispatcher = new Agent({ connect: { key: own.key, cert: own.cert, ca } });
    nginx = await doorWith(certificates['gateway.edge-1'] as Certificate);
  }, 60_000);
  afterAll(async () => {
    await nginx?.stop();
    await dispatcher?.close();
    await service?.stop();
    await new Promise((resolve) => model.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  const newKey = async (accountId = service.newAccount()) => {
    const { body } = await service.asUser(accountId, createKey, {
      dispatcher,
      body: { name: 'k', product: 'payg' },
      idempotencyKey: newId('idem', 'cn', new Date()),
    });
    return { accountId, keyId: body.key.keyId, secret: body.secret };
  };
  const ask = async (headers: Record<string, string>, door = nginx): Promise<Told> => {
    const response = await fetch(`${door.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"model":"m","messages":[]}',
    });
    const answer = (await response.json()) as Record<string, unknown>;
    // Whoever is refused, or let in, is not told that the door is broken: only a door that is says so.
    if (door === nginx) expect(response.headers.get('x-meridian-door')).toBeNull();
    return { status: response.status, headers: response.headers, error: answer.error as Told['error'], answer };
  };
  const bearer = (secret: string) => ask({ authorization: `Bearer ${secret}` });
  const codeOf = async (secret: string) => (await bearer(secret)).error?.code;

  test('a good key gets through, in either header; the model server sees whose call it is and never the key', async () => {
    const key = await newKey();
    for (const headers of [{ authorization: `Bearer ${key.secret}` }, { 'api-key': key.secret }] as Record<
      string,
      string
    >[]) {
      const told = await ask({ ...headers, 'x-meridian-account-id': 'acc_cn_FORGED', 'x-meridian-product': 'plan' });
      expect(told.status).toBe(200);
      const seen = told.answer.seen as Record<string, string>;
      expect(seen).toMatchObject({ 'x-meridian-account-id': key.accountId, 'x-meridian-key-id': key.keyId });
      expect(JSON.stringify(seen)).not.toContain(key.secret);
    }
  });

  test('no key, garbage and an unknown key are 401 with a challenge, in the form of OpenAI', async () => {
    const key = await newKey();
    const wrong = `${key.secret.slice(0, -1)}${key.secret.endsWith('0') ? '1' : '0'}`;
    for (const told of [await ask({}), await bearer('garbage'), await bearer(wrong)]) {
      expect(told.status).toBe(401);
      expect(told.headers.get('www-authenticate')).toBe('Bearer');
      expect(told.headers.get('content-type')).toBe('application/json');
      expect(told.error).toMatchObject({ code: 'key_invalid', type: 'authentication_error', param: null });
      expect(told.error.requestId).not.toBe('');
    }
  });

  test('a revoked key is 401 key_revoked from the acknowledgement on', async () => {
    const key = await newKey();
    expect((await bearer(key.secret)).status).toBe(200);
    await service.asUser(key.accountId, revokeKey, { dispatcher, params: { keyId: key.keyId } });
    const told = await bearer(key.secret);
    expect([told.status, told.error.code]).toEqual([401, 'key_revoked']);
  });

  test('a protected account is 403 with case, end and appeal address', async () => {
    const key = await newKey();
    const protection = {
      protectionId: newId('prt', 'cn', new Date()),
      caseId: newId('cas', 'cn', new Date()),
      until: new Date(Date.now() + 3_600_000).toISOString(),
    };
    await service.emit('moderation', accountProtected, key.accountId, protection);
    await waitFor(async () => (await codeOf(key.secret)) === 'account_protected');
    const told = await bearer(key.secret);
    expect(told.status).toBe(403);
    expect(told.error).toMatchObject({
      code: 'account_protected',
      type: 'permission_error',
      caseId: protection.caseId,
      until: protection.until,
      appealUrl: 'https://console.cn.meridian.example/appeal',
    });
  });

  test('an exhausted balance is 402, which auth_request itself cannot say', async () => {
    const key = await newKey();
    await service.emit('billing', balanceExhausted, key.accountId, { balance: '0', currency: 'CNY' });
    await waitFor(async () => (await codeOf(key.secret)) === 'balance_exhausted');
    const told = await bearer(key.secret);
    expect([told.status, told.error.type]).toEqual([402, 'insufficient_quota']);
  });

  test('a key over its limit is 429 with Retry-After and the limits in headers, and a bound key only works where it may', async () => {
    const accountId = service.newAccount();
    const make = async (more: object) => {
      const { body } = await service.asUser(accountId, createKey, {
        dispatcher,
        body: { name: 'k', product: 'payg', ...more },
        idempotencyKey: newId('idem', 'cn', new Date()),
      });
      return body.secret;
    };
    const limited = await make({ limits: { requestsPerMinute: 1 }, endpoints: ['chat/completions'] });
    const answers = [await bearer(limited), await bearer(limited), await bearer(limited)];
    const over = answers.find(({ status }) => status === 429);
    expect(answers.map(({ status, error }) => error?.message ?? status)).toContain(200);
    expect(over?.error).toMatchObject({ code: 'rate_limited', type: 'rate_limit_error' });
    expect(Number(over?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(over?.headers.get('x-ratelimit-limit-requests')).toBe('1');
    for (const bound of [{ endpoints: ['embeddings'] }, { networks: ['192.0.2.0/24'] }]) {
      const told = await bearer(await make(bound));
      expect([told.status, told.error.code]).toEqual([
        403,
        bound.endpoints ? 'endpoint_not_allowed' : 'ip_not_allowed',
      ]);
    }
    expect((await bearer(await make({ networks: ['127.0.0.0/8'] }))).status).toBe(200);
  });

  test("another region's key is 401 with the Base URL it works at", async () => {
    const foreign = await startHarness({ region: 'global' });
    try {
      const accountId = foreign.newAccount();
      const { body } = await foreign.asUser(accountId, createKey, {
        body: { name: 'k', product: 'payg' },
        idempotencyKey: 'k',
      });
      const told = await bearer(body.secret);
      expect(told.status).toBe(401);
      expect(told.error).toMatchObject({ code: 'key_region_mismatch', region: 'global', baseUrl: body.baseUrl });
    } finally {
      await foreign.stop();
    }
  });

  test('a door whose certificate is not listed lets nobody through and tells its operator', async () => {
    const key = await newKey();
    const door = await doorWith(certificates['gateway.stolen'] as Certificate);
    try {
      const told = await ask({ authorization: `Bearer ${key.secret}` }, door);
      expect([told.status, told.error.code]).toEqual([503, 'unavailable']);
      expect(told.headers.get('x-meridian-door')).toBe('misconfigured');
    } finally {
      await door.stop();
    }
  });

  test('without key-issuance nobody gets through: 503 with Retry-After', async () => {
    const key = await newKey();
    const door = await doorWith(certificates['gateway.edge-1'] as Certificate, `127.0.0.1:${await freePort()}`);
    try {
      const told = await ask({ authorization: `Bearer ${key.secret}` }, door);
      expect([told.status, told.error.code]).toEqual([503, 'unavailable']);
      expect(told.headers.get('retry-after')).toBe('1');
      expect(told.headers.get('x-meridian-door')).toBeNull();
    } finally {
      await door.stop();
    }
  });
});
