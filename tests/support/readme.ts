// README as data: its blocks, the commands in its text, and the JSON it shows.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../../README.md', import.meta.url);
const block = /^```(\w+)\n([\s\S]*?)^```$/gm;

export type Block = { readonly language: string; readonly text: string };

export const readReadme = () => readFileSync(file, 'utf8');

export const blocksOf = (readme: string): Block[] =>
  [...readme.matchAll(block)].map(([, language, text]) => ({ language: language as string, text: text as string }));

/** Commands that stand in the running text, such as `npm run check`. */
export const inlineCommands = (readme: string): string[] => {
  const text = readme.replaceAll(block, '');
  const found = [...text.matchAll(/`((?:npm|node|docker) [^`]+|\.ci\/run)`/g)].map(([, command]) => command as string);
  return [...new Set(found)];
};

/** The JSON values that follow each other in a text, one per line or spread over several. */
export const jsonValues = (text: string): unknown[] => {
  const values: unknown[] = [];
  let open = '';
  for (const line of text.split('\n')) {
    open += line;
    if (open.trim() === '') continue;
    try {
      values.push(JSON.parse(open));
      open = '';
    } catch {
      // It goes on in the next line.
    }
  }
  if (open.trim() !== '') throw new Error(`this is no JSON: ${open.slice(0, 200)}`);
  return values;
};

/** Where which kind of value stands. Two answers of one endpoint have the same shape, whatever their ids and times. */
export const shapeOf = (value: unknown, path = ''): string[] => {
  if (Array.isArray(value)) return [...new Set([`${path}[]`, ...value.flatMap((item) => shapeOf(item, `${path}[]`))])];
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([name, member]) => shapeOf(member, `${path}.${name}`));
  return [`${path}: ${value === null ? 'null' : typeof value}`];
};

const width = 150;

/** JSON for a reader: what fits on a line stands on one. */
const format = (value: unknown, indent = ''): string => {
  const entries =
    typeof value !== 'object' || value === null
      ? []
      : Array.isArray(value)
        ? value.map((item) => ['', item] as const)
        : Object.entries(value).map(([name, member]) => [`${JSON.stringify(name)}: `, member] as const);
  if (entries.length === 0) return JSON.stringify(value);
  const [open, close, space] = Array.isArray(value) ? ['[', ']', ''] : ['{', '}', ' '];
  const flat = `${open}${space}${entries.map(([name, member]) => name + format(member)).join(', ')}${space}${close}`;
  if (!flat.includes('\n') && indent.length + flat.length <= width) return flat;
  const inner = `${indent}  `;
  return `${open}\n${entries.map(([name, member]) => inner + name + format(member, inner)).join(',\n')}\n${indent}${close}`;
};

/** Puts the answers of a run into the blocks of JSON, in their order. */
export const writeAnswers = (answers: readonly (readonly unknown[])[]): void => {
  const left = [...answers];
  const readme = readReadme().replaceAll(block, (whole, language) =>
    language === 'json'
      ? `\`\`\`json\n${left
          .shift()
          ?.map((value) => format(value))
          .join('\n')}\n\`\`\``
      : whole,
  );
  writeFileSync(file, readme);
};
