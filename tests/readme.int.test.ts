// Every command of the README runs, and what it shows is what comes out. The main job by curl runs against a copy on other ports; the commands
// that start, test or build the platform are run elsewhere and named here. UPDATE_README=1 writes the answers of this run into the README.
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRecharge, getBalance, listCharges } from '@meridian/contracts/billing.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { allEvents } from '@meridian/contracts/events/all.ts';
import { createChatCompletion, listModels } from '@meridian/contracts/gateway.ts';
import { getAccount, getCancellation, getRegion } from '@meridian/contracts/identity.ts';
import { decideCase, submitAppeal } from '@meridian/contracts/moderation.ts';
import { openAiError } from '@meridian/contracts/openai-error.ts';
import { problemBody } from '@meridian/contracts/problem.ts';
import { submitPersonalVerification } from '@meridian/contracts/verification.ts';
import { defaultPortBase } from '@meridian/testkit/embedded/ports.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { z } from 'zod';
import { blocksOf, inlineCommands, jsonValues, readReadme, shapeOf, writeAnswers } from './support/readme.ts';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = readReadme();
const blocks = blocksOf(readme);

/** The line of a test or script that runs what no block of this test can run. */
const runBy: Readonly<Record<string, { file: string; by: string }>> = {
  'npm start': { file: 'tests/support/started-copy.ts', by: "script, 'start'" },
  'npm start -- --reset': { file: 'scripts/test/start.int.test.ts', by: "args: ['--reset']" },
  'npm test': { file: '.ci/run', by: 'npm test --silent' },
  'npm run check': { file: '.ci/run', by: 'part check npm run --silent check' },
  'npm run images': { file: '.ci/run', by: 'part images npm run --silent images' },
  'npm run journey -- --region cn': { file: 'tests/journeys.int.test.ts', by: "['--region', id]" },
  'npm run journey -- --region global': { file: 'tests/journeys.int.test.ts', by: "['--region', id]" },
  'npm run events -- --help': { file: 'scripts/test/help.test.ts', by: "'--help'" },
  'npm run bench -- --help': { file: 'scripts/test/help.test.ts', by: "'--help'" },
  'node services/NAME/src/main.ts': { file: 'tests/programs.int.test.ts', by: "program = 'main'" },
  '.ci/run': { file: 'scripts/test/ci-run.test.ts', by: "'.ci/run'" },
};

const linesOf = (text: string) => text.trim().split('\n');
const isElsewhere = (text: string) => linesOf(text).every((line) => line in runBy);
const shellBlocks = blocks.flatMap(({ language, text }, index) => (language === 'sh' ? [{ index, text }] : []));
const elsewhere = shellBlocks.filter(({ text }) => isElsewhere(text));
/** The main job by hand: each block of commands with the answers that the README shows below it. */
const byHand = shellBlocks
  .filter(({ text }) => !isElsewhere(text))
  .map(({ index, text }) => {
    const below = blocks[index + 1];
    return { text, shown: below?.language === 'json' ? jsonValues(below.text) : [] };
  });

/** Whose answers the blocks show, and with which status, in their order. */
const answersOf: readonly (readonly (readonly [EndpointDefinition, number])[])[] = [
  [[getRegion, 200]],
  [[getAccount, 200]],
  [
    [createRecharge, 403],
    [submitPersonalVerification, 200],
  ],
  [[getBalance, 200]],
  [
    [createChatCompletion, 200],
    [listCharges, 200],
  ],
  [[createChatCompletion, 401]],
  [
    [createChatCompletion, 403],
    [submitAppeal, 201],
  ],
  [
    [decideCase, 200],
    [listModels, 200],
  ],
  [
    [listModels, 403],
    [getCancellation, 200],
  ],
];

/** Strict: a member that the contract does not name is refused, in problems too. */
const schemaOf = ({ service, answers }: EndpointDefinition, status: number): z.ZodType => {
  const answer = answers[status];
  if (answer === 'stream') return z.unknown();
  if (answer) return answer;
  return service === 'gateway'
    ? z.strictObject({ error: z.strictObject(openAiError.shape.error.shape) })
    : z.strictObject(problemBody.shape);
};

