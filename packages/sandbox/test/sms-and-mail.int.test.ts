import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { signAcs3 } from '@meridian/kit/aliyun/acs3.ts';
import type { InboxMessage } from '../src/inbox/inbox.ts';
import { type Acs3Call, callAcs3 } from './support/acs3-client.ts';
import { startTestSandbox, type TestSandbox, waitFor } from './support/sandbox.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());
beforeEach(async () => {
  await sandbox.json('DELETE', '/control');
  await sandbox.json('DELETE', '/inbox/messages');
});

const inbox = async (query = ''): Promise<InboxMessage[]> =>
  (await sandbox.json('GET', `/inbox/messages${query}`)).body.messages;
const form = (changes: Record<string, string> = {}) => ({
  PhoneNumbers: '13800138000',
  SignName: sandbox.of('cn').sms.signName,
  TemplateCode: sandbox.of('cn').sms.templates.code ?? '',
  TemplateParam: '{"code":"482913"}',
  ...changes,
});
const sendSms = (changes: Partial<Acs3Call> = {}) => {
  const { endpoint, accessKeyId, accessKeySecret } = sandbox.of('cn').sms;
  return callAcs3({
    endpoint,
    accessKeyId,
    accessKeySecret,
    action: 'SendSms',
    version: '2017-05-25',
    form: form(),
    ...changes,
  });
};

