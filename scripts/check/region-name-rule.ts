import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Breach, Rule } from './rule.ts';
import { isCode, isTest, sourceFiles } from './source-files.ts';
import { readSyntax } from './syntax.ts';

const MAY_NAME_REGIONS = /^packages\/(regions|sandbox|testkit)\//;
const PROFILE = /^packages\/regions\/src\/profiles\/([a-z][a-z0-9-]*)\.ts$/;

/** Services and packages know regions by their profile, never by name, be it a text or a member's name. The names are the file names of the profiles. */
export const regionNameRule: Rule = {
  name: "no region's name in services and packages",
  async find(root) {
    const files = await sourceFiles(root, ['services', 'packages']);
    const names = new Set(files.flatMap((file) => PROFILE.exec(file)?.[1] ?? []));
    const breaches: Breach[] = [];
    for (const file of files) {
      if (!isCode(file) || isTest(file) || MAY_NAME_REGIONS.test(file)) continue;
      const found = readSyntax(await readFile(join(root, file), 'utf8'));
      for (const { value, line } of [...found.strings, ...found.names])
        if (names.has(value)) breaches.push({ file, line, message: `names the region '${value}'` });
    }
    return breaches;
  },
};
