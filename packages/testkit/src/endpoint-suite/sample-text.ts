// A text that fits a JSON Schema pattern, for the plain patterns that contracts use: literals, classes, groups, counts, alternatives.
type Node = { readonly text: string; readonly rest: string };

const firstOfClass = (body: string): string => {
  if (body.startsWith('^')) return 'a';
  if (body.startsWith('\\d')) return '7';
  return body.startsWith('\\') ? (body[1] ?? '') : (body[0] ?? '');
};

const readAtom = (pattern: string): Node => {
  if (pattern.startsWith('[')) {
    let end = 1;
    while (end < pattern.length && pattern[end] !== ']') end += pattern[end] === '\\' ? 2 : 1;
    return { text: firstOfClass(pattern.slice(1, end)), rest: pattern.slice(end + 1) };
  }
  if (pattern.startsWith('(')) {
    const { text, rest } = readAlternatives(pattern.replace(/^\((\?:)?/, ''));
    return { text, rest: rest.slice(1) };
  }
  if (pattern.startsWith('\\')) {
    const escaped = { d: '7', w: 'a', s: ' ' }[pattern[1] ?? ''] ?? pattern[1] ?? '';
    return { text: escaped, rest: pattern.slice(2) };
  }
  return { text: pattern.startsWith('.') ? 'a' : (pattern[0] ?? ''), rest: pattern.slice(1) };
};

const readCount = (pattern: string): { count: number; rest: string } => {
  const braces = /^\{(\d+)(?:,\d*)?\}/.exec(pattern);
  if (braces) return { count: Number(braces[1]), rest: pattern.slice(braces[0].length) };
  if (/^[*?]/.test(pattern)) return { count: 0, rest: pattern.slice(1) };
  return pattern.startsWith('+') ? { count: 1, rest: pattern.slice(1) } : { count: 1, rest: pattern };
};

// The first alternative is taken; the others are read past.
const readAlternatives = (pattern: string): Node => {
  let rest = pattern;
  let text = '';
  let first = true;
  while (rest.length > 0 && !rest.startsWith(')')) {
    if (rest.startsWith('|')) {
      first = false;
      rest = rest.slice(1);
      continue;
    }
    if (/^[\^$]/.test(rest)) {
      rest = rest.slice(1);
      continue;
    }
    const atom = readAtom(rest);
    const { count, rest: after } = readCount(atom.rest);
    if (first) text += atom.text.repeat(count);
    rest = after;
  }
  return { text, rest };
};

/** A text for `pattern`, at least `minLength` long; undefined if this small reader does not understand the pattern. */
export const sampleText = (pattern: string, minLength = 0, maxLength = 1_000): string | undefined => {
  const regex = new RegExp(pattern, 'u');
  const shortest = readAlternatives(pattern).text;
  const candidates = [
    shortest,
    'a'.repeat(Math.max(1, minLength)),
    '7'.repeat(Math.max(1, minLength)),
    shortest + 'a'.repeat(Math.max(0, minLength - shortest.length)),
  ];
  return candidates.find((text) => text.length >= minLength && text.length <= maxLength && regex.test(text));
};
