import { lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Gives a whole folder to a user; does nothing when it is that user's already. Only root may give files away. */
export async function ownTree(folder: string, uid: number): Promise<void> {
  if (uid < 0 || (await lstat(folder)).uid === uid) return;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    await lchown(join(entry.parentPath, entry.name), uid, uid);
  await lchown(folder, uid, uid);
}
