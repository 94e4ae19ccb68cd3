import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Breach, Rule } from './rule.ts';
import { sourceFiles } from './source-files.ts';
import { readSyntax } from './syntax.ts';

/** In a feature, `noun.ts` beside `noun.store.ts` holds pure states and decisions: it imports contracts and nothing else. */
export const nounRule: Rule = {
  name: 'noun.ts imports only contracts',
  async find(root) {
    const files = new Set(await sourceFiles(root, ['services']));
    const breaches: Breach[] = [];
    for (const file of files) {
      if (!/^services\/[^/]+\/src\/[^/]+\/[^./]+\.ts$/.test(file) || !files.has(file.replace(/\.ts$/, '.store.ts')))
        continue;
      for (const { value, line } of readSyntax(await readFile(join(root, file), 'utf8')).imports)
        if (!value.startsWith('@meridian/contracts/'))
          breaches.push({ file, line, message: `a pure file imports ${value}` });
    }
    return breaches;
  },
};
