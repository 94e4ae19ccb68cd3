import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '@meridian/testkit/postgres/postgres-error.ts';

const NOT_OURS = new Set(['node_modules', '.git', '.meridian', 'coverage', 'generated']);

/** Paths of all files below the given folders, relative to root with '/', without what is installed, generated or data. Sorted. */
export async function sourceFiles(root: string, folders: string[]): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await entries(join(root, folder))) {
      const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
      if (NOT_OURS.has(entry.name)) continue;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  for (const folder of folders) await walk(folder);
  return found.sort();
}

async function entries(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

export const CODE = ['packages', 'services', 'tests', 'scripts'];

export const isCode = (path: string): boolean => /\.(ts|mts|mjs|js)$/.test(path);

/** Tests and their fixtures: 'x.test.ts' anywhere, and everything below a folder 'test' or 'tests'. */
export const isTest = (path: string): boolean => /\.test\.[a-z]+$/.test(path) || /(^|\/)tests?\//.test(path);
