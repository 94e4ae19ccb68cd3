import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSandboxSecrets } from '../src/secrets.ts';
import { startTestSandbox, type TestSandbox } from './support/sandbox.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

const logins = ['xiaomi', 'wechat', 'weibo', 'qq', 'alipay', 'apple', 'google', 'facebook'];
const parts = ['sms', 'mail', 'oidc', 'real-name', 'wechat-pay', 'waffo', 'model', 'captcha', ...logins];

describe('control', () => {
  test('shows, sets and resets the faults of every part', async () => {
    for (const part of parts) {
      expect((await sandbox.control(part, { slowMs: 1 })).body).toMatchObject({ part, faults: { slowMs: 1 } });
      expect((await sandbox.json('GET', `/control/${part}`)).body.faults).toEqual({ slowMs: 1 });
      expect((await sandbox.json('DELETE', `/control/${part}`)).status).toBe(204);
      expect((await sandbox.json('GET', `/control/${part}`)).body.faults).toEqual({});
    }
    expect((await sandbox.json('GET', '/control')).body.parts.map((p: { part: string }) => p.part)).toEqual(parts);
  });
  test('refuses an unknown part and a fault that the part does not have', async () => {
    expect((await sandbox.control('nobody', {})).status).toBe(404);
    expect(await sandbox.control('sms', { breakStreamAfter: 1 })).toMatchObject({
      status: 400,
      body: { error: 'invalid_faults' },
    });
    expect(await sandbox.control('model', { fail: { status: 200 } })).toMatchObject({
      status: 400,
      body: { issues: [{ path: 'fail.status' }] },
    });
  });
  test('does not take a form, which any web page could send', async () => {
    const answer = await fetch(`${sandbox.origin}/control/sms`, {
      method: 'PUT',
      body: new URLSearchParams({ slowMs: '1' }),
    });
    expect(answer.status).toBe(415);
  });
});

describe('the sandbox', () => {
  test('serves every page as a whole HTML document that may load nothing from elsewhere', async () => {
    for (const path of ['/', '/inbox', '/wechat-pay', '/waffo', '/real-name', '/oidc', '/model', '/control']) {
      const answer = await fetch(sandbox.origin + path, { headers: { accept: 'text/html' } });
      const page = await answer.text();
      expect([path, answer.status]).toEqual([path, 200]);
      expect(page).toMatch(/^<!doctype html>[\s\S]*<h1>[\s\S]*<\/html>$/);
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });
  test('shows no secret on any page or control answer', async () => {
    const own = sandbox.secrets.regions.cn;
    const secrets = [
      own?.sms.accessKeySecret,
      own?.wechatPay.apiV3Key,
      own?.waffo.apiKey,
      own?.oidc.clientSecret,
      own?.mail.password,
      own?.model.apiKey,
    ];
    for (const path of ['/', '/oidc', '/model', '/control', ...parts.map((part) => `/control/${part}/requests`)]) {
      const text = await (await fetch(sandbox.origin + path)).text();
      for (const secret of secrets) expect(text).not.toContain(secret ?? 'missing');
    }
  });
  test('draws other secrets each time, keeps them as JSON, and refuses a malformed set', async () => {
    const [one, two] = [await createSandboxSecrets(['eu']), await createSandboxSecrets(['eu'])];
    expect(one.regions.eu?.waffo.apiKey).not.toBe(two.regions.eu?.waffo.apiKey);
    expect(JSON.parse(JSON.stringify(one))).toEqual(one);
    const again = await startTestSandbox({ secrets: JSON.parse(JSON.stringify(one)) });
    expect(Object.keys(again.credentials)).toEqual(['eu']);
    await again.stop();
    await expect(
      startTestSandbox({ secrets: { ...one, waffoPlatform: { key: { privateKey: '', publicKey: '' } } } }),
    ).rejects.toThrow();
  });
  test('frees its ports when it stops', async () => {
    const short = await startTestSandbox({ secrets: sandbox.secrets });
    await short.stop();
    await expect(fetch(short.origin)).rejects.toThrow('fetch failed');
  });
});
