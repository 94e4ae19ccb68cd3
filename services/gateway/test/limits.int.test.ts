// Gateways with short patience: silence of key changes, places, and stopping.
import { afterEach, describe, expect, test } from '@jest/globals';
import { createTestCertificate } from '@meridian/testkit/service/test-certificate.ts';
import OpenAI from 'openai';
import { type Harness, model, startHarness, waitFor } from './harness.ts';

let door: Harness | undefined;
afterEach(async () => {
  await door?.stop();
  door = undefined;
});

const open = async (text = 'write 5000 words') => {
  const stream = await door!
    .client()
    .chat.completions.create({ model, messages: [{ role: 'user', content: text }], stream: true });
  let chunks = 0;
  const ended = (async () => {
    try {
      for await (const _ of stream) chunks += 1;
    } catch (error) {
      if (error instanceof OpenAI.APIError) return error;
      throw error;
    }
    return undefined;
  })();
  return { ended, chunks: () => chunks, leave: () => stream.controller.abort() };
};

describe('limits', () => {
  test('without news of keys for too long an open stream ends and is settled; a new call is verified and served', async () => {
    // Polls wait for half of it: an idle one that is answered is no silence.
    door = await startHarness({ KEY_CHANGES_SILENCE_MS: '4000' });
    await door.misbehave({ chunkDelayMs: 20 });
    // Longer than any machine takes for what follows.
    const { ended, chunks } = await open('write 100000 words');
    await waitFor(() => chunks() > 5);
    door.neighbours.mute = true;
    expect(await ended).toMatchObject({ code: 'unavailable' });
    await waitFor(() => door!.onlyHold().settled.length === 1);
    expect(door.onlyHold().settled[0]?.outcome).toBe('interrupted');
    await door.misbehave({});
    const answer = await door
      .client()
      .chat.completions.create({ model, messages: [{ role: 'user', content: 'say: hi' }] });
    expect(answer.choices[0]?.message.content).toBe('hi');
  });

  test('more calls than there are places are 503 with Retry-After', async () => {
    door = await startHarness({ MAX_STREAMS: '1' });
    await door.misbehave({ chunkDelayMs: 20 });
    // Longer than any machine takes for what follows: it holds its place until its client leaves.
    const first = await open('write 100000 words');
    const refused = await door
      .client()
      .chat.completions.create({ model, messages: [{ role: 'user', content: 'x' }] })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 503, code: 'unavailable' });
    const before = first.chunks();
    await waitFor(() => first.chunks() > before);
    first.leave();
    expect(await first.ended).toBeUndefined();
    await waitFor(() => door!.onlyHold().settled.length === 1);
    await door.misbehave({});
    await waitFor(async () => {
      const answer = await door!
        .client()
        .chat.completions.create({ model, messages: [{ role: 'user', content: 'say: hi' }] })
        .catch(() => undefined);
      return answer?.choices[0]?.message.content === 'hi';
    });
  });

  test('stopping lets a stream come to its end in the time it has', async () => {
    door = await startHarness({ DRAIN_MS: '60000' });
    await door.misbehave({ chunkDelayMs: 20 });
    const { ended, chunks } = await open('write 400 words');
    await waitFor(() => chunks() > 3);
    const before = chunks();
    await door.stopGateway();
    expect(await ended).toBeUndefined();
    expect(chunks()).toBeGreaterThan(before);
    expect(door.onlyHold().settled).toMatchObject([{ outcome: 'completed' }]);
  });

  test('stopping cuts and settles a stream that goes on beyond that, not before', async () => {
    door = await startHarness({ DRAIN_MS: '500' });
    await door.misbehave({ chunkDelayMs: 20 });
    const { ended, chunks } = await open('write 100000 words');
    await waitFor(() => chunks() > 3);
    const began = performance.now();
    await door.stopGateway();
    expect(performance.now() - began).toBeGreaterThan(450);
    expect(await ended).toMatchObject({ code: 'unavailable' });
    expect(door.onlyHold().settled).toMatchObject([{ outcome: 'interrupted' }]);
  });

  test('stopping settles what billing refuses at first, over connections as in production; the poll of key changes is not waited for', async () => {
    const certificate = createTestCertificate('gateway');
    door = await startHarness({ DRAIN_MS: '200' }, { certificate });
    await door.misbehave({ chunkDelayMs: 20 });
    // The first poll is answered at once, the second waits.
    await waitFor(() => door!.neighbours.polls > 1);
    door.neighbours.mute = true;
    const { ended, chunks } = await open();
    await waitFor(() => chunks() > 3);
    door.neighbours.failSettle = 2;
    await door.stopGateway();
    expect(await ended).toMatchObject({ code: 'unavailable' });
    expect(door.onlyHold().settled).toMatchObject([{ outcome: 'interrupted' }]);
    // Neither answered nor given up after its time: ended by the gateway.
    expect(door.lines.join('')).not.toMatch(/a step of stopping failed|key changes cannot be read/);
  });

  test('stopping settles a stream whose client neither reads nor leaves', async () => {
    door = await startHarness({ DRAIN_MS: '200' }, { certificate: createTestCertificate('gateway') });
    await door.misbehave({ chunkDelayMs: 5 });
    const stream = await door
      .client()
      .chat.completions.create({ model, messages: [{ role: 'user', content: 'write 5000 words' }], stream: true });
    await waitFor(() => door!.onlyHold().extended.length > 0);
    await door.stopGateway();
    expect(door.onlyHold().settled).toMatchObject([{ outcome: 'interrupted' }]);
    stream.controller.abort();
  });

  test('a client that leaves before its answer is not charged', async () => {
    door = await startHarness();
    await door.misbehave({ slowMs: 10_000 });
    const gone = new AbortController();
    const body = { model, messages: [{ role: 'user' as const, content: 'x' }] };
    const answer = door
      .client()
      .chat.completions.create(body, { signal: gone.signal })
      .catch((error: unknown) => error);
    await waitFor(() => door!.neighbours.holds.size === 1);
    gone.abort();
    expect(await answer).toBeInstanceOf(OpenAI.APIUserAbortError);
    await waitFor(() => door!.onlyHold().released === 1);
    expect(door.onlyHold().settled).toEqual([]);
  });

  test('a call that waits for the model ends too when its key is revoked, and costs nothing', async () => {
    door = await startHarness();
    await door.misbehave({ slowMs: 10_000 });
    const answer = door
      .client()
      .chat.completions.create({ model, messages: [{ role: 'user', content: 'x' }] })
      .catch((error: unknown) => error);
    await waitFor(() => door!.neighbours.holds.size === 1);
    door.tell({ ...door.neighbours.owner, reason: 'revoked' });
    expect(await answer).toMatchObject({ status: 401, code: 'key_revoked' });
    await waitFor(() => door!.onlyHold().released === 1);
    expect(door.onlyHold().settled).toEqual([]);
  });
});
