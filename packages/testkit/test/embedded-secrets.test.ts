import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { embeddedSecrets } from '../src/embedded/secrets.ts';

let folder: string;
const file = () => join(folder, 'secrets.json');
const read = (regions: string[], inUse = true) => embeddedSecrets(folder, { regions, inUse });
const broken = (why: string) => ({ code: 'data_folder_broken', message: expect.stringContaining(why) });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meridian-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('secrets of a data folder', () => {
  test('are drawn once, for their owner alone; a region added later gets its own', async () => {
    const first = await read(['cn'], false);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(await read(['cn'])).toEqual(first);
    const more = await read(['cn', 'global']);
    expect(more.regions.cn).toEqual(first.regions.cn);
    expect(more.regions.global?.busPassword).not.toBe(first.regions.cn?.busPassword);
  });

  test('that are gone while databases were made with them are not drawn again', async () => {
    await expect(read(['cn'])).rejects.toMatchObject(broken('secrets.json is gone'));
    expect(existsSync(file())).toBe(false);
  });

  test('that are damaged are told, and what is left of them is left alone', async () => {
    await read(['cn'], false);
    const whole = readFileSync(file(), 'utf8');
    const damaged = [
      '',
      'null',
      '[]',
      '{"regions":{}}',
      whole.slice(0, 3_000),
      whole.replace('"busPassword"', '"bus"'),
      whole.replace(/"caseKey":"[^"]+"/, '"caseKey":""'),
      whole.replace(/"waffoPlatform":\{/, '"waffoPlatform":{"key":7},"x":{'),
    ];
    for (const text of damaged) {
      writeFileSync(file(), text);
      await expect(read(['cn'])).rejects.toMatchObject(broken('damaged'));
      expect(readFileSync(file(), 'utf8')).toBe(text);
    }
  });
});
