import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fileLengthRule } from './file-length-rule.ts';
import { importRule } from './import-rule.ts';
import { kafkaRule } from './kafka-rule.ts';
import { machinePathRule } from './machine-path-rule.ts';
import { nounRule } from './noun-rule.ts';
import { regionNameRule } from './region-name-rule.ts';
import { describeBreach, type Rule } from './rule.ts';
import { toolRule } from './tool-rule.ts';

// Each rule sees a clean tree, then one with a breach planted: a rule that finds nothing proves nothing.
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meridian-check-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function plant(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

async function found(rule: Rule): Promise<string[]> {
  return (await rule.find(root)).map(describeBreach);
}

describe('who may import whom', () => {
  test('the allowed ways are silent', async () => {
    plant({
      'packages/contracts/src/a.ts': "import { z } from 'zod';\nexport const a = z;",
      'packages/kit/src/a.ts':
        "import type { A } from '@meridian/contracts/a.ts';\nimport { b } from './b.ts';\nimport 'node:fs';",
      'services/billing/src/a.ts':
        "// import '@meridian/identity/a.ts'\nimport '@meridian/kit/a.ts';\nimport '@meridian/regions/a.ts';",
      'services/billing/test/a.int.test.ts': "import '@meridian/testkit/a.ts';",
      'services/billing/package.json':
        '{"dependencies":{"@meridian/kit":"workspace:*"},"devDependencies":{"@meridian/testkit":"workspace:*"}}',
      'packages/testkit/src/a.ts': "import '@meridian/billing/service.ts';",
      'tests/a.test.ts': "import '@meridian/billing/service.ts';",
    });
    expect(await found(importRule)).toEqual([]);
  });

  test.each([
    [
      'a service another service',
      'services/billing/src/a.ts',
      "\nimport '@meridian/identity/a.ts';",
      'services/billing/src/a.ts:2: billing may not import identity (@meridian/identity/a.ts)',
    ],
    [
      'a test of a service another service',
      'services/billing/test/a.test.ts',
      "import '@meridian/identity/a.ts';",
      'services/billing/test/a.test.ts:1: billing may not import identity (@meridian/identity/a.ts)',
    ],
    [
      'a service the testkit',
      'services/billing/src/a.ts',
      "await import('@meridian/testkit/a.ts');",
      'services/billing/src/a.ts:1: billing may not import testkit (@meridian/testkit/a.ts)',
    ],
    [
      'kit the regions',
      'packages/kit/src/a.ts',
      "export * from '@meridian/regions/a.ts';",
      'packages/kit/src/a.ts:1: kit may not import regions (@meridian/regions/a.ts)',
    ],
    [
      'contracts kit, by type',
      'packages/contracts/src/a.ts',
      "export type A = import('@meridian/kit/a.ts').A;",
      'packages/contracts/src/a.ts:1: contracts may not import kit (@meridian/kit/a.ts)',
    ],
    [
      'contracts a library',
      'packages/contracts/src/a.ts',
      "import 'pg';",
      'packages/contracts/src/a.ts:1: contracts may import only zod, not pg',
    ],
    [
      'one package another by path',
      'packages/kit/src/a.ts',
      "import '../../contracts/src/a.ts';",
      'packages/kit/src/a.ts:1: kit imports contracts by a path instead of its name: ../../contracts/src/a.ts',
    ],
    [
      'a package the scripts',
      'packages/kit/src/a.ts',
      "import '../../../scripts/a.ts';",
      'packages/kit/src/a.ts:1: kit reaches outside every package: ../../../scripts/a.ts',
    ],
    [
      'a manifest',
      'services/billing/package.json',
      '{"dependencies":{"@meridian/sandbox":"workspace:*"}}',
      'services/billing/package.json: billing may not import sandbox (@meridian/sandbox)',
    ],
  ])('finds %s', async (_, file, text, message) => {
    plant({ 'services/identity/package.json': '{}', [file]: text });
    expect(await found(importRule)).toEqual([message]);
  });
});

test('a pure file that imports more than contracts is found', async () => {
  plant({
    'services/billing/src/holds/hold.ts': "import type { Hold } from '@meridian/contracts/hold.ts';",
    'services/billing/src/holds/hold.store.ts': "import { sql } from 'kysely';",
    'services/billing/src/holds/take-hold.ts': "import './hold.store.ts';",
  });
  expect(await found(nounRule)).toEqual([]);
  plant({ 'services/billing/src/holds/hold.ts': "import { randomUUID } from 'node:crypto';" });
  expect(await found(nounRule)).toEqual(['services/billing/src/holds/hold.ts:1: a pure file imports node:crypto']);
});

test('a second file that imports kafkajs is found', async () => {
  plant({
    'packages/kit/src/kafka.ts': "import { Kafka } from 'kafkajs';",
    'packages/kit/src/say.ts': "export const name = 'kafkajs';",
  });
  expect(await found(kafkaRule)).toEqual([]);
  plant({ 'tests/b.ts': "const { Kafka } = await import('kafkajs');" });
  expect(await found(kafkaRule)).toEqual([
    'packages/kit/src/kafka.ts:1: one of 2 files that import kafkajs',
    'tests/b.ts:1: one of 2 files that import kafkajs',
  ]);
});

test("a region's name is found where it does not belong; the names are those of the profiles", async () => {
  plant({
    'packages/regions/src/profiles/atlantis.ts': "export const id = 'atlantis';",
    'packages/sandbox/src/a.ts': "export const id = 'atlantis';",
    'services/billing/src/a.test.ts': "export const id = 'atlantis';",
    'services/billing/src/a.ts':
      "// 'atlantis'\nexport const fine = 'cn atlantis';\nexport const atlantis = register({ atlantis: false, max: 1 });",
  });
  expect(await found(regionNameRule)).toEqual([]);
  plant({
    'services/billing/src/b.ts': "\nexport const is = (id: string) => id === 'atlantis';",
    'packages/kit/src/b.ts': 'export const id = `atlantis`;',
  });
  expect(await found(regionNameRule)).toEqual([
    "packages/kit/src/b.ts:1: names the region 'atlantis'",
    "services/billing/src/b.ts:2: names the region 'atlantis'",
  ]);
});

test.each([
  ['a table of what differs', 'const of = { atlantis: 1, lemuria: 2 }[region];'],
  ['a name in quotes', "const of = { 'atlantis': 1 }[region];"],
  ['a shorthand', 'const of = { atlantis };'],
  ['a method', 'const of = { atlantis() {} };'],
  ['a switch that is looked up', 'const of = { atlantis: false }[region] ?? true;'],
  ['a switch that is on', 'register({ atlantis: true });'],
  ['a member', 'const of = profiles.atlantis;'],
  ['an optional member', 'const of = profiles?.atlantis;'],
  ['a pattern', 'const { atlantis } = profiles;'],
  ['a pattern with another name', 'const { atlantis: own } = profiles;'],
  ['a type', 'type Of = { atlantis: number };'],
  ['an enumeration', 'enum Of { atlantis }'],
  ['an import', "import { atlantis } from '@meridian/regions/profiles/atlantis.ts';"],
  ['an import under another name', "import { atlantis as own } from '@meridian/regions/profiles/atlantis.ts';"],
])("a region's name is found as %s", async (_, text) => {
  plant({
    'packages/regions/src/profiles/atlantis.ts': 'export const atlantis = { atlantis: 1 };',
    'packages/testkit/src/a.ts': text,
    'services/billing/test/a.ts': text,
    'services/billing/src/a.ts': `\n${text}`,
  });
  expect(await found(regionNameRule)).toEqual(["services/billing/src/a.ts:2: names the region 'atlantis'"]);
});

test('a file of 301 lines is found, but not a test, a contract or a table of data', async () => {
  const lines = (count: number) => 'export {};\n'.repeat(count);
  plant({
    'services/billing/src/a.ts': lines(300),
    'services/billing/src/a.test.ts': lines(301),
    'services/billing/src/a.data.ts': lines(301),
    'packages/contracts/src/a.ts': lines(301),
    'packages/contracts/generated/a.ts': lines(301),
  });
  expect(await found(fileLengthRule)).toEqual([]);
  plant({ 'scripts/b.mjs': lines(301) });
  expect(await found(fileLengthRule)).toEqual(['scripts/b.mjs: 301 lines']);
});

test('a path of a machine in a document is found', async () => {
  const home = `/${'home'}/jo/meridian`;
  plant({
    'README.md': 'See docs/work/plan.md and https://example.org/root/x and ./tmp/a.',
    'services/billing/node_modules/x/README.md': home,
  });
  expect(await found(machinePathRule)).toEqual([]);
  plant({ 'docs/a.md': `fine\nlook at ${home}` });
  expect(await found(machinePathRule)).toEqual([`docs/a.md:2: names ${home}`]);
});

test('what a tool says counts when it fails; a tool that is not there yet is not asked', async () => {
  const fail = ['-e', 'console.log("said"); process.exit(3)'];
  expect(await found(toolRule('t', process.execPath, ['-e', '0']))).toEqual([]);
  expect(await found(toolRule('t', process.execPath, fail))).toEqual(['said']);
  expect(await found(toolRule('t', process.execPath, fail, 'scripts/t.ts'))).toEqual([]);
  plant({ 'scripts/t.ts': '' });
  expect(await found(toolRule('t', process.execPath, fail, 'scripts/t.ts'))).toEqual(['said']);
});

test('npm run check asks every rule of this folder', async () => {
  const here = new URL('./', import.meta.url);
  const ruleFiles = readdirSync(here).filter((name) => name.endsWith('-rule.ts') && name !== 'tool-rule.ts');
  const declared = await Promise.all(
    ruleFiles.map(async (name) => Object.values((await import(new URL(name, here).href)) as Record<string, Rule>)),
  );
  const help = execFileSync(process.execPath, ['scripts/check.ts', '--help'], { encoding: 'utf8' });
  const asked = help.split('\n').map((line) => line.trim());
  for (const { name } of declared.flat()) expect(asked).toContain(name);
  expect(declared.flat().length).toBeGreaterThanOrEqual(ruleFiles.length);
  // The tools have one file for all of them.
  for (const name of ['formatting and lint (biome)', 'types (tsc)', 'generated documents are current'])
    expect(asked).toContain(name);
});
