// npm run images: makes sure that every image the stacks and tests use is there. Pulls the official ones; where none can be pulled, builds stand-ins.
import { parseArgs } from 'node:util';
import { buildStandIn, digestLabel, digestOf } from './images/build-stand-in.ts';
import { run } from './images/run-command.ts';
import { standIns } from './images/stand-ins.ts';

const help = `Usage: npm run images

Makes sure that this machine has every container image that the stacks and tests use. Pulls the official ones; where no registry can be
reached, builds stand-ins under the same names (infra/images/README.md), which needs root and Debian's debootstrap and maven.

${standIns.map(({ image }) => `  ${image}`).join('\n')}
`;
const root = new URL('../', import.meta.url).pathname;
const began = performance.now();
const progress = (line: string) =>
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);

/** Labels of a local image; undefined where there is none. */
const labels = (image: string) =>
  run('docker', ['image', 'inspect', '-f', '{{json .Config.Labels}}', image]).then(
    (text) => (JSON.parse(text) ?? {}) as Record<string, string>,
    () => undefined,
  );

const pull = (image: string) =>
  run('docker', ['pull', '-q', image], { timeoutMs: 600_000 }).then(
    () => true,
    () => false,
  );

const ensure = async (standIn: (typeof standIns)[number]) => {
  const { image } = standIn;
  const present = await labels(image);
  if (present !== undefined && !present['meridian.stand-in']) return progress(`${image}: present (official)`);
  if (present?.[digestLabel] === digestOf(standIn, root)) return progress(`${image}: present (stand-in)`);
  if (await pull(image)) return progress(`${image}: pulled (official)`);
  progress(`${image}: cannot be pulled here, building a stand-in`);
  await buildStandIn(standIn, root, progress);
  progress(`${image}: built (stand-in)`);
};

/** Testcontainers' own cleaner; the tag is the one that testcontainers 12 asks for. Without it the tests' labelled clean-up does its work. */
const cleaner = 'testcontainers/ryuk:0.14.0';
const fetchCleaner = async () => {
  if ((await labels(cleaner)) !== undefined) return progress(`${cleaner}: present`);
  progress(
    `${cleaner}: ${(await pull(cleaner)) ? 'pulled' : 'cannot be pulled here; tests remove their containers without it'}`,
  );
};

const main = async () => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help) return console.log(help);
  await run('docker', ['info'], { timeoutMs: 20_000 }).catch(() => {
    throw new Error('no Docker engine answers: install and start one (Debian: apt-get install docker.io)');
  });
  // Side by side: one waits for the mirror while another unpacks.
  const ends = await Promise.allSettled([...standIns.map(ensure), fetchCleaner()]);
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [(end.reason as Error).message] : []));
  if (failures.length > 0) throw new Error(failures.join('; '));
};

await main().catch((error: Error) => {
  console.error(`images: ${error.message}`);
  process.exit(1);
});
