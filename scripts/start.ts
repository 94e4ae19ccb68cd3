// npm start: the embedded default. Two regions in one process on embedded PostgreSQL, with the sandbox for the outside world.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { profiles } from '@meridian/regions/region.ts';
import { startEmbedded } from '@meridian/testkit/embedded/embedded.ts';
import { defaultPortBase } from '@meridian/testkit/embedded/ports.ts';
import { lockFolder } from '@meridian/testkit/postgres/folder-lock.ts';
import { stopOrphan } from '@meridian/testkit/postgres/postmaster.ts';

const help = `Usage: npm start [-- --reset] [-- --help]

Starts regions ${Object.keys(profiles).join(' and ')} on this machine, with everything they need. Ctrl-C stops them; data stays.

  --reset               delete the data of earlier runs first

  MERIDIAN_PORT_BASE    first of the ports used (now ${process.env.MERIDIAN_PORT_BASE ?? defaultPortBase})
  MERIDIAN_DATA_DIR     where data is kept (now ${process.env.MERIDIAN_DATA_DIR ?? '.meridian'})
  MERIDIAN_LOG_LEVEL    trace, debug, info, warn (default) or error
`;

/** What a data folder of ours may hold; --reset deletes nothing else. */
const ownEntries = ['postgres', 'secrets.json', 'secrets.json.new'];

const refuse = (sentence: string): never => {
  console.error(`meridian: ${sentence}`);
  process.exit(1);
};

const readOptions = () => {
  try {
    return parseArgs({
      options: { reset: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    }).values;
  } catch (error) {
    return refuse(`${(error as Error).message} See npm start -- --help.`);
  }
};

const portBase = () => {
  const base = Number(process.env.MERIDIAN_PORT_BASE ?? defaultPortBase);
  if (!Number.isInteger(base) || base < 1024 || base > 65_000)
    refuse('MERIDIAN_PORT_BASE must be a whole number from 1024 to 65000.');
  return base;
};

const reset = async (dataDir: string) => {
  const cluster = join(dataDir, 'postgres');
  if (!existsSync(dataDir)) return;
  const foreign = readdirSync(dataDir).filter((name) => !ownEntries.includes(name));
  if (foreign.length > 0)
    refuse(`${dataDir} holds files that are not Meridian's (${foreign.slice(0, 3).join(', ')}); it is not reset.`);
  if (existsSync(cluster)) {
    const lock = lockFolder(cluster);
    await stopOrphan(join(cluster, 'cluster'), 10_000);
    lock.release();
  }
  for (const name of ownEntries) rmSync(join(dataDir, name), { recursive: true, force: true });
};

const main = async () => {
  const options = readOptions();
  if (options.help) return console.log(help);
  const began = performance.now();
  const dataDir = resolve(process.env.MERIDIAN_DATA_DIR ?? '.meridian');
  const base = portBase();
  const progress = (line: string) =>
    console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${line}`);
  let stopped = false;
  const interrupted = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (stopped) process.exit(130); // Twice: the person does not want to wait.
        stopped = true;
        resolve(signal);
      });
    }
  });
  if (options.reset) {
    await reset(dataDir);
    progress(`deleted the data in ${dataDir}`);
  }
  const meridian = await startEmbedded({
    dataDir,
    portBase: base,
    profiles: Object.values(profiles),
    progress,
    logLevel: process.env.MERIDIAN_LOG_LEVEL,
  });
  for (const region of meridian.regions) {
    console.log(
      `ready ${region.id}: API ${region.api} · reference ${region.api}/docs · Base URL ${region.baseUrl} · inbox ${meridian.sandbox}/inbox · stop with Ctrl-C`,
    );
  }
  const reason = await Promise.race([interrupted, meridian.databaseExited.then(() => 'database')]);
  if (reason === 'database' && !stopped)
    console.error('meridian: PostgreSQL ended; stopping. Start again with npm start.');
  else console.log('stopping: requests in flight are finished first (Ctrl-C again to end at once)');
  await meridian.stop();
  console.log('stopped');
  process.exit(reason === 'database' && !stopped ? 1 : 0);
};

await main().catch((error: Error & { code?: string }) => {
  // An error with a code is a sentence for the person; anything else is a mistake of ours and shows where.
  refuse(error.code ? error.message : (error.stack ?? error.message));
});
