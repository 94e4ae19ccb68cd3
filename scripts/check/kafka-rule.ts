import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rule } from './rule.ts';
import { CODE, isCode, sourceFiles } from './source-files.ts';
import { readSyntax } from './syntax.ts';

/** The Kafka client can be exchanged because one file alone knows it. */
export const kafkaRule: Rule = {
  name: 'one file imports kafkajs',
  async find(root) {
    const importers: { file: string; line: number }[] = [];
    for (const file of (await sourceFiles(root, CODE)).filter(isCode)) {
      const found = readSyntax(await readFile(join(root, file), 'utf8')).imports.find(({ value }) =>
        /^kafkajs(\/|$)/.test(value),
      );
      if (found !== undefined) importers.push({ file, line: found.line });
    }
    return importers.length <= 1
      ? []
      : importers.map((place) => ({ ...place, message: `one of ${importers.length} files that import kafkajs` }));
  },
};
