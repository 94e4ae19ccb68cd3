// Builds one stand-in: a minimal Debian by debootstrap, imported as base, then the folder's Dockerfile.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from './run-command.ts';
import type { StandIn } from './stand-ins.ts';

/** Label with the digest of what the stand-in was made of. */
export const digestLabel = 'meridian.stand-in.digest';

/** The mirror this machine installs from; undefined leaves the choice to debootstrap. */
const mirror = (): string | undefined => {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  for (const file of files.filter((name) => existsSync(name))) {
    const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(\S+)/m.exec(readFileSync(file, 'utf8'))?.[1];
    if (found) return found;
  }
  return undefined;
};

const exists = (image: string) =>
  run('docker', ['image', 'inspect', image]).then(
    () => true,
    () => false,
  );

/** The base image of a suite and its packages; built once per set of packages and day-independent, so it is found again by name. */
const ensureBase = async ({ suite, packages }: StandIn, progress: (line: string) => void): Promise<string> => {
  const digest = createHash('sha256')
    .update([suite, ...packages].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const base = `meridian/base-${suite}:${digest}`;
  if (await exists(base)) return base;
  const target = mkdtempSync(join(tmpdir(), 'meridian-base-'));
  try {
    progress(`installing Debian ${suite} with ${packages.join(', ')} (a minute or two)`);
    const script = `/usr/share/debootstrap/scripts/${suite}`;
    const from = mirror();
    // A suite newer than this machine's debootstrap has no script of its own; unstable's serves.
    const tail = existsSync(script) ? (from ? [from] : []) : [from ?? '', '/usr/share/debootstrap/scripts/sid'];
    await run('debootstrap', ['--variant=minbase', `--include=${packages.join(',')}`, suite, target, ...tail]);
    rmSync(join(target, 'var/cache/apt/archives'), { recursive: true, force: true });
    rmSync(join(target, 'var/lib/apt/lists'), { recursive: true, force: true });
    const tar = spawn('tar', ['-C', target, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await run('docker', ['import', '-', base], { input: tar.stdout });
    return base;
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
};

/** What a stand-in is made of: another digest is another image. */
export const digestOf = ({ suite, packages, folder }: StandIn, root: string): string => {
  const hash = createHash('sha256').update([suite, ...packages].join('\n'));
  const from = join(root, 'infra/images', folder);
  const files = readdirSync(from, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort())
    hash.update(`\n${relative(from, path)}\n`).update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
};

/** Builds and names the stand-in. Needs root, debootstrap and a Docker engine; throws CommandError naming what is missing. */
export const buildStandIn = async (standIn: StandIn, root: string, progress: (line: string) => void): Promise<void> => {
  const base = await ensureBase(standIn, progress);
  const folder = mkdtempSync(join(tmpdir(), 'meridian-image-'));
  try {
    cpSync(join(root, 'infra/images', standIn.folder), folder, { recursive: true });
    await standIn.prepare?.(folder, root);
    progress(`building ${standIn.image}`);
    const label = `${digestLabel}=${digestOf(standIn, root)}`;
    await run('docker', ['build', '-q', '-t', standIn.image, '--label', label, '--build-arg', `BASE=${base}`, folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
