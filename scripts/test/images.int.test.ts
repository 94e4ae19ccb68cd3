// The Kafka image as the stacks use it, official or stand-in.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { kafkaImage } from '@meridian/testkit/kafka/start-kafka.ts';

/** A shell in a container that is gone afterwards; answers what it said and its exit status. */
const inImage = async (options: readonly string[], command: string) => {
  const args = ['run', '--rm', '--network', 'none', ...options, '--entrypoint', 'bash', kafkaImage(), '-c', command];
  return promisify(execFile)('docker', args, { timeout: 170_000 }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      text: error.stdout + error.stderr,
    }),
  );
};

describeNeeding('kafka', await kafkaEngineAvailable(), 'the image of Kafka', () => {
  test('whoever is of group 0 may write its volume, as infra/compose/region.yml trusts', async () => {
    const write = 'echo kept > /var/lib/kafka/data/file && cat /var/lib/kafka/data/file';
    const locked = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges:true'];
    expect(await inImage([...locked, '--user', '4711:0'], write)).toEqual({ code: 0, text: 'kept\n' });
    expect(await inImage([...locked, '--user', '4711:4711'], write)).toMatchObject({ code: 1 });
  }, 360_000);

  test('has a program behind each tool that the stand-in names', async () => {
    const folder = new URL('../../infra/images/kafka/bin/', import.meta.url);
    const tools = readdirSync(folder).filter((name) => !/run-class|server-start/.test(name));
    // What is missing is a class that Java cannot find, said before any usage.
    const ask = tools.map((name) => `/opt/kafka/bin/${name} --help 2>&1 | grep -q 'not find' && echo ${name}`);
    expect(await inImage([], `${ask.join('; ')}; true`)).toEqual({ code: 0, text: '' });
  }, 180_000);
});