const expectDeclared = (value: unknown, endpoint: EndpointDefinition, status: number) => {
  // Equal, because a schema that is not strict would leave out what it does not know.
  expect(schemaOf(endpoint, status).parse(value)).toEqual(value);
  const { code, error } = value as { code?: string; error?: { code?: string } };
  if (!(status in endpoint.answers)) expect(endpoint.problems.map((p) => p.code)).toContain(code ?? error?.code);
};

test('every command, in blocks and in the text, is run by what is named here', () => {
  const commands = [...elsewhere.flatMap(({ text }) => linesOf(text)), ...inlineCommands(readme)];
  expect([...new Set(commands)].sort()).toEqual(Object.keys(runBy).sort());
  for (const { file, by } of Object.values(runBy)) expect(read(file)).toContain(by);
});

test('it waits for what comes, not for a time', () => {
  for (const { text } of byHand) expect(text).not.toMatch(/^sleep/m);
});

test('every answer it shows is one that its endpoint declares', () => {
  expect(byHand.map(({ shown }) => shown.length)).toEqual(answersOf.map((block) => block.length));
  for (const [index, { shown }] of byHand.entries())
    for (const [place, [endpoint, status]] of (answersOf[index] ?? []).entries())
      expectDeclared(shown[place], endpoint, status);
});

test('its picture names the events that services publish, and no other', () => {
  const source = (service: string) =>
    readdirSync(new URL(`../services/${service}/src/`, import.meta.url), { recursive: true, encoding: 'utf8' })
      // Reactions name what others publish.
      .filter((name) => name.endsWith('.ts') && !/\.(test|reactions)\.ts$/.test(name))
      .map((name) => read(`services/${service}/src/${name}`))
      .join('\n');
  const nameOf = (type: string) => type.replace(/\.v\d+$/, '');
  const constantOf = (type: string) => nameOf(type).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const published = allEvents
    .filter(({ type, publishers }) => publishers.some((s) => new RegExp(`\\b${constantOf(type)}\\b`).test(source(s))))
    .map(({ type }) => nameOf(type));
  const picture = blocks.find(({ language }) => language === 'mermaid')?.text ?? '';
  const named = [...picture.matchAll(/e\d\[([^\]]+)\]/g)].flatMap(([, names]) => (names as string).split(' · '));
  expect(named.sort()).toEqual([...new Set(published)].sort());
});

const curl = spawnSync('curl', ['--version']).status === 0;
describeNeeding('curl', curl, 'the main job by curl', () => {
  let copy: TestCopy;
  beforeAll(async () => {
    copy = await startTestCopy();
  }, 60_000);
  afterAll(() => copy?.stop());

  test('answers what the README shows', async () => {
    const here = (port: number) => `127.0.0.1:${port - defaultPortBase + copy.portBase}`;
    const mark = '--- next block ---';
    const script = byHand.map(({ text }) => `${text}\necho '${mark}'\n`).join('');
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-euo', 'pipefail', '-c', script.replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => here(Number(port)))],
      { timeout: 90_000, maxBuffer: 10_000_000 },
    );
    const back = (port: number) => `127.0.0.1:${port - copy.portBase + defaultPortBase}`;
    const answers = stdout
      .replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => back(Number(port)))
      .split(`${mark}\n`)
      .slice(0, -1)
      .map(jsonValues);
    if (process.env.UPDATE_README) writeAnswers(answers);
    for (const [index, block] of answersOf.entries())
      for (const [place, [endpoint, status]] of block.entries()) {
        const value = answers[index]?.[place];
        expectDeclared(value, endpoint, status);
        // Also members that may be absent, and the answers that no schema describes.
        if (!process.env.UPDATE_README) expect(shapeOf(byHand[index]?.shown[place])).toEqual(shapeOf(value));
      }
  }, 120_000);
});
