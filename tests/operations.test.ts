// Every command of docs/operations.md is run by a test, or stands in a block that says it is not.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { internalPort } from '../scripts/region/layout.ts';
import { operationsBlocks } from './support/operations.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const blocks = operationsBlocks();

/** The line of a test or script that runs the command. */
const runBy: Readonly<Record<string, { file: string; by: string }>> = {
  'scripts/install/docker-compose.sh': { file: '.ci/run', by: 'scripts/install/docker-compose.sh' },
  'npm run images': { file: 'tests/support/compose-stack.ts', by: "script('images')" },
  'npm run image': { file: 'tests/support/compose-stack.ts', by: "script('image')" },
  'npm run region -- init <id> --sandbox': { file: 'tests/support/compose-stack.ts', by: "'init', id, '--sandbox'" },
  'npm run region -- certificate <id> gateway.edge-1': {
    file: 'scripts/test/region.int.test.ts',
    by: "'certificate', 'cn', 'gateway.edge-1'",
  },
  'docker compose up --detach --wait': { file: 'tests/support/compose-stack.ts', by: "'up', '--detach', '--wait'" },
  'npm run journey -- --base <url> --sandbox <url> --ca <file>': {
    file: 'tests/support/compose-stack.ts',
    by: "'--base'",
  },
  'docker compose down --volumes': { file: 'tests/support/compose-stack.ts', by: "'down', '--volumes'" },
  'docker compose up --detach --wait --no-deps <id>-prometheus': {
    file: 'tests/compose.int.test.ts',
    by: "up('--no-deps', 'cn-prometheus')",
  },
  'docker compose run --rm <id>-kafka-prepare packages/kit/src/run/prepare-kafka.ts': {
    file: 'tests/compose.int.test.ts',
    by: 'prepare()',
  },
  'docker compose run --rm <id>-kafka-prepare packages/kit/src/run/prepare-kafka.ts check': {
    file: 'tests/compose.int.test.ts',
    by: "prepare('check')",
  },
  'docker compose run --rm <id>-kafka-prepare packages/kit/src/run/prepare-kafka.ts configure': {
    file: 'tests/compose.int.test.ts',
    by: "prepare('configure')",
  },
  'docker compose exec <id>-billing node packages/kit/src/run/events-command.ts list': {
    file: 'tests/compose.int.test.ts',
    by: "events('cn-billing', 'list')",
  },
  'docker compose exec <id>-identity node packages/kit/src/run/events-command.ts republish --since <time>': {
    file: 'tests/compose.int.test.ts',
    by: "events('cn-identity', 'republish', '--since'",
  },
};

const general = (line: string) =>
  line
    .replace(/\b(init|certificate) (cn|global)\b/, '$1 <id>')
    .replace(/\b(cn|global)-(billing|identity|kafka-prepare|prometheus)\b/, '<id>-$2')
    .replaceAll(/https:\S+/g, '<url>')
    .replace(/--ca \S+/, '--ca <file>')
    .replace(/--since \S+/, '--since <time>');

test('blocks of commands are marked, and those that are not run say so', () => {
  expect([...new Set(blocks.map(({ kind }) => kind))].sort()).toEqual(['sh', 'sh not-run']);
});

/** A section whose lines a test reads here, and runs as they stand. */
const runAsTheyStand = 'Rotation';

test('a section is run as it stands', () => {
  expect(read('tests/compose.int.test.ts')).toContain(`runnableBlocks('${runAsTheyStand}')`);
  expect(blocks.filter(({ section }) => section === runAsTheyStand).length).toBeGreaterThan(0);
});

test.each([
  ...new Set(
    blocks
      .filter(({ kind, section }) => kind === 'sh' && section !== runAsTheyStand)
      .flatMap(({ lines }) => lines.map(general)),
  ),
])('"%s" is run', (command) => {
  const found = runBy[command];
  expect(found).toBeDefined();
  expect(read(found?.file as string)).toContain(found?.by);
});

test('what to do about each alert is told', () => {
  const { groups } = parse(read('infra/observability/prometheus/alerts.yml')) as {
    groups: { rules: { alert: string }[] }[];
  };
  const rows = read('docs/operations.md')
    .split('\n')
    .filter((line) => /^\| alerts? `/.test(line));
  const told = rows.flatMap((row) => [...(row.split(' | ')[0] as string).matchAll(/`(\w+)`/g)].map(([, name]) => name));
  expect(told.sort()).toEqual(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)).sort());
});

test('the file for gateways on other machines opens what they call, at the port that services have, and gives no way out', () => {
  const { services, networks } = parse(read('infra/compose/gateways.yml')) as {
    services: Record<string, { networks: string[]; ports: string[] }>;
    networks: Record<string, { driver_opts: Record<string, string> }>;
  };
  expect(Object.keys(services)).toEqual(['key-issuance', 'billing', 'moderation']);
  const stack = parse(read('infra/compose/region.yml'), { merge: true }) as { services: Record<string, unknown> };
  for (const [name, { networks: joined, ports }] of Object.entries(services)) {
    expect(stack.services).toHaveProperty([name]);
    expect(joined).toEqual(['gateways']);
    expect(ports).toEqual([expect.stringMatching(new RegExp(`^\\$\\{GATEWAYS_ADDRESS\\b.*:${internalPort}$`))]);
  }
  expect(networks.gateways?.driver_opts).toEqual({ 'com.docker.network.bridge.enable_ip_masquerade': 'false' });
});
