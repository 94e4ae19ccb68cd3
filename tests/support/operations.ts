// The commands of docs/operations.md, as an operator copies them.
import { readFileSync } from 'node:fs';

/** `kind` is `sh` for what tests run, `sh not-run` for what says that they do not. */
export type Block = { readonly section: string; readonly kind: string; readonly lines: readonly string[] };

export const operationsBlocks = (): Block[] => {
  const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  return text.split(/^## /m).flatMap((part) =>
    [...part.matchAll(/^```([a-z][a-z -]*)\n([\s\S]*?)^```/gm)].map(([, kind, lines]) => ({
      section: part.slice(0, part.indexOf('\n')),
      kind: kind as string,
      lines: (lines as string).trim().split('\n'),
    })),
  );
};

/** The lines of the blocks that tests run in a section. */
export const runnableBlocks = (section: string): (readonly string[])[] =>
  operationsBlocks()
    .filter((block) => block.section === section && block.kind === 'sh')
    .map(({ lines }) => lines);
