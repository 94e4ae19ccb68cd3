// Bench "compose": both regions in containers, from `docker compose up` on empty volumes to both journeys passing, and the memory of the stack then.
import { projectOf } from '@meridian/testkit/containers/container-engine.ts';
import { composeAvailable, createComposeStack } from '../../tests/support/compose-stack.ts';
import type { Bench, Progress } from './bench.ts';
import { type Figure, figure } from './figure.ts';

const measure = async (progress: Progress): Promise<Figure[]> => {
  if (!(await composeAvailable())) throw new Error('the bench "compose" needs a Docker engine with Compose 2');
  const stack = createComposeStack(projectOf('bench'));
  try {
    progress('compose: images, secrets and certificates');
    await stack.prepare();
    const began = performance.now();
    const since = () => (performance.now() - began) / 1000;
    progress('compose: docker compose up');
    await stack.up();
    const healthy = since();
    await Promise.all([stack.ask('cn', '/v1/region'), stack.ask('global', '/v1/region')]);
    progress('compose: both journeys');
    await Promise.all([stack.journey('cn'), stack.journey('global')]);
    const passed = since();
    const memory = await stack.memory();
    const containers = [...memory.values()];
    const of = (wanted: RegExp) =>
      [...memory].filter(([name]) => wanted.test(name)).reduce((sum, [, bytes]) => sum + bytes, 0) / 1e6;
    return [
      figure('compose', 'up to every container healthy', [healthy], 's', null),
      figure('compose', 'up to both journeys passed (each waits a minute between two codes)', [passed], 's', null),
      figure('compose', 'memory of the stack', [containers.reduce((a, b) => a + b, 0) / 1e6], 'MB', null),
      figure('compose', 'of it both Kafkas', [of(/-kafka$/)], 'MB', null),
      figure('compose', 'of it ten PostgreSQLs', [of(/-db$/)], 'MB', null),
      figure(
        'compose',
        'of it twelve programs',
        [of(/-(identity|verification|billing|key-issuance|moderation|gateway)$/)],
        'MB',
        null,
      ),
      figure('compose', 'containers', [containers.length], '', null),
    ];
  } finally {
    await stack.down();
  }
};

export const composeBench: Bench = {
  name: 'compose',
  budgeted: [],
  note: 'one run: it takes minutes, most of them waiting between two codes, and has no budget (docs/decisions/0018)',
  measure,
};
