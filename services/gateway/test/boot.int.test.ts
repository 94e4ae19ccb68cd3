// A gateway that has just started: it lets nobody in before it hears of revocations.
import { afterEach, expect, test } from '@jest/globals';
import { type Harness, model, startHarness, waitFor } from './harness.ts';

let door: Harness | undefined;
afterEach(async () => {
  await door?.stop();
  door = undefined;
});

const ask = () =>
  door!
    .client()
    .chat.completions.create({ model, messages: [{ role: 'user', content: 'write 200 words' }], stream: true })
    .asResponse()
    .then(
      (answer) => answer.text(),
      (error: { code?: string }) => error,
    );
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a call waits for the first news of keys, so that no revocation falls between its verification and that', async () => {
  door = await startHarness({}, { mute: true });
  await door.misbehave({ chunkDelayMs: 20 });
  const answer = ask();
  await pause(100);
  expect(door.neighbours.verified).toEqual([]);
  // Committed before the first position is given: the long poll will never tell of it.
  door.tell({ ...door.neighbours.owner, reason: 'revoked' });
  door.neighbours.refusals.set(door.key, { code: 'key_revoked' });
  door.neighbours.mute = false;
  expect(await answer).toMatchObject({ status: 401, code: 'key_revoked' });
});

test('with the first news it is served, and so is every further call at once', async () => {
  door = await startHarness({}, { mute: true });
  const answer = ask();
  await pause(100);
  door.neighbours.mute = false;
  expect(await answer).toContain('[DONE]');
  expect(await ask()).toContain('[DONE]');
});

test('while there are no news it is 503 with Retry-After in the end, and no key was asked about', async () => {
  door = await startHarness({}, { mute: true });
  const refused = await ask();
  expect(refused).toMatchObject({ status: 503, code: 'unavailable' });
  expect((refused as unknown as { headers: Headers }).headers.get('retry-after')).toBe('1');
  expect(door.neighbours.verified).toEqual([]);
  door.neighbours.mute = false;
  await waitFor(() => door!.neighbours.polls > 1);
});
