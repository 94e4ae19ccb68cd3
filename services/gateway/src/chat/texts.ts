// All text of a call in questions to moderation, each far below what its contract takes: 2,000 texts, 4 MiB.
type Part = { readonly type: string; readonly text?: string | null | undefined };
type More = { readonly [member: string]: unknown };
type Message = More & { readonly content?: string | readonly Part[] | null | undefined };
/** A call, whatever else it carries. */
export type Spoken = More & { readonly messages: readonly Message[] };

/** One question: its texts and what they take in JSON. */
export type Question = { readonly texts: readonly string[]; readonly bytes: number };

const maxTexts = 2_000;
export const maxQuestionBytes = 2 * 1_024 * 1_024;
// In JSON a unit takes six bytes at most (an escaped control character), so a piece takes 1.5 MiB at most.
const pieceUnits = 262_144;
// A cut text is read with an overlap, so that a pattern across the cut is still found. What cannot be seen does not count: moderation reads
// past it, so any number of such characters may stand inside a pattern.
const overlap = 1_024;
const invisible = /\p{Default_Ignorable_Code_Point}/u;

// What is no text: names of things, as long as each is one short word, and what a picture, a sound or a file is made of.
const idMembers = new Set([
  'role',
  'type',
  'id',
  'tool_call_id',
  'file_id',
  'user',
  'safety_identifier',
  'prompt_cache_key',
]);
const word = /^[\w.:/@-]{1,64}$/;
const mediaMembers = new Set(['image_url', 'video_url', 'audio_url', 'input_audio', 'file_data']);

type Unread = (name: string, value: unknown) => boolean;
const isId: Unread = (name, value) => idMembers.has(name) && typeof value === 'string' && word.test(value);
const isIdOrMedia: Unread = (name, value) => mediaMembers.has(name) || isId(name, value);
const nothing: Unread = () => false;

/** Adds every string in `value` to `found`, and the names of its members: in a schema these are the caller's words, too. */
const collect = (value: unknown, unread: Unread, found: string[]): string[] => {
  if (typeof value === 'string') found.push(value);
  else if (Array.isArray(value)) for (const inner of value) collect(inner, unread, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      if (unread(name, inner)) continue;
      found.push(name);
      collect(inner, unread, found);
    }
  }
  return found;
};

/** What is said, and apart from it what else the message carries: calls of tools, a name, a refusal. */
const textsOfMessage = ({ content, ...rest }: Message): string[] => {
  const parts = Array.isArray(content) ? (content as readonly Part[]) : [];
  const said = typeof content === 'string' ? [content] : parts.flatMap(({ text }) => text ?? []);
  const beside = collect(rest, isId, []);
  for (const { text: _, ...other } of parts) collect(other, isIdOrMedia, beside);
  return [said.join('\n'), beside.join('\n')];
};

/** Tools, schemas, predictions and all else that goes to the model with the messages; the model itself is known by its name or refused. */
const textOfRest = (rest: object): string =>
  Object.entries(rest)
    .flatMap(([name, value]) => (isId(name, value) ? [] : collect(value, nothing, [])))
    .join('\n');

const textsOf = ({ messages, model: _, ...rest }: Spoken): string[] => [
  ...messages.flatMap(textsOfMessage),
  textOfRest(rest),
];

/** `at`, or one before where it would part a surrogate pair: half of one is no text, and is refused. */
const whole = (text: string, at: number): number => {
  const [before, after] = [text.charCodeAt(at - 1), text.charCodeAt(at)];
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff ? at - 1 : at;
};

const overlapBefore = (text: string, end: number): number => {
  let at = end;
  for (let seen = 0; seen < overlap && at > end - pieceUnits / 2; at -= 1)
    if (!invisible.test(text.charAt(at - 1))) seen += 1;
  return whole(text, at);
};

const pieces = (text: string): string[] => {
  const cut: string[] = [];
  for (let from = 0; ; ) {
    const end = from + pieceUnits < text.length ? whole(text, from + pieceUnits) : text.length;
    cut.push(text.slice(from, end));
    if (end === text.length) return cut;
    from = overlapBefore(text, end);
  }
};

/** Every message's text and that of all else; no question when there is none. */
export const textQuestions = (call: Spoken): Question[] => {
  const questions: { texts: string[]; bytes: number }[] = [];
  for (const text of textsOf(call).filter((one) => one !== '')) {
    for (const piece of pieces(text)) {
      const bytes = Buffer.byteLength(JSON.stringify(piece)) + 1;
      const last = questions.at(-1);
      if (last === undefined || last.texts.length === maxTexts || last.bytes + bytes > maxQuestionBytes)
        questions.push({ texts: [piece], bytes });
      else {
        last.texts.push(piece);
        last.bytes += bytes;
      }
    }
  }
  return questions;
};
