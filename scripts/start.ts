// npm start: the embedded default. Two regions in one process on embedded PostgreSQL, with the sandbox for the outside world.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { profiles } from '@meridian/regions/region.ts';
import { startEmbedded } from '@meridian/testkit/embedded/embedded.ts';
import { defaultPortBase, portBaseOf } from '@meridian/testkit/embedded/ports.ts';
import { dataFolderOf, defaultDataDir, resetDataFolder } from './start/data-folder.ts';
import { endOnUncaught, failureSentence } from './start/failure.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

const help = `Usage: npm start [-- --reset] [-- --help]

Starts regions ${Object.keys(profiles).join(' and ')} on this machine, with everything they need. Ctrl-C stops them; data stays.

  --reset               delete the data of earlier runs first

  MERIDIAN_PORT_BASE    first of the ports used (now ${process.env.MERIDIAN_PORT_BASE || defaultPortBase})
  MERIDIAN_DATA_DIR     where data is kept (now ${process.env.MERIDIAN_DATA_DIR || defaultDataDir})
  MERIDIAN_LOG_LEVEL    one of ${logLevels.join(', ')} (now ${process.env.MERIDIAN_LOG_LEVEL || 'warn'})
`;

/** How long parts that have lost their database may take to stop. */
const brokenStopMs = 10_000;

const refuse = (sentence: string): never => {
  console.error(`meridian: ${sentence}`);
  process.exit(1);
};

/** Empty counts as absent. */
const logLevelOf = (env: NodeJS.ProcessEnv) => {
  const level = env.MERIDIAN_LOG_LEVEL || 'warn';
  return logLevels.includes(level) ? level : refuse(`MERIDIAN_LOG_LEVEL must be one of ${logLevels.join(', ')}.`);
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

const main = async () => {
  const options = readOptions();
  if (options.help) return console.log(help);
  const began = performance.now();
  const dataDir = dataFolderOf(process.env);
  const portBase = portBaseOf(process.env);
  const logLevel = logLevelOf(process.env);
  const progress = (line: string) =>
    console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${line}`);
  endOnUncaught(dataDir, refuse);
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
    const refused = await resetDataFolder(dataDir);
    if (refused) refuse(refused);
    progress(`deleted the data in ${dataDir}`);
  }
  const meridian = await startEmbedded({
    dataDir,
    portBase,
    profiles: Object.values(profiles),
    progress,
    logLevel,
  });
  for (const region of meridian.regions) {
    console.log(
      `ready ${region.id}: API ${region.api} · reference ${region.api}/docs · Base URL ${region.baseUrl} · inbox ${meridian.sandbox}/inbox · stop with Ctrl-C`,
    );
  }
  const ended = await Promise.race([interrupted, meridian.databaseEnded.then((why) => ({ why }))]);
  if (typeof ended === 'object') {
    // Without its database nothing stops in good order, and none of that is news; what is comes last, where it is seen.
    await Promise.race([meridian.stop().catch(() => undefined), pause(brokenStopMs)]);
    return refuse(ended.why);
  }
  console.log('stopping: requests in flight are finished first (Ctrl-C again to end at once)');
  await meridian.stop();
  console.log('stopped');
  process.exit(0);
};

await main().catch((error: unknown) => refuse(failureSentence(error, dataFolderOf(process.env))));
