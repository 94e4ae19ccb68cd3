// A deterministic stand-in for a tokenizer: one token per Han character, per run of up to six letters or digits, per other sign.
// Leading space belongs to the token after it, so the pieces joined are the text again.

const piece = /\s*(?:\p{Script=Han}|(?:(?!\p{Script=Han})[\p{L}\p{M}\p{N}]){1,6}|[^\s])|\s+$/gu;

export const tokensOf = (text: string): string[] => text.match(piece) ?? [];
export const countTokens = (text: string) => tokensOf(text).length;

type Message = { role: string; content?: string | { type: string; text?: string | undefined }[] | null | undefined };
export const textOf = ({ content }: Message) =>
  typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('\n');

/** Four tokens of framing per message and two for the answer's start, as chat formats have. */
export const countPrompt = (messages: Message[]) =>
  messages.reduce((total, message) => total + countTokens(textOf(message)) + 4, 2);
