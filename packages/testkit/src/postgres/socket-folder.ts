import { chmod, lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// sockaddr_un.sun_path less its closing zero byte, and the name PostgreSQL gives a socket of port 5432.
const SOCKET_PATH_BYTES = process.platform === 'darwin' ? 103 : 107;
const SOCKET_NAME = '/.s.PGSQL.5432';

export type SocketFolder = { path: string; ownerUid: number; remove(): Promise<void> };

/**
 * A folder of mode 0700 for the server's socket: inside the data folder, or, when that path is too long for a socket, a private
 * folder among the temporary files, noted in the data folder so that it is found again.
 */
export async function openSocketFolder(dataDir: string): Promise<SocketFolder> {
  const inside = join(dataDir, 'socket');
  if (fits(inside)) {
    await mkdir(inside, { recursive: true, mode: 0o700 });
    return folder(inside, async () => {});
  }
  const note = join(dataDir, 'socket-folder');
  const path = (await notedFolder(note)) ?? (await mkdtemp(join(tmpdir(), 'meridian-')));
  await writeFile(note, path, { mode: 0o600 });
  return folder(path, async () => {
    await rm(path, { recursive: true, force: true });
    await rm(note, { force: true });
  });
}

async function folder(path: string, remove: () => Promise<void>): Promise<SocketFolder> {
  await chmod(path, 0o700);
  for (const suffix of ['', '.lock']) await rm(`${path}${SOCKET_NAME}${suffix}`, { force: true });
  return { path, ownerUid: (await lstat(path)).uid, remove };
}

/** True when a PostgreSQL socket in this folder has a path the operating system accepts. */
export function fits(folder: string): boolean {
  return Buffer.byteLength(folder + SOCKET_NAME) <= SOCKET_PATH_BYTES;
}

/** The noted folder if it is still a folder of ours: others may write among the temporary files. */
async function notedFolder(note: string): Promise<string | undefined> {
  try {
    const path = await readFile(note, 'utf8');
    const found = await lstat(path);
    const ours = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
    return ours && fits(path) ? path : undefined;
  } catch {
    return undefined; // No note, or its folder is gone: a fresh one is made.
  }
}
