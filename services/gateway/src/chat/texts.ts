// The text of a conversation in questions to moderation, each far below what its contract takes: 2,000 texts, 4 MiB.
type Part = { readonly type: string; readonly text?: unknown };
type Message = { readonly content?: string | readonly Part[] | null };

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

const textOf = ({ content }: Message): string => {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((part) => (typeof part.text === 'string' ? [part.text] : [])).join('\n');
};

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

/** Every message's text; no question when there is none. */
export const textQuestions = (messages: readonly Message[]): Question[] => {
  const questions: { texts: string[]; bytes: number }[] = [];
  for (const text of messages.map(textOf).filter((one) => one !== '')) {
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
