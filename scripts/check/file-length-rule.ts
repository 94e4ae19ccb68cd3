import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Breach, Rule } from './rule.ts';
import { CODE, isCode, isTest, sourceFiles } from './source-files.ts';

const MOST_LINES = 300;
/** Contracts, and tables of data: profiles, migrations, and files that say so by name. */
const MAY_BE_LONG = /^packages\/contracts\/|^packages\/regions\/src\/profiles\/|\/db\/migrations\/|\.data\.ts$/;

/** A file longer than this holds more than one thing. */
export const fileLengthRule: Rule = {
  name: `no file over ${MOST_LINES} lines`,
  async find(root) {
    const breaches: Breach[] = [];
    for (const file of (await sourceFiles(root, CODE)).filter(isCode)) {
      if (isTest(file) || MAY_BE_LONG.test(file)) continue;
      const lines = (await readFile(join(root, file), 'utf8')).trimEnd().split('\n').length;
      if (lines > MOST_LINES) breaches.push({ file, message: `${lines} lines` });
    }
    return breaches;
  },
};
