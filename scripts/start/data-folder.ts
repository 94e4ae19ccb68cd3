// Where a running copy keeps its data, and what --reset may delete of it.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lockFolder } from '@meridian/testkit/postgres/folder-lock.ts';
import { stopOrphan } from '@meridian/testkit/postgres/postmaster.ts';

/** A folder of the copy's own: beside it, .meridian holds what tests and builds leave, which no reset may touch or trip over. */
export const defaultDataDir = join('.meridian', 'data');

/** What a data folder of ours may hold; --reset deletes nothing else. */
const ownEntries = ['postgres', 'sandbox', 'secrets.json', 'secrets.json.new', 'start.log'];

/** An empty variable counts as absent: it would name the current folder. */
export const dataFolderOf = (env: NodeJS.ProcessEnv) => resolve(env.MERIDIAN_DATA_DIR || defaultDataDir);

/** Deletes a copy's data. Answers why not, in one sentence, where the folder holds what is not ours; throws when a copy runs on it. */
export const resetDataFolder = async (dataDir: string): Promise<string | undefined> => {
  if (!existsSync(dataDir)) return undefined;
  const foreign = readdirSync(dataDir).filter((name) => !ownEntries.includes(name));
  if (foreign.length > 0)
    return `${dataDir} holds files that are not Meridian's (${foreign.slice(0, 3).join(', ')}); it is not reset.`;
  const postgres = join(dataDir, 'postgres');
  const lock = existsSync(postgres) ? lockFolder(postgres) : undefined;
  try {
    await stopOrphan(join(postgres, 'cluster'), 10_000);
    for (const name of ownEntries) rmSync(join(dataDir, name), { recursive: true, force: true });
  } finally {
    lock?.release();
  }
  return undefined;
};
