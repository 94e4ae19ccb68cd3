// npm run generate: writes the OpenAPI and AsyncAPI documents; with --check compares only, for the build.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { documents } from './generate/documents.ts';

const help = `Usage: npm run generate [-- --check]

Writes packages/contracts/generated/{openapi,asyncapi}/*.json from the contracts.

  --check   write nothing; exit 1 and name the files if any differs from the contracts
`;
const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
const folder = fileURLToPath(new URL('../packages/contracts/generated/', import.meta.url));

const present = (): string[] => {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.replaceAll('\\', '/'));
  } catch (error) {
    // Nothing generated yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};

const run = (): number => {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const wanted = documents();
  const existing = present();
  const stale = [...wanted]
    .filter(([name, text]) => !existing.includes(name) || readFileSync(join(folder, name), 'utf8') !== text)
    .map(([name]) => name);
  const orphans = existing.filter((name) => !wanted.has(name));
  if (values.check) {
    for (const name of stale) process.stdout.write(`differs from the contracts: generated/${name}\n`);
    for (const name of orphans) process.stdout.write(`belongs to no contract: generated/${name}\n`);
    if (stale.length + orphans.length > 0) process.stdout.write('Run: npm run generate\n');
    else process.stdout.write(`${wanted.size} documents match the contracts\n`);
    return stale.length + orphans.length > 0 ? 1 : 0;
  }
  for (const name of stale) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), wanted.get(name) ?? '');
  }
  for (const name of orphans) rmSync(join(folder, name));
  process.stdout.write(`${wanted.size} documents, ${stale.length} written, ${orphans.length} removed\n`);
  return 0;
};

process.exitCode = run();
