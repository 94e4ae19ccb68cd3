import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, parseConfig, parseFitting } from './config.ts';
import { flag, integer, json, list, listener, network, privateKeyPem, publicKeyPem, secret, url } from './values.ts';

const schema = z.object({
  PEPPER: secret,
  LISTEN: listener,
  POOL: integer(1, 50).default(10),
  TLS: flag,
  UPSTREAM: url('https'),
  DATABASE_URL: url('postgres', 'postgresql'),
  PROXIES: list(network).default([]),
  LIMITS: json(z.strictObject({ perMinute: z.number() })),
  LEVEL: z.enum(['info', 'debug']),
});
const good = {
  PEPPER: 'a-long-enough-pepper',
  LISTEN: '127.0.0.1:4001',
  TLS: 'true',
  UPSTREAM: 'https://a.example/x',
  DATABASE_URL: 'postgres://u:p@127.0.0.1/db',
  LIMITS: '{"perMinute":5}',
  LEVEL: 'info',
};

describe('parseConfig', () => {
  test('reads every kind of value; an empty variable is absent', () => {
    expect(
      parseConfig(schema, { ...good, POOL: '', PROXIES: '10.0.0.0/8, ::1', LISTEN: '[::1]:0', OTHER: 'ignored' }),
    ).toEqual({
      ...good,
      LISTEN: { host: '::1', port: 0 },
      POOL: 10,
      TLS: true,
      PROXIES: ['10.0.0.0/8', '::1'],
      LIMITS: { perMinute: 5 },
    });
  });
  test('tells all mistakes at once by name, and no value', () => {
    const bad = {
      PEPPER: 'hunter2',
      LISTEN: 'hunter2',
      TLS: 'hunter2',
      POOL: '51',
      UPSTREAM: 'https://user:hunter2@a.example',
      DATABASE_URL: 'mysql://hunter2',
      PROXIES: 'hunter2',
      LIMITS: '{"perMinute":"hunter2"',
      LEVEL: 'hunter2',
    };
    let message = '';
    try {
      parseConfig(schema, bad);
    } catch (error) {
      message = String((error as Error).message);
      expect(error).toMatchObject({ code: 'invalid_configuration' });
    }
    for (const name of Object.keys(bad)) expect(message).toContain(name);
    expect(message).not.toContain('hunter2');
    expect(message).toContain('9 mistake(s)');
  });
  test('says what is missing, and where inside JSON a value is wrong', () => {
    expect(() => parseConfig(schema, { ...good, PEPPER: '' })).toThrow('PEPPER is missing');
    expect(() => parseConfig(schema, { ...good, LIMITS: '{"perMinute":"x","y":1}' })).toThrow(
      /LIMITS \(at perMinute\) must be of type number[\s\S]*LIMITS has unknown member\(s\) y/,
    );
  });
});

test('what fits is read beside what does not; what is absent is left out', () => {
  expect(parseFitting(schema, { PEPPER: 'short', LISTEN: '127.0.0.1:1', TLS: '' })).toEqual({
    LISTEN: { host: '127.0.0.1', port: 1 },
    POOL: 10,
    PROXIES: [],
  });
});

test('notes stand below the list and are not counted', () => {
  expect(new ConfigError(['A is missing'], ['There is more.']).message).toBe(
    'The configuration has 1 mistake(s):\n  - A is missing\nThere is more.',
  );
});

describe('secrets in files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'PEPPER'), 'a-pepper-from-a-file\n');
  const { PEPPER: _, ...without } = good;

  test('NAME_FILE names a file, SECRETS_DIR a folder of them; the last line break is not part of the value', () => {
    const path = join(folder, 'PEPPER');
    expect(parseConfig(schema, { ...without, PEPPER_FILE: path }).PEPPER).toBe('a-pepper-from-a-file');
    expect(parseConfig(schema, { ...without, SECRETS_DIR: folder }).PEPPER).toBe('a-pepper-from-a-file');
    expect(parseConfig(schema, { ...good, SECRETS_DIR: folder }).PEPPER).toBe(good.PEPPER);
  });
  test('a file that is not there and a value given twice are refused by name; no value is told', () => {
    expect(() => parseConfig(schema, { ...without, PEPPER_FILE: join(folder, 'none') })).toThrow(
      /1 mistake\(s\):\n {2}- PEPPER: the file .*none cannot be read \(ENOENT\)$/,
    );
    expect(() => parseConfig(schema, { ...good, PEPPER_FILE: join(folder, 'PEPPER') })).toThrow(
      'PEPPER and PEPPER_FILE are both given',
    );
    expect(() => parseConfig(schema, { ...without, SECRETS_DIR: join(folder, 'nowhere') })).toThrow(
      'PEPPER is missing',
    );
  });
});

describe('values', () => {
  test.each(['change-me-change-me', 'your-secret-goes-here', ' padded-with-a-blank', 'short', '<fill this in please>'])(
    '%j is no secret',
    (value) => {
      expect(secret.safeParse(value).success).toBe(false);
    },
  );
  test.each(['a', '1.2.3.4/33', '1.2.3.4/8/8', '::1/129', '10.0.0.0/'])('%j is no network', (value) => {
    expect(network.safeParse(value).success).toBe(false);
  });
  test.each(['127.0.0.1', ':80', '127.0.0.1:99999', 'a b:80', '::1:80'])('%j is no listener', (value) => {
    expect(listener.safeParse(value).success).toBe(false);
  });
  test('keys must be P-256, and of the kind asked for; line breaks may be written out', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(privateKeyPem.parse(privatePem.replaceAll('\n', '\\n')).type).toBe('private');
    expect(publicKeyPem.parse(publicPem).type).toBe('public');
    expect(publicKeyPem.safeParse(privatePem).success).toBe(false);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    expect(privateKeyPem.safeParse(other).success).toBe(false);
    expect(privateKeyPem.safeParse('nonsense').success).toBe(false);
  });
});
