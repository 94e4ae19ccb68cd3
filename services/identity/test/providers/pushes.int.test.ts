// What providers tell unasked: WeChat's and Alipay's messages, Apple's notifications, Facebook's callbacks.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { deletionAnswer } from '../../src/providers/facebook-push.ts';
import type { LoginProvider, Push, PushRequest } from '../../src/providers/login-provider.ts';
import { failure, type Logins, startLogins } from '../support/login-stand.ts';

let logins: Logins;
beforeAll(async () => {
  logins = await startLogins();
}, 60_000);
afterAll(() => logins?.stop());
beforeEach(() => logins.reset());

const parse = (client: LoginProvider, request: PushRequest): Promise<Push> => {
  if (!client.parsePush) throw new Error(`${client.name} reads no pushes`);
  return client.parsePush(request);
};
const eventsOf = (push: Push) => (push.kind === 'events' ? push.events : []);

describe('wechat', () => {
  const path = '/control/wechat/push';
  const order = (changes: object = {}) => ({
    region: 'cn',
    person: 'lin',
    event: 'user_authorization_revoke',
    ...changes,
  });

  describe.each(['xml', 'json'])('in %s', (format) => {
    test.each([
      ['user_info_modified', 'info_modified'],
      ['user_authorization_revoke', 'revoked'],
      ['user_authorization_cancellation', 'closed'],
    ])('%s is %s of the person who signed in', async (event, kind) => {
      const client = logins.provider('wechat');
      const { subjectIds } = await logins.login('wechat', 'lin', client);
      const push = await parse(client, await logins.push(path, order({ event, format })));
      expect(eventsOf(push)).toEqual([{ kind, subjectIds, at: expect.any(Date) }]);
      expect(push.answer.body).toBe('success');
    });
    test('an event of another sort concerns nobody and is acknowledged', async () => {
      const push = await parse(logins.provider('wechat'), await logins.push(path, order({ event: 'other', format })));
      expect(push).toMatchObject({ kind: 'events', events: [], answer: { body: 'success' } });
    });
  });
  test.each([
    [{ wrong: 'message_signature' }, 'invalid_callback (signature)'],
    [{ wrong: 'signature' }, 'invalid_callback (signature)'],
    [{ wrong: 'key' }, /^invalid_callback \((decryption|other_app)\)$/],
    [{ wrong: 'padding' }, /^invalid_callback \((decryption|other_app)\)$/],
    [{ wrong: 'other_app' }, 'invalid_callback (other_app)'],
    [{ wrong: 'stale' }, 'invalid_callback (timestamp)'],
    [{ encrypted: false }, 'invalid_callback (not_encrypted)'],
    [{ encrypted: false, format: 'xml' }, 'invalid_callback (not_encrypted)'],
  ])('%j is refused', async (changes, expected) => {
    expect(await failure(parse(logins.provider('wechat'), await logins.push(path, order(changes))))).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    );
  });
  test('a changed body under the signature of another is refused', async () => {
    const [first, second] = [await logins.push(path, order()), await logins.push(path, order({ person: 'mei' }))];
    expect(await failure(parse(logins.provider('wechat'), { ...first, body: second.body }))).toBe(
      'invalid_callback (signature)',
    );
  });
  test('the handshake echoes only under the right signature', async () => {
    const client = logins.provider('wechat');
    logins.receiver.answerWith(async (request) => (await parse(client, request)).answer.body);
    expect(await logins.json('POST', '/control/wechat/handshake/cn')).toEqual({ status: 200, verified: true });
    const genuine = logins.receiver.received.at(-1);
    if (!genuine) throw new Error('no handshake came');
    logins.receiver.answerWith(async () => 'ok');
    const forged = { ...genuine, query: { ...genuine.query, signature: '0'.repeat(40) } };
    expect(await failure(parse(client, forged))).toBe('invalid_callback (signature)');
  });
});

