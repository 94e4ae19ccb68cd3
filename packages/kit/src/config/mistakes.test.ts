import { expect, test } from '@jest/globals';
import { ConfigError } from './config.ts';
import { createMistakes } from './mistakes.ts';

const refuse = (...mistakes: string[]) => {
  throw new ConfigError(mistakes);
};

test('mistakes of all parts are told together; a value that could be read is given', () => {
  const mistakes = createMistakes();
  expect(mistakes.attempt(() => 7)).toBe(7);
  expect(mistakes.any()).toBe(false);
  expect(mistakes.attempt(() => refuse('A is missing', 'B is missing'))).toBeUndefined();
  expect(mistakes.attempt(() => refuse('C: is too small'))).toBeUndefined();
  mistakes.note('There is more.');
  expect(mistakes.error()).toMatchObject({
    code: 'invalid_configuration',
    mistakes: ['A is missing', 'B is missing', 'C: is too small'],
    notes: ['There is more.'],
  });
});

test('what a later part says of a variable that is wrong already is dropped, of another with a similar name kept', () => {
  const mistakes = createMistakes();
  mistakes.attempt(() => refuse('A_CERT must be a certificate', 'A_CERT is too short'));
  mistakes.attempt(() => refuse('A_CERT is missing', 'A_CERT_KEY is missing', 'A: is missing'));
  expect(mistakes.error().mistakes).toEqual([
    'A_CERT must be a certificate',
    'A_CERT is too short',
    'A_CERT_KEY is missing',
    'A: is missing',
  ]);
});

test('mistakes are known by their code, and their notes go with them; any other error goes through', () => {
  const mistakes = createMistakes();
  const foreign = Object.assign(new Error('x'), { code: 'invalid_configuration', mistakes: ['A'], notes: ['n'] });
  mistakes.attempt(() => {
    throw foreign;
  });
  expect(mistakes.error()).toMatchObject({ mistakes: ['A'], notes: ['n'] });
  expect(() =>
    mistakes.attempt(() => {
      throw new Error('a bug');
    }),
  ).toThrow('a bug');
});
