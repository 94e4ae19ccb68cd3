// Files of secrets: mode 0600 in folders of mode 0700, owned by whom the containers run as.
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';

/** Containers run as the person who made the files; where that is root, as the unprivileged user of the Node image. */
export const containerUser = () => {
  const [uid, gid] = [process.getuid?.() ?? 1000, process.getgid?.() ?? 1000];
  return uid === 0 ? { uid: 1000, gid: 1000 } : { uid, gid };
};

const own = (path: string) => {
  const { uid, gid } = containerUser();
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
};

/** Makes a folder only its owner can enter. */
export const ownFolder = (path: string): void => {
  if (existsSync(path)) return;
  ownFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
  own(path);
};

/** Writes whole or not at all. */
export const writeSecret = (path: string, text: string): void => {
  ownFolder(dirname(path));
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  own(`${path}.new`);
  renameSync(`${path}.new`, path);
};

/** Writes each value into a file named after it. With `keep`, a file that is there stays as it is. */
export const writeAll = (folder: string, values: Readonly<Record<string, string>>, keep = false): void => {
  for (const [name, value] of Object.entries(values)) {
    const path = join(folder, name);
    if (!keep || !existsSync(path)) writeSecret(path, value);
  }
};

export const readJson = <T>(path: string): T | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined;

/** Settings of a file that compose reads. */
export const readEnv = (path: string): Readonly<Record<string, string>> | undefined =>
  existsSync(path) ? (parseEnv(readFileSync(path, 'utf8')) as Record<string, string>) : undefined;
