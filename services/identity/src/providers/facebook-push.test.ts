import { createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createFacebookPushes } from './facebook-push.ts';

const at = new Date('2026-11-22T10:00:00Z');
const read = createFacebookPushes({ appId: '1', appSecret: 'secret', now: () => at });

test('a signature is padded as 32 bytes are, or not at all: of more padding nothing is taken away', async () => {
  const said = { user_id: '7', algorithm: 'HMAC-SHA256', issued_at: at.getTime() / 1_000 };
  const content = Buffer.from(JSON.stringify(said)).toString('base64url');
  const signature = createHmac('sha256', 'secret').update(content).digest('base64url');
  const take = (padding: string) =>
    read({ method: 'POST', query: {}, body: `signed_request=${signature}${padding}.${content}` });
  for (const padding of ['', '%3D']) expect(await take(padding)).toMatchObject({ kind: 'events', events: [{ at }] });
  await expect(take('%3D%3D')).rejects.toMatchObject({ code: 'invalid_callback', reason: 'signature' });
});