describe('SendSms', () => {
  test('delivers to the inbox, from a form body and from the query alike', async () => {
    const answer = await sendSms();
    expect(answer).toMatchObject({ status: 200, body: { Code: 'OK', Message: 'OK' } });
    expect(answer.body.BizId).toMatch(/^\d+\^0$/);
    const { TemplateParam: _param, ...rest } = form({ PhoneNumbers: '+8613900139000' });
    expect(
      (await sendSms({ form: undefined, query: { ...rest, TemplateParam: '{"code":"11 (2)*\'!"}' } })).body.Code,
    ).toBe('OK');
    const [second, first] = await inbox();
    expect(first).toMatchObject({ channel: 'sms', region: 'cn', to: '+8613800138000', code: '482913' });
    expect(first?.text).toContain('482913');
    expect(second?.to).toBe('+8613900139000');
    expect(await inbox('?to=13800138000')).toHaveLength(1);
    expect(await inbox(`?since=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).toEqual([]);
  });

  const refusals: [string, () => Promise<Awaited<ReturnType<typeof sendSms>>>, number, string][] = [
    ['a wrong secret', () => sendSms({ accessKeySecret: 'x'.repeat(30) }), 400, 'SignatureDoesNotMatch'],
    [
      'a changed body',
      () => sendSms({ tamperedBody: new URLSearchParams(form({ PhoneNumbers: '13700137000' })).toString() }),
      400,
      'SignatureDoesNotMatch',
    ],
    [
      'a timestamp 16 minutes old',
      () => sendSms({ date: new Date(Date.now() - 16 * 60_000) }),
      400,
      'InvalidTimeStamp.Expired',
    ],
    [
      'a timestamp 16 minutes ahead',
      () => sendSms({ date: new Date(Date.now() + 16 * 60_000) }),
      400,
      'InvalidTimeStamp.Expired',
    ],
    [
      'an unknown access key',
      () => sendSms({ accessKeyId: 'LTAI5tUnknownUnknownUnkn' }),
      404,
      'InvalidAccessKeyId.NotFound',
    ],
    [
      "the real-name service's key",
      () => sendSms({ ...sandbox.of('cn').realName }),
      404,
      'InvalidAccessKeyId.NotFound',
    ],
    ['an unsigned content type', () => sendSms({ leaveUnsigned: 'content-type' }), 400, 'IncompleteSignature'],
    ['an unsigned nonce', () => sendSms({ leaveUnsigned: 'x-acs-signature-nonce' }), 400, 'IncompleteSignature'],
    [
      'an unsigned extra x-acs- header',
      () => sendSms({ extraHeaders: { 'x-acs-extra': '1' }, leaveUnsigned: 'x-acs-extra' }),
      400,
      'IncompleteSignature',
    ],
    ['another version', () => sendSms({ version: '2018-05-01' }), 400, 'InvalidVersion'],
    ['an unknown action', () => sendSms({ action: 'SendBatchSms' }), 404, 'InvalidAction.NotFound'],
  ];
  test.each(refusals)('refuses %s', async (_what, send, status, code) => {
    expect(await send()).toMatchObject({ status, body: { Code: code } });
    expect(await inbox()).toEqual([]);
  });

  test("accepts the platform's own signer, which was written apart from this verifier", async () => {
    const { endpoint, accessKeyId, accessKeySecret } = sandbox.of('cn').sms;
    const body = new URLSearchParams(form()).toString();
    const { host: _host, ...headers } = signAcs3({
      method: 'POST',
      host: new URL(endpoint).host,
      path: '/',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
      action: 'SendSms',
      version: '2017-05-25',
      accessKeyId,
      accessKeySecret,
      now: sandbox.now,
      nonce: randomUUID(),
    });
    const answer = await fetch(endpoint, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ Code: 'OK' });
  });

  test('refuses a nonce that was used before, and not because of its signature', async () => {
    const nonce = randomUUID();
    expect((await sendSms({ nonce })).body.Code).toBe('OK');
    expect(await sendSms({ nonce })).toMatchObject({ status: 400, body: { Code: 'SignatureNonceUsed' } });
  });

  test.each([
    ['isv.MOBILE_NUMBER_ILLEGAL', { PhoneNumbers: '12800138000' }],
    ['isv.SMS_SIGNATURE_ILLEGAL', { SignName: '别人的签名' }],
    ['isv.SMS_TEMPLATE_ILLEGAL', { TemplateCode: 'SMS_1' }],
    ['isv.INVALID_JSON_PARAM', { TemplateParam: '{"code":482913}' }],
    ['isv.TEMPLATE_MISSING_PARAMETERS', { TemplateParam: '{"name":"x"}' }],
    ['isv.PARAM_LENGTH_LIMIT', { TemplateParam: `{"code":"${'1'.repeat(36)}"}` }],
    ['isv.PARAM_NOT_SUPPORT_URL', { TemplateParam: '{"code":"https://help.example/account"}' }],
  ])('answers %s with HTTP 200', async (code, changes) => {
    expect(await sendSms({ form: form(changes) })).toMatchObject({ status: 200, body: { Code: code } });
  });

  test('misbehaves on request: a limit of the vendor, an outage, a lost answer, and counts what reached it', async () => {
    await sandbox.control('sms', { answer: { code: 'isv.BUSINESS_LIMIT_CONTROL', times: 1 } });
    expect((await sendSms()).body.Code).toBe('isv.BUSINESS_LIMIT_CONTROL');
    expect((await sendSms()).body.Code).toBe('OK');
    await sandbox.control('sms', { fail: { status: 503, times: 1 } });
    expect((await sendSms()).status).toBe(503);
    await sandbox.control('sms', { loseAnswer: { times: 1 } });
    await expect(sendSms()).rejects.toThrow('fetch failed');
    expect(await inbox()).toHaveLength(2);
    await sandbox.control('sms', { undelivered: {} });
    expect((await sendSms()).body.Code).toBe('OK');
    expect(await inbox()).toHaveLength(2);
    expect((await sandbox.requestsOf('sms')).items.map((r: { outcome: string }) => r.outcome)).toEqual([
      'answered',
      'answer_lost',
      'failed_on_request',
      'answered',
      'answered',
    ]);
  });
});

const arrivals = (count: number) =>
  waitFor(async () => {
    const found = await inbox();
    return found.length >= count && found;
  });

test('an SMS arrives twice, or late, when asked to; its sender sees no difference', async () => {
  await sandbox.control('sms', { duplicate: 2 });
  expect((await sendSms()).body.Code).toBe('OK');
  const twice = await inbox();
  expect(twice.map(({ to, code }) => [to, code])).toEqual(Array(2).fill(['+8613800138000', '482913']));
  expect(new Set(twice.map(({ id }) => id)).size).toBe(2);
  await sandbox.json('DELETE', '/inbox/messages');

  await sandbox.control('sms', { delayMs: 1_500 });
  const sent = Date.now();
  expect((await sendSms()).body.Code).toBe('OK');
  expect(await inbox()).toEqual([]);
  // What was said when it was sent counts.
  await sandbox.control('sms', {});
  const [late] = await arrivals(1);
  expect(Date.parse(late?.at ?? '') - sent).toBeGreaterThanOrEqual(1_490);
  expect(await inbox()).toHaveLength(1);
  for (const wrong of [{ duplicate: 0 }, { duplicate: 21 }, { delayMs: -1 }, { delayMs: 600_001 }])
    expect((await sandbox.json('PUT', '/control/sms', wrong)).status).toBe(400);
});

/** Speaks SMTP by hand: sends each line after the reply to the one before, answers all replies. */
const smtp = (lines: string[]) =>
  new Promise<string[]>((resolve, reject) => {
    const socket = connect(sandbox.smtp.port, '127.0.0.1');
    const replies: string[] = [];
    const left = [...lines];
    socket.setEncoding('utf8').on('data', (data: string) => {
      for (const line of data.split('\r\n')) if (/^\d{3} /.test(line)) replies.push(line);
      if (!/^\d{3} .*\r\n$/m.test(data)) return;
      const next = left.shift();
      if (next === undefined) socket.end();
      else socket.write(`${next}\r\n`);
    });
    socket.on('close', () => resolve(replies)).on('error', reject);
  });
const plain = (user: string, password: string) =>
  `AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`;
const letter = (to: string) => ['MAIL FROM:<no-reply@meridian.example>', `RCPT TO:<${to}>`];
const text =
  'From: Meridian <no-reply@meridian.example>\r\nTo: someone@example.com\r\nSubject: Your code\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYour code is 730264. It is valid for 5 minutes.\r\n.';

describe('mail', () => {
  test('takes an authenticated mail into the inbox', async () => {
    const { user, password } = sandbox.of('global').mail;
    const replies = await smtp([
      'EHLO test',
      plain(user, password),
      ...letter('someone@example.com'),
      'DATA',
      text,
      'QUIT',
    ]);
    expect(replies.map((line) => line.slice(0, 3))).toEqual(['220', '250', '235', '250', '250', '354', '250', '221']);
    const [mail] = await waitFor(async () => {
      const found = await inbox('?to=SomeOne@example.com');
      return found.length > 0 && found;
    });
    expect(mail).toMatchObject({
      channel: 'mail',
      region: 'global',
      to: 'someone@example.com',
      subject: 'Your code',
      code: '730264',
    });
  });
  test('brings a mail several times, or late, when asked to', async () => {
    const { user, password } = sandbox.of('global').mail;
    const send = () =>
      smtp(['EHLO test', plain(user, password), ...letter('someone@example.com'), 'DATA', text, 'QUIT']);
    await sandbox.control('mail', { duplicate: 3, delayMs: 1_500 });
    expect(await send()).toContainEqual(expect.stringMatching(/^250.*/));
    expect(await inbox()).toEqual([]);
    expect((await arrivals(3)).map(({ to, code }) => [to, code])).toEqual(
      Array(3).fill(['someone@example.com', '730264']),
    );
    await sandbox.control('mail', {});
    await send();
    await arrivals(4);
    expect(await inbox()).toHaveLength(4);
  });
  test('refuses a wrong password and a sender without authentication', async () => {
    const { user } = sandbox.of('global').mail;
    expect(await smtp(['EHLO test', plain(user, 'wrong'), 'QUIT'])).toContainEqual(expect.stringMatching(/^535/));
    expect(await smtp(['EHLO test', ...letter('someone@example.com').slice(0, 1), 'QUIT'])).toContainEqual(
      expect.stringMatching(/^530/),
    );
  });
  test('refuses for the time being on request', async () => {
    const { user, password } = sandbox.of('cn').mail;
    await sandbox.control('mail', { fail: { status: 451, times: 1 } });
    expect(await smtp(['EHLO test', plain(user, password), ...letter('a@example.com'), 'QUIT'])).toContainEqual(
      expect.stringMatching(/^451/),
    );
  });
});

describe('inbox page', () => {
  test('shows the newest message first and escapes what it shows', async () => {
    await sendSms();
    await sendSms({
      form: form({
        TemplateCode: sandbox.of('cn').sms.templates.notice ?? '',
        TemplateParam: '{"what":"<script>alert(1)</script>","time":"now"}',
      }),
    });
    const page = await (await fetch(`${sandbox.origin}/inbox`)).text();
    expect(page.indexOf('&lt;script&gt;alert(1)')).toBeGreaterThan(0);
    expect(page).not.toContain('<script>alert');
    expect(page.indexOf('&lt;script&gt;')).toBeLessThan(page.indexOf('482913'));
  });
  test('keeps at most 500 messages and answers at most 100', async () => {
    const numbers = Array.from({ length: 510 }, (_, i) => `138${String(i).padStart(8, '0')}`).join(',');
    expect((await sendSms({ form: form({ PhoneNumbers: numbers }) })).body.Code).toBe('OK');
    expect(await inbox('?to=13800000000')).toEqual([]);
    expect(await inbox('?to=13800000010')).toHaveLength(1);
    expect(await inbox('?limit=100')).toHaveLength(100);
    expect((await sandbox.json('GET', '/inbox/messages?limit=1000')).status).toBe(400);
  });
});