describe('alipay', () => {
  const path = '/control/alipay/push';
  const order = (changes: object = {}) => ({ region: 'cn', person: 'lin', ...changes });

  test.each(['open_id', 'user_id', 'both'])(
    'a cancelled authorization is of the person who signed in, by %s',
    async (identifier) => {
      await logins.control('alipay', { identifier });
      const client = logins.provider('alipay');
      const { subjectIds } = await logins.login('alipay', 'lin', client);
      const push = await parse(client, await logins.push(path, order()));
      expect(eventsOf(push)).toEqual([{ kind: 'revoked', subjectIds, at: expect.any(Date), id: expect.any(String) }]);
      expect(push.answer.body).toBe('success');
    },
  );
  test('a message of another sort concerns nobody and is acknowledged', async () => {
    const push = await parse(logins.provider('alipay'), await logins.push(path, order({ method: 'other' })));
    expect(push).toMatchObject({ kind: 'events', events: [], answer: { body: 'success' } });
  });
  test.each([
    ['signature', 'signature'],
    ['unsigned', 'signature'],
    ['app_key', 'signature'],
    ['person', 'signature'],
    ['other_app', 'other_app'],
    ['other_app_inside', 'other_app'],
    ['stale', 'timestamp'],
    ['no_identifier', 'no_identifier'],
  ])('a message with a wrong %s is refused', async (wrong, reason) => {
    const request = await logins.push(path, order({ wrong }));
    expect(await failure(parse(logins.provider('alipay'), request))).toBe(`invalid_callback (${reason})`);
  });
  test.each(['', '{}', 'sign_type=RSA', 'sign_type=RSA2&sign=x', 'service=alipay.service.check&sign_type=RSA2'])(
    '%j is refused',
    async (body) => {
      expect(await failure(parse(logins.provider('alipay'), { method: 'POST', query: {}, body }))).toMatch(
        /^invalid_callback /,
      );
    },
  );
  test('the check of the address is answered with our key, and only when it is signed', async () => {
    const client = logins.provider('alipay');
    logins.receiver.answerWith(async (request) => (await parse(client, request)).answer.body);
    expect(await logins.json('POST', '/control/alipay/handshake/cn')).toEqual({ status: 200, verified: true });
    const genuine = logins.receiver.received.at(-1);
    if (!genuine) throw new Error('no check came');
    logins.receiver.answerWith(async () => 'ok');
    const forged = { ...genuine, body: genuine.body.replace('version=1.0', 'version=1.1') };
    expect(await failure(parse(client, forged))).toBe('invalid_callback (signature)');
  });
});

describe('apple', () => {
  const path = '/control/apple/notify';
  const order = (changes: object = {}) => ({ region: 'cn', person: 'lin', type: 'consent-revoked', ...changes });

  test.each([
    ['consent-revoked', 'revoked'],
    ['account-delete', 'closed'],
    ['account-deleted', 'closed'],
    ['email-disabled', 'email_changed'],
    ['email-enabled', 'email_changed'],
  ])('%s is %s of the person who signed in', async (type, kind) => {
    const client = logins.provider('apple');
    const { subjectIds } = await logins.login('apple', 'lin', client);
    const events = eventsOf(await parse(client, await logins.push(path, order({ type }))));
    expect(events).toEqual([{ kind, subjectIds, at: expect.any(Date), id: expect.any(String) }]);
  });
  test('a repeat carries the same id', async () => {
    const client = logins.provider('apple');
    const request = await logins.push(path, order());
    const [first] = eventsOf(await parse(client, request));
    expect(eventsOf(await parse(client, request))[0]?.id).toBe(first?.id);
  });
  test('an event of another sort concerns nobody', async () => {
    expect(eventsOf(await parse(logins.provider('apple'), await logins.push(path, order({ type: 'other' }))))).toEqual(
      [],
    );
  });
  test.each(['signature', 'issuer', 'audience', 'expired', 'no_events', 'id_token'])(
    'a notification with a wrong %s is refused',
    async (wrong) => {
      const request = await logins.push(path, order({ wrong }));
      expect(await failure(parse(logins.provider('apple'), request))).toMatch(/^invalid_callback /);
    },
  );
  test.each(['', '{}', '{"payload":1}', '{"payload":"a.b.c"}', 'payload=x'])('%j is refused', async (body) => {
    expect(await failure(parse(logins.provider('apple'), { method: 'POST', query: {}, body }))).toMatch(
      /^invalid_callback /,
    );
  });
  test('keys that cannot be had refuse nobody for good', async () => {
    const request = await logins.push(path, order());
    await logins.control('apple', { fail: { status: 503 } });
    expect(await failure(parse(logins.provider('apple'), request))).toMatch(/^provider_unavailable /);
  });
});

describe('facebook', () => {
  const path = '/control/facebook/callback';
  const order = (changes: object = {}) => ({ region: 'cn', person: 'olga', kind: 'deauthorize', ...changes });

  test.each([
    ['deauthorize', 'revoked'],
    ['data_deletion', 'deletion_requested'],
  ])('%s is %s of the person who signed in', async (kind, expected) => {
    const client = logins.provider('facebook');
    const { subjectIds } = await logins.login('facebook', 'olga', client);
    const events = eventsOf(await parse(client, await logins.push(path, order({ kind }))));
    expect(events).toEqual([{ kind: expected, subjectIds, at: expect.any(Date) }]);
  });
  test.each(['signature', 'algorithm', 'stale'])('a wrong %s is refused', async (wrong) => {
    const request = await logins.push(path, order({ wrong }));
    expect(await failure(parse(logins.provider('facebook'), request))).toMatch(/^invalid_callback /);
  });
  test('the answer to a deletion names a page and a code', () => {
    expect(JSON.parse(deletionAnswer('https://api.example/deletions/1', 'c0de').body)).toEqual({
      url: 'https://api.example/deletions/1',
      confirmation_code: 'c0de',
    });
  });
});
