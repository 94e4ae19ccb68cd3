import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { secret, url } from '../config/values.ts';
import { platformVariables } from './platform-variables.ts';
import { isEmbedded, parseParty, parseService } from './service-config.ts';

const schema = z.object({ ...platformVariables, PEPPER: secret });
const mistakesOf = (read: () => unknown): { mistakes: string[]; notes: string[] } => {
  try {
    read();
  } catch (error) {
    return error as { mistakes: string[]; notes: string[] };
  }
  return { mistakes: [], notes: [] };
};

test('what the mode asks for is told beside what is missing and what is wrong', () => {
  const env = {
    MERIDIAN_MODE: 'production',
    DATABASE_URL: 'postgres://u:hunter2@h/d?sslmode=require',
    EVENT_BUS_URL: 'postgres://u:hunter2@h/d',
    ISSUER: 'http://a.example',
    INTERNAL_TLS_CERT: 'garbage',
  };
  const { mistakes } = mistakesOf(() => parseService('billing', schema, env));
  expect(mistakes).toEqual(
    expect.arrayContaining([
      'PEPPER is missing',
      'SERVICE_KEY is missing',
      'INTERNAL_TLS_CERT must be a certificate in PEM',
      'INTERNAL_TLS_KEY is missing: production needs mutual TLS between services',
      'ISSUER must begin with https:// in production',
      expect.stringContaining('DATABASE_URL must end with sslmode=verify-full'),
      expect.stringContaining('EVENT_BUS_URL must be a kafka:// address'),
    ]),
  );
  expect(mistakes.filter((mistake) => mistake.startsWith('INTERNAL_TLS_CERT'))).toHaveLength(1);
  expect(mistakes.join()).not.toContain('hunter2');
});

test('the embedded mode forbids other addresses to listen on, also when something else is wrong', () => {
  const env = { MERIDIAN_MODE: 'embedded', PUBLIC_LISTEN: '0.0.0.0:1' };
  const { mistakes, notes } = mistakesOf(() => parseService('billing', schema, env));
  expect(mistakes).toEqual(expect.arrayContaining(['PEPPER is missing', expect.stringContaining('not on 0.0.0.0')]));
  expect(notes).toEqual([]);
});

test('without a mode it is said that the mode asks for more', () => {
  const { mistakes, notes } = mistakesOf(() => parseService('billing', schema, {}));
  expect(mistakes).toContain('MERIDIAN_MODE is missing');
  expect(mistakes.join()).not.toContain('INTERNAL_TLS');
  expect(notes).toEqual([expect.stringContaining('MERIDIAN_MODE')]);
});

test('an address of an outside party is encrypted, but on one machine', () => {
  const party = z.object({ SMS_ENDPOINT: url('http', 'https'), SMS_SECRET: secret });
  const given = { SMS_ENDPOINT: 'http://sms.example' };
  expect(mistakesOf(() => parseParty(party, { ...given, MERIDIAN_MODE: 'production' })).mistakes).toEqual([
    'SMS_SECRET is missing',
    'SMS_ENDPOINT must begin with https:// in production',
  ]);
  expect(mistakesOf(() => parseParty(party, { ...given, MERIDIAN_MODE: 'embedded' })).mistakes).toEqual([
    'SMS_SECRET is missing',
  ]);
  expect([{}, { MERIDIAN_MODE: 'production' }].map(isEmbedded)).toEqual([true, false]);
});
