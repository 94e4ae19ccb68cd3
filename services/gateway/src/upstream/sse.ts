// Server-sent events of an upstream, as far as OpenAI's streams use them: https://html.spec.whatwg.org/multipage/server-sent-events.html

/** Longest event taken, in characters. */
const maxEvent = 4 * 1024 * 1024;

/** `sse_too_long`: the upstream sends an event without end. */
export class SseError extends Error {
  override name = 'SseError';
  readonly code = 'sse_too_long';
}

/** Yields the data of each event, whatever the chunks of bytes are cut into. An event cut off by the end of the stream is dropped. */
export async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > maxEvent) throw new SseError('an event of the upstream is too long');
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
    }
  }
}
