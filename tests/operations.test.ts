// Every command of docs/operations.md is run by a test, or stands in a block that says it is not.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { internalPort } from '../scripts/region/layout.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const blocks = [...read('docs/operations.md').matchAll(/^```([a-z][a-z -]*)\n([\s\S]*?)^```/gm)].map(
  ([, kind, text]) => ({
    kind: kind as string,
    lines: (text as string).trim().split('\n'),
  }),
);

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
  'npm run region -- rotate <id> databases': { file: 'tests/compose.int.test.ts', by: "'rotate', 'cn', 'databases'" },
  'npm run region -- rotate <id> ca': { file: 'tests/compose.int.test.ts', by: "'rotate', 'cn', 'ca')" },
  'npm run region -- rotate <id> ca-finish': { file: 'tests/compose.int.test.ts', by: "'rotate', 'cn', 'ca-finish'" },
  'npm run region -- rotate <id> certificates': {
    file: 'tests/compose.int.test.ts',
    by: "'rotate', 'cn', 'certificates'",
  },
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
  'docker compose exec <id>-billing-db /etc/meridian/roles.sh': {
    file: 'tests/compose.int.test.ts',
    by: "'/etc/meridian/roles.sh'",
  },
  'docker compose up --detach --wait --force-recreate --always-recreate-deps <id>-edge sandbox': {
    file: 'tests/compose.int.test.ts',
    by: "up('--force-recreate', '--always-recreate-deps', 'cn-edge', 'sandbox')",
  },
};

const general = (line: string) =>
  line
    .replace(/\b(init|rotate|certificate) (cn|global)\b/, '$1 <id>')
    .replace(/\b(cn|global)-(billing-db|billing|identity|edge|kafka-prepare|prometheus)\b/, '<id>-$2')
    .replaceAll(/https:\S+/g, '<url>')
    .replace(/--ca \S+/, '--ca <file>')
    .replace(/--since \S+/, '--since <time>');

test('blocks of commands are marked, and those that are not run say so', () => {
  expect([...new Set(blocks.map(({ kind }) => kind))].sort()).toEqual(['sh', 'sh not-run']);
});

test.each([...new Set(blocks.filter(({ kind }) => kind === 'sh').flatMap(({ lines }) => lines.map(general)))])(
  '"%s" is run',
  (command) => {
    const found = runBy[command];
    expect(found).toBeDefined();
    expect(read(found?.file as string)).toContain(found?.by);
  },
);

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
