import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readEvents } from './sse.ts';

async function* cut(bytes: Buffer, at: readonly number[]) {
  let from = 0;
  for (const to of [...at].sort((a, b) => a - b)) {
    yield bytes.subarray(from, to);
    from = to;
  }
  yield bytes.subarray(from);
}
const read = async (text: string, at: readonly number[] = []) => {
  const events: string[] = [];
  for await (const event of readEvents(cut(Buffer.from(text), at))) events.push(event);
  return events;
};

describe('server-sent events', () => {
  test('come out the same wherever the bytes are cut, also in the middle of a character or of CR LF', async () => {
    const text = ': hello\r\n\r\ndata: {"a":"海纳"}\r\n\r\nevent: x\ndata: one\ndata: two\n\ndata:[DONE]\n\n';
    const expected = ['{"a":"海纳"}', 'one\ntwo', '[DONE]'];
    expect(await read(text)).toEqual(expected);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(Buffer.byteLength(text))), async (at) => {
        expect(await read(text, at)).toEqual(expected);
      }),
    );
  });

  test('an event cut off by the end is dropped', async () => {
    expect(await read('data: one\n\ndata: tw')).toEqual(['one']);
  });

  test('an event without end is refused', async () => {
    const endless = async function* () {
      for (let i = 0; i < 100; i += 1) yield Buffer.alloc(100_000, 0x61);
    };
    const all = async () => {
      for await (const _ of readEvents(endless()));
    };
    await expect(all()).rejects.toMatchObject({ code: 'sse_too_long' });
  });
});
