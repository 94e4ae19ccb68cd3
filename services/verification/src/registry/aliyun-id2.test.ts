import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { aliyunId2, readAliyunAnswer } from './aliyun-id2.ts';

const biz = (code: unknown) => ({ RequestId: 'R', Code: '200', Message: 'success', ResultObject: { BizCode: code } });
const called = (code: unknown) => ({ RequestId: 'R', Code: code, Message: 'm' });

test.each<[string, number, unknown, string, string]>([
  ['1: match', 200, biz('1'), 'match', 'biz_1'],
  ['1 as a number', 200, { ...biz(1), Code: 200 }, 'match', 'biz_1'],
  ['2: mismatch', 200, biz('2'), 'mismatch', 'biz_2'],
  ['3: no record', 200, biz('3'), 'not_found', 'biz_3'],
  ['a result not in the documents', 200, biz('4'), 'provider_unavailable', 'biz_4'],
  ['a call that worked without a result', 200, called('200'), 'provider_unavailable', '200'],
  ['a result beside a failed call does not count', 200, { ...biz('1'), Code: '402' }, 'provider_unavailable', '402'],
  ['a result with an HTTP error does not count', 500, biz('1'), 'provider_unavailable', '200'],
  ['400: a parameter is missing', 200, called('400'), 'invalid_input', '400'],
  ['401: a parameter is invalid', 200, called('401'), 'invalid_input', '401'],
  ['402: the registry behind is down', 200, called('402'), 'provider_unavailable', '402'],
  ['403: asked too often', 200, called('403'), 'provider_limit', '403'],
  ['410: not activated', 200, called('410'), 'provider_unavailable', '410'],
  ['411: no permission', 200, called('411'), 'provider_unavailable', '411'],
  ['412: overdue payment', 200, called('412'), 'provider_unavailable', '412'],
  ['500', 200, called('500'), 'provider_unavailable', '500'],
  ['throttled by the front', 429, called('Throttling.User'), 'provider_limit', 'Throttling.User'],
  ['a wrong signature', 400, called('SignatureDoesNotMatch'), 'provider_unavailable', 'SignatureDoesNotMatch'],
  ['not the form of an answer', 200, ['1'], 'provider_unavailable', 'http_200'],
])('%s', (_, status, body, outcome, providerCode) => {
  expect(readAliyunAnswer(status, body)).toEqual({ outcome, providerCode });
});

const question = { submissionId: 'sub_x', name: '张三', number: '11010519491231002X' };
const settings = { accessKeyId: 'key-id', accessKeySecret: 'key-secret', now: () => new Date() };

test('a registry that does not answer in time, or not at all, is unavailable', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  expect(await aliyunId2({ ...settings, endpoint, deadlineMs: 50 }).ask(question)).toEqual({
    outcome: 'provider_unavailable',
    providerCode: 'timeout',
  });
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
  expect(await aliyunId2({ ...settings, endpoint }).ask(question)).toEqual({
    outcome: 'provider_unavailable',
    providerCode: 'unreachable',
  });
});

test('a redirect is not followed: it would carry the person elsewhere', async () => {
  let elsewhere = 0;
  const server = createServer((request, response) => {
    if (request.url === '/elsewhere') elsewhere += 1;
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect((await aliyunId2({ ...settings, endpoint }).ask(question)).outcome).toBe('provider_unavailable');
  expect(elsewhere).toBe(0);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
