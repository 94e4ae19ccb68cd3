// npm run images: makes sure that every image the stacks and tests use is there. Pulls the official ones; where none can be pulled, builds stand-ins.
import { buildStandIn } from './images/build-stand-in.ts';
import { run } from './images/run-command.ts';
import { standIns } from './images/stand-ins.ts';

const root = new URL('../', import.meta.url).pathname;
const began = performance.now();
const progress = (line: string) =>
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);

const label = (image: string) =>
  run('docker', ['image', 'inspect', '-f', '{{index .Config.Labels "meridian.stand-in"}}', image]).then(
    (text) => text.trim(),
    () => undefined,
  );

const pull = (image: string) =>
  run('docker', ['pull', '-q', image], { timeoutMs: 600_000 }).then(
    () => true,
    () => false,
  );

const ensure = async (standIn: (typeof standIns)[number]) => {
  const { image } = standIn;
  const present = await label(image);
  if (present !== undefined)
    return progress(`${image}: present (${present && present !== '<no value>' ? 'stand-in' : 'official'})`);
  if (await pull(image)) return progress(`${image}: pulled (official)`);
  progress(`${image}: cannot be pulled here, building a stand-in`);
  await buildStandIn(standIn, root, progress);
  progress(`${image}: built (stand-in)`);
};

/** Testcontainers' own cleaner; the tag is the one that testcontainers 12 asks for. Without it the tests' labelled clean-up does its work. */
const cleaner = 'testcontainers/ryuk:0.14.0';
const fetchCleaner = async () => {
  if ((await label(cleaner)) !== undefined) return progress(`${cleaner}: present`);
  progress(
    `${cleaner}: ${(await pull(cleaner)) ? 'pulled' : 'cannot be pulled here; tests remove their containers without it'}`,
  );
};

try {
  await run('docker', ['info'], { timeoutMs: 20_000 }).catch(() => {
    throw new Error('no Docker engine answers: install and start one (Debian: apt-get install docker.io)');
  });
  for (const standIn of standIns) await ensure(standIn);
  await fetchCleaner();
} catch (error) {
  console.error(`images: ${(error as Error).message}`);
  process.exit(1);
}
