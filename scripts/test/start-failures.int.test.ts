// What keeps npm start from running, or ends it, is told in one sentence and never by a stack.
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { regionPorts } from '@meridian/testkit/embedded/ports.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import pg from 'pg';
import { ready, type StartedCopy, startedCopies } from '../../tests/support/started-copy.ts';

const { begin, newFolder, clear } = startedCopies();
afterEach(clear, 60_000);

/** The copy ends with 1, and all it says besides its progress and its services' log is one sentence. */
const expectSentence = async (copy: StartedCopy, sentence: RegExp) => {
  expect(await copy.exit).toBe(1);
  const lines = copy.output().trimEnd().split('\n');
  expect(lines.filter((line) => !/^ *\d+\.\d s {2}|^ready |^\{"level":/.test(line))).toEqual([
    expect.stringMatching(sentence),
  ]);
};

test('a single port taken by another program is named', async () => {
  const copy = await begin({ dataDir: newFolder(), args: ['--help'] });
  const port = regionPorts(copy.base, 1).gateway;
  const other = createServer().listen(port, '127.0.0.1');
  try {
    await expectSentence(
      await begin({ dataDir: newFolder(), base: copy.base }),
      new RegExp(`^meridian: Port ${port} is in use by another program: `),
    );
  } finally {
    other.close();
  }
}, 60_000);

test('a data folder that is broken, in each of its parts', async () => {
  const dataDir = newFolder();
  const secrets = join(dataDir, 'secrets.json');
  const copy = await ready(await begin({ dataDir }));
  copy.child.kill('SIGINT');
  await copy.exit;
  const whole = readFileSync(secrets, 'utf8');
  const start = () => begin({ dataDir, base: copy.base });
  const broken = (why: string) =>
    new RegExp(`^meridian: The data folder ${dataDir} is broken \\(.*${why}.*\\): .*\\.$`);

  writeFileSync(secrets, whole.slice(0, 3_000));
  await expectSentence(await start(), broken('secrets\\.json is damaged'));
  rmSync(secrets);
  await expectSentence(await start(), broken('secrets\\.json is gone'));
  expect(existsSync(secrets)).toBe(false);
  const foreign = JSON.parse(whole) as { regions: Record<string, { databasePasswords: Record<string, string> }> };
  for (const region of Object.values(foreign.regions)) region.databasePasswords.billing = 'another';
  writeFileSync(secrets, JSON.stringify(foreign));
  await expectSentence(await start(), broken('secrets\\.json is not the one'));

  writeFileSync(secrets, whole);
  rmSync(join(dataDir, 'postgres/cluster/PG_VERSION'));
  await expectSentence(await start(), /^meridian: The data folder .* is broken \(it has no PG_VERSION\)/);
}, 180_000);

test('a data folder that cannot be made', async () => {
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  await expectSentence(await begin({ dataDir: join(file, 'data') }), /^meridian: .+ cannot be written .+\.$/);
}, 60_000);

test('what nobody foresaw is one sentence that names the log with the stack', async () => {
  const dataDir = newFolder();
  mkdirSync(join(dataDir, 'secrets.json.new'));
  await expectSentence(await begin({ dataDir }), new RegExp(`^meridian: .+; its log is ${dataDir}/start\\.log\\.$`));
  expect(readFileSync(join(dataDir, 'start.log'), 'utf8')).toMatch(/at .*secrets\.ts:\d+/);
}, 60_000);

test('PostgreSQL ending while the copy runs', async () => {
  const dataDir = newFolder();
  const copy = await ready(await begin({ dataDir }));
  const log = join(dataDir, 'postgres/postgres.log');
  const [pid] = readFileSync(join(dataDir, 'postgres/cluster/postmaster.pid'), 'utf8').split('\n');
  process.kill(Number(pid), 'SIGKILL');
  await expectSentence(copy, new RegExp(`^meridian: PostgreSQL ended( \\(.*FATAL.*\\))?; its log is ${log}\\.$`));
}, 120_000);

describeNeeding('root', process.getuid?.() === 0, 'a disk of its own', () => {
  const full = /^meridian: The disk is full: .+\.$/;
  /** A copy whose data lies on a disk of that size; the mount is seen by it alone and goes with it. */
  const beginOnDisk = (megabytes: number, folder: string) =>
    begin({
      dataDir: join(folder, 'data'),
      prefix: [
        'unshare',
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs -o size=${megabytes}m tmpfs "$0" && exec "$@"`,
        folder,
      ],
    });

  // Too small for the cluster, for the databases, for their tables.
  test.each([24, 90, 200])(
    'of %d MB is full before the copy is ready',
    async (megabytes) => {
      await expectSentence(await beginOnDisk(megabytes, newFolder()), full);
    },
    180_000,
  );

  test('is full while the copy runs', async () => {
    const folder = newFolder();
    const copy = await ready(await beginOnDisk(400, folder));
    // The disk as the copy sees it. Its log of changes needs 16 MB at once when a piece of it is used up.
    const disk = join(`/proc/${copy.child.pid}/root`, folder);
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, 'filling'), Buffer.alloc(bavail * bsize - 4_000_000));
    const data = join(disk, 'data/postgres');
    const password = readFileSync(join(data, 'password'), 'utf8').trim();
    const admin = new pg.Client({ host: join(data, 'socket'), user: 'meridian', password, database: 'postgres' });
    admin.on('error', () => undefined);
    await admin.connect();
    const useUp = async () => {
      for (let piece = 0; piece < 40; piece += 1)
        await admin.query("select pg_logical_emit_message(false, 'test', repeat('x', 1000000))");
    };
    await expect(useUp()).rejects.toThrow();
    await expectSentence(copy, full);
  }, 120_000);
});
