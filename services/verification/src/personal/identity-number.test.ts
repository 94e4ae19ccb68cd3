import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  ageAt,
  checkCharacter,
  type IdentityNumber,
  nextRegisterDay,
  readIdentityNumber,
  registerDay,
} from './identity-number.ts';

const now = new Date('2026-11-22T04:00:00Z');
const withCheck = (digits: string) => digits + checkCharacter(digits);
const read = (number: string) => readIdentityNumber(number, now);
const numberOf = (result: ReturnType<typeof read>) => (typeof result === 'string' ? undefined : result);

describe('identity numbers that are right', () => {
  test("the standard's own sample, GB 11643-1999", () => {
    expect(read('11010519491231002X')).toEqual({
      number: '11010519491231002X',
      kind: 'resident',
      birthDate: '1949-12-31',
    } satisfies IdentityNumber);
  });
  test('blanks around it and a small x are a habit, not a mistake', () => {
    expect(numberOf(read(' 11010519491231002x '))?.number).toBe('11010519491231002X');
  });
  test.each(['810000', '820000', '830000'])('residence permit of area %s', (area) => {
    expect(numberOf(read(withCheck(`${area}19900307001`)))?.kind).toBe('permit');
  });
  test('foreign permanent resident card of 2023', () => {
    expect(numberOf(read(withCheck('91184019850615001')))?.kind).toBe('foreign_resident');
  });
  test('29 February of a leap year', () => {
    expect(numberOf(read(withCheck('11010520000229001')))?.birthDate).toBe('2000-02-29');
  });
});

describe('identity numbers that cannot be right', () => {
  test.each([
    ['first generation, 15 digits', '110105491231002', 'first_generation'],
    ['foreign card of 2017: known, but no registry here confirms it', 'USA110085061501', 'foreign_card_2017'],
    ['area 000000', withCheck('00000019900307001'), 'area'],
    ['area 999999', withCheck('99999919900307001'), 'area'],
    ['area 700000', withCheck('70000019900307001'), 'area'],
    ['foreign card without a province', withCheck('99984019850615001'), 'area'],
    ['29 February 1990', withCheck('11010519900229001'), 'birth_date'],
    ['30 February 2000', withCheck('11010520000230001'), 'birth_date'],
    ['29 February 1900: not a leap year', withCheck('11010519000229001'), 'birth_date'],
    ['month 13', withCheck('11010519901301001'), 'birth_date'],
    ['day 0', withCheck('11010519900100001'), 'birth_date'],
    ['born 2099', withCheck('11010520990101001'), 'birth_date'],
    ['born tomorrow', withCheck('11010520261123001'), 'birth_date'],
    ['born 1800', withCheck('11010518000101001'), 'birth_date'],
    ['sequence 000', withCheck('11010519900101000'), 'sequence'],
    ['a letter inside', '1101051949123100AX', 'form'],
    ['17 characters', '1101051949123100X', 'form'],
    ['full-width digits', '１１010519491231002X', 'form'],
    ['X before the end', '110105194912310X21', 'form'],
  ])('%s', (_, number, refusal) => {
    expect(read(number)).toBe(refusal);
  });

  test('every single-digit change of the sample is refused by its check character', () => {
    const sample = '11010519491231002X';
    let changes = 0;
    for (let i = 0; i < 17; i += 1)
      for (const digit of '0123456789') {
        if (digit === sample[i]) continue;
        changes += 1;
        expect(read(sample.slice(0, i) + digit + sample.slice(i + 1))).toBe('checksum');
      }
    expect(changes).toBe(153);
    for (const check of '0123456789') expect(read(sample.slice(0, 17) + check)).toBe('checksum');
  });

  test('every change of one digit and every swap of neighbours of any right number is refused', () => {
    const born = fc.date({
      min: new Date('1930-01-01T00:00:00Z'),
      max: new Date('2008-12-31T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(
        born,
        fc.integer({ min: 1, max: 999 }),
        fc.nat({ max: 16 }),
        fc.integer({ min: 1, max: 9 }),
        (date, sequence, at, shift) => {
          const day = date.toISOString().slice(0, 10).replaceAll('-', '');
          const good = withCheck(`440304${day}${String(sequence).padStart(3, '0')}`);
          expect(numberOf(read(good))?.number).toBe(good);
          const digit = String((Number(good[at]) + shift) % 10);
          expect(read(good.slice(0, at) + digit + good.slice(at + 1))).toBe('checksum');
          if (at < 16 && good[at] !== good[at + 1])
            expect(read(good.slice(0, at) + good[at + 1] + good[at] + good.slice(at + 2))).toBe('checksum');
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('age and days, in the calendar of the register (UTC+8)', () => {
  test('18 on the birthday there, although it is still the day before in UTC', () => {
    expect(ageAt('2008-11-22', new Date('2026-11-21T15:59:59Z'))).toBe(17);
    expect(ageAt('2008-11-22', new Date('2026-11-21T16:00:00Z'))).toBe(18);
  });
  test('born on 29 February: older on 1 March of a common year', () => {
    expect(ageAt('2008-02-29', new Date('2026-02-28T04:00:00Z'))).toBe(17);
    expect(ageAt('2008-02-29', new Date('2026-03-01T04:00:00Z'))).toBe(18);
  });
  test('a day ends at 16:00 UTC', () => {
    expect(registerDay(new Date('2026-11-22T15:59:59Z'))).toBe('2026-11-22');
    expect(registerDay(new Date('2026-11-22T16:00:00Z'))).toBe('2026-11-23');
    expect(nextRegisterDay(now).toISOString()).toBe('2026-11-22T16:00:00.000Z');
  });
});
