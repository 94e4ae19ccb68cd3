import { expect, test } from '@jest/globals';
import { mask, normaliseName, readPerson } from './person.ts';

const now = new Date('2026-11-22T04:00:00Z');

test.each(['阿依古丽·买买提', '阿依古丽•买买提', '阿依古丽・买买提', '阿依古丽.买买提', ' 阿依古丽 · 买买提 '])(
  'a name with a middle dot is accepted however the dot was typed: %s',
  (typed) => {
    expect(normaliseName(typed)).toBe('阿依古丽·买买提');
  },
);

test('a person of age is read, a minor is not, a wrong number is named', () => {
  const rules = { minimumAge: 18 };
  expect(readPerson({ name: '张三', number: '11010519491231002x' }, rules, now)).toEqual({
    name: '张三',
    number: '11010519491231002X',
  });
  expect(readPerson({ name: '张三', number: '110105194912310021' }, rules, now)).toEqual({
    problem: 'number',
    why: 'checksum',
  });
  expect(readPerson({ name: '张三', number: '11010519491231002X' }, { minimumAge: 77 }, now)).toEqual({
    problem: 'age',
  });
  expect(readPerson({ name: '张三', number: '11010519491231002X' }, { minimumAge: 76 }, now)).not.toHaveProperty(
    'problem',
  );
});

test('what is shown back is the first character of the name, and of the number the first and the last', () => {
  expect(mask({ name: '阿依古丽·买买提', number: '11010519491231002X' })).toEqual({
    name: '阿**',
    number: '1****************X',
  });
  expect(mask({ name: '𠮷田', number: '11010519491231002X' }).name).toBe('𠮷**');
});
