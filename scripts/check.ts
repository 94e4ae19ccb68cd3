/** Judges the whole tree by every rule of the house. */
import { resolve } from 'node:path';
import { fileLengthRule } from './check/file-length-rule.ts';
import { importRule } from './check/import-rule.ts';
import { kafkaRule } from './check/kafka-rule.ts';
import { machinePathRule } from './check/machine-path-rule.ts';
import { nounRule } from './check/noun-rule.ts';
import { regionNameRule } from './check/region-name-rule.ts';
import { describeBreach, type Rule } from './check/rule.ts';
import { toolRule } from './check/tool-rule.ts';

const root = resolve(import.meta.dirname, '..');
const generate = 'scripts/generate.ts';
const rules: Rule[] = [
  toolRule('formatting and lint (biome)', 'node_modules/.bin/biome', [
    'ci',
    '--colors=off',
    '--max-diagnostics=100',
    '.',
  ]),
  toolRule('types (tsc)', 'node_modules/.bin/tsc', ['-p', 'tsconfig.json', '--noEmit']),
  importRule,
  nounRule,
  kafkaRule,
  regionNameRule,
  fileLengthRule,
  machinePathRule,
  toolRule('generated documents are current', process.execPath, [generate, '--check'], generate),
];

if (process.argv.includes('--help')) {
  console.log(`Usage: npm run check\nRules:\n${rules.map((rule) => `  ${rule.name}`).join('\n')}`);
} else {
  let broken = 0;
  for (const rule of rules) {
    const breaches = await rule.find(root);
    console.log(`${breaches.length === 0 ? 'pass' : 'FAIL'}  ${rule.name}`);
    for (const breach of breaches) console.log(describeBreach(breach).replace(/^/gm, '      '));
    if (breaches.length > 0) broken++;
  }
  console.log(`${rules.length - broken} rules kept, ${broken} broken`);
  process.exitCode = broken === 0 ? 0 : 1;
}
