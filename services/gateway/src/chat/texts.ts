// The text of a conversation, as moderation takes it: at most 2,000 texts of at most 1,048,576 characters per question.
type Part = { readonly type: string; readonly text?: unknown };
type Message = { readonly content?: string | readonly Part[] | null };

export const maxTexts = 2_000;
const maxLength = 1_048_576;
// A cut text is read with an overlap, so that a pattern across the cut is still found.
const overlap = 1_024;

const textOf = ({ content }: Message): string => {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((part) => (typeof part.text === 'string' ? [part.text] : [])).join('\n');
};

const slices = (text: string): string[] => {
  const cut = [text.slice(0, maxLength)];
  for (let from = maxLength - overlap; from + overlap < text.length; from += maxLength - overlap)
    cut.push(text.slice(from, from + maxLength));
  return cut;
};

/** Every message's text, in questions of at most `maxTexts`; none when there is no text. */
export const textQuestions = (messages: readonly Message[]): string[][] => {
  const texts = messages
    .map(textOf)
    .filter((text) => text !== '')
    .flatMap(slices);
  return Array.from({ length: Math.ceil(texts.length / maxTexts) }, (_, i) =>
    texts.slice(i * maxTexts, (i + 1) * maxTexts),
  );
};
