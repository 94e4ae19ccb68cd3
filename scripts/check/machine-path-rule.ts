import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Breach, Rule } from './rule.ts';
import { sourceFiles } from './source-files.ts';

const MACHINE_PATH = /(?<![\w.}/-])\/(?:work|root|tmp|(?:home|Users)\/\w+)\/\w+/;

/** Documents speak of paths in the repository, never of the machine they were written on. */
export const machinePathRule: Rule = {
  name: 'no machine path in documents',
  async find(root) {
    const breaches: Breach[] = [];
    for (const file of (await sourceFiles(root, ['.'])).filter((path) => path.endsWith('.md')))
      for (const [index, text] of (await readFile(join(root, file), 'utf8')).split('\n').entries()) {
        const found = MACHINE_PATH.exec(text);
        if (found !== null) breaches.push({ file, line: index + 1, message: `names ${found[0]}` });
      }
    return breaches;
  },
};
