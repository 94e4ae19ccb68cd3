import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { PostgresError, systemCode } from './postgres-error.ts';

/** How a PostgreSQL program is to be run: behind a wrapper, or as another user. `ownerUid` must own the cluster's files. */
export type Identity = {
  wrap(command: string, args: string[]): { command: string; args: string[] };
  run: { uid?: number; gid?: number };
  ownerUid: number;
};

// 'nobody' on Debian, Red Hat and Arch alike. initdb wants a user that has a name.
const NOBODY = 65534;
const NAMESPACE = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--'];

/**
 * PostgreSQL refuses root, and initdb a user without a name. Both are met by a user namespace in which our own files look like
 * nobody's: nothing is created, and folders of mode 0700 stay reachable. Where namespaces are forbidden (Docker's default), root
 * becomes nobody outright, which needs the folders on the way to be passable by everyone.
 * `probe` is a program of PostgreSQL that must be startable, `parent` the folder that holds the data folder.
 */
export function serverIdentity(probe: string, parent: string): Identity {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  if (uid !== 0 && hasName()) return { wrap: (command, args) => ({ command, args }), run: {}, ownerUid: uid };
  if (succeeds('unshare', [...NAMESPACE, probe, '--version'], {}))
    return {
      wrap: (command, args) => ({ command: 'unshare', args: [...NAMESPACE, command, ...args] }),
      run: {},
      ownerUid: uid,
    };
  const asNobody = { uid: NOBODY, gid: NOBODY };
  if (uid === 0 && succeeds(probe, ['--version'], asNobody) && succeeds('test', ['-x', parent], asNobody))
    return { wrap: (command, args) => ({ command, args }), run: asNobody, ownerUid: NOBODY };
  throw new PostgresError(
    'postgres_refused_user',
    `PostgreSQL does not run as user ${uid}:${gid} and this machine allows no user namespaces: run as an ordinary user, or give DATABASE_URL.`,
  );
}

function succeeds(command: string, args: string[], run: { uid?: number; gid?: number }): boolean {
  return spawnSync(command, args, { ...run, stdio: 'ignore', timeout: 10_000 }).status === 0;
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch (error) {
    if (systemCode(error) === 'ERR_SYSTEM_ERROR') return false;
    throw error;
  }
}
