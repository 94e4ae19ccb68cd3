// Runs one of the scripts in this folder on the pinned Node, after installing what is missing. Plain JavaScript: any Node from 20 on starts it.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = dirname(fileURLToPath(import.meta.url));
const root = dirname(scripts);
const stampFile = join(root, 'node_modules', '.meridian-installed');
const NODE_MAJOR = 24;
/** npm passes a terminal's Ctrl-C on although we have had it already: one press must not look like two. */
const SAME_SIGNAL_MS = 500;
/** A whole system in one process on somebody's machine: V8's own limit for young objects (16 MB, kept several times) costs it 95 MB after two journeys. */
const NODE_OPTIONS = { start: ['--max-semi-space-size=4'] };

class Refusal extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main([command, ...args]) {
  const usage = `Usage: node scripts/run.mjs <command> [options]\nCommands: ${['install', ...commands()].join(', ')}`;
  if (command === '--help' || command === '-h' || command === 'help') return console.log(usage);
  if (command === undefined) throw new Refusal(usage);
  if (command === 'install') return install();
  if (!commands().includes(command)) throw new Refusal(`Unknown command "${command}".\n${usage}`);
  install();
  await run(pinnedNode(), [...(NODE_OPTIONS[command] ?? []), join(scripts, `${command}.ts`), ...args]);
}

function commands() {
  const names = readdirSync(scripts).filter((name) => /^[a-z-]+\.ts$/.test(name));
  return names.map((name) => name.slice(0, -'.ts'.length)).sort();
}

/** Installs when node_modules does not stem from this lockfile on this platform. */
function install() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const pnpm = /^pnpm@\d+\.\d+\.\d+[^+]*/.exec(manifest.packageManager ?? '')?.[0];
  if (pnpm === undefined) throw new Refusal('package.json must pin pnpm in "packageManager".');
  const digest = createHash('sha256').update(`${pnpm} ${process.platform} ${process.arch}\n`);
  for (const name of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) digest.update(readFileSync(join(root, name)));
  const stamp = digest.digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;

  console.log(`Installing dependencies with ${pnpm}: seconds when they are cached, a minute or two the first time.`);
  // We are the pinned pnpm already; its own look-up of that pin would want a lockfile entry of its own.
  const result = spawnSync('npx', ['--yes', pnpm, 'install', '--frozen-lockfile', '--pm-on-fail=ignore'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (result.error) throw new Refusal('Dependencies cannot be installed: npx, which comes with npm, was not found.');
  if (result.signal) endBy(result.signal);
  else if (result.status !== 0) throw new Refusal(installFailure(result.status));
  else writeFileSync(stampFile, stamp);
}

function installFailure(status) {
  const ping = spawnSync('npm', ['ping', '--fetch-retries=0', '--fetch-timeout=5000'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 20_000,
  });
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT/.test(
    `${ping.stderr}`,
  );
  return offline || ping.error
    ? 'Dependencies cannot be installed because the package registry cannot be reached: connect to the network and run the command again.'
    : `Dependencies could not be installed (pnpm ended with ${status}): its message is above.`;
}

function pinnedNode() {
  const carried = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(carried)) return carried;
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  throw new Refusal(
    `Meridian needs Node ${NODE_MAJOR}, and npm carries none for ${process.platform}-${process.arch}: start it with Node ${NODE_MAJOR} (this is ${process.version}).`,
  );
}

/**
 * The script gets a session of its own, so that a signal reaches it through here alone and exactly once, whether it came from a
 * terminal, from npm or for a whole process group. Should this process be killed, the lifeline (descriptor 3) ends the script.
 */
function run(node, args) {
  const lifeline = join(scripts, 'run', 'lifeline.mjs');
  const child = spawn(node, ['--import', lifeline, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    detached: true,
  });
  child.stdio[3].on('error', () => {}); // The script's end of it closes when the script ends; that is told by 'exit'.
  const last = new Map();
  const forward = (signal) => {
    const now = performance.now();
    if (now - (last.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_MS) return;
    last.set(signal, now);
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Refusal(`${node} cannot be started: ${error.message}.`)));
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      if (signal) endBy(signal);
      process.exitCode = code ?? 1;
      child.stdio[3].destroy();
      resolve();
    });
  });
}

/** Ends as the child did, so that callers see the signal; where it does not end us, by the shell's number for it. */
function endBy(signal) {
  process.kill(process.pid, signal);
  process.exit(128 + (constants.signals[signal] ?? 0));
}
