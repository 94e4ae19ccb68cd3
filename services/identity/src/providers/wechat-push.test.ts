import { expect, test } from '@jest/globals';
import { createWechatPushes } from './wechat-push.ts';

const at = new Date('2026-11-22T10:00:00Z');
const read = createWechatPushes({
  appId: 'wx0',
  pushToken: 'token',
  encodingAesKey: 'a'.repeat(43),
  now: () => at,
});
const reasonOf = async (body: string, more: Record<string, string> = { encrypt_type: 'aes' }) =>
  read({ method: 'POST', query: { timestamp: String(at.getTime() / 1_000), ...more }, body }).then(
    () => 'believed',
    ({ reason }: { reason: string }) => reason,
  );

test('a member ends at the next tag: one that was begun over and over is none', async () => {
  expect(await reasonOf('<xml><Encrypt><![CDATA[abc]]></Encrypt></xml>')).toBe('signature');
  expect(await reasonOf(`<Encrypt><![CDATA[${'<a><![CDATA['.repeat(3)}]]></Encrypt>`)).toBe('not_encrypted');
});

test('nothing is read of a message that does not call itself encrypted', async () => {
  expect(await reasonOf('no JSON')).toBe('unreadable_body');
  expect(await reasonOf('no JSON', {})).toBe('not_encrypted');
});
