// npm run generate: writes the OpenAPI and AsyncAPI documents, the edge's routes and the compose files; with --check compares only, for the build.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { composeFiles } from './generate/compose.ts';
import { documents } from './generate/documents.ts';
import { edgeFiles } from './generate/edge.ts';

const help = `Usage: npm run generate [-- --check]

Writes packages/contracts/generated/{openapi,asyncapi}/*.json and infra/edge/*.generated.conf from the contracts,
docker-compose.yml and infra/compose/*.generated.yml from infra/compose/region.yml.

  --check   write nothing; exit 1 and name the files if any differs from the contracts
`;
const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
const root = fileURLToPath(new URL('../', import.meta.url));
const generated = 'packages/contracts/generated/';

/** Files of the folder that holds nothing else. */
const present = (): string[] => {
  try {
    return readdirSync(join(root, generated), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .map((name) => generated + name.replaceAll('\\', '/'));
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
  const wanted = new Map([
    ...[...documents()].map(([name, text]) => [generated + name, text] as const),
    ...edgeFiles(),
    ...composeFiles(),
  ]);
  const existing = present();
  const stale = [...wanted]
    .filter(([name, text]) => !existsSync(join(root, name)) || readFileSync(join(root, name), 'utf8') !== text)
    .map(([name]) => name);
  const orphans = existing.filter((name) => !wanted.has(name));
  if (values.check) {
    for (const name of stale) process.stdout.write(`differs from its source: ${name}\n`);
    for (const name of orphans) process.stdout.write(`belongs to no contract: ${name}\n`);
    if (stale.length + orphans.length > 0) process.stdout.write('Run: npm run generate\n');
    else process.stdout.write(`${wanted.size} files match their sources\n`);
    return stale.length + orphans.length > 0 ? 1 : 0;
  }
  for (const name of stale) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), wanted.get(name) ?? '');
  }
  for (const name of orphans) rmSync(join(root, name));
  process.stdout.write(`${wanted.size} files, ${stale.length} written, ${orphans.length} removed\n`);
  return 0;
};

process.exitCode = run();
