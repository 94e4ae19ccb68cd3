// What a person typed, brought into one form, and how it is shown back.
import { ageAt, type IdentityNumberRefusal, readIdentityNumber } from './identity-number.ts';

export type Person = { readonly name: string; readonly number: string };

export type PersonRefusal = { problem: 'number'; why: IdentityNumberRefusal } | { problem: 'age' };

// Names of minorities carry a middle dot, typed in many ways; registries keep U+00B7.
const dots = /[\u2022\u2027\u2219\u22C5\u30FB\uFF0E\uFF65.]/gu;

/** One form per name: composed (NFC), no blanks around a middle dot, one kind of middle dot. */
export const normaliseName = (typed: string): string =>
  typed
    .normalize('NFC')
    .trim()
    .replace(/\s+/gu, ' ')
    .replace(dots, '\u00B7')
    .replace(/ ?\u00B7 ?/gu, '\u00B7');

/** Reads name and number; `minimumAge` in full years at `now`, counted in the register's calendar. */
export const readPerson = (
  typed: { name: string; number: string },
  rules: { minimumAge: number },
  now: Date,
): Person | PersonRefusal => {
  const read = readIdentityNumber(typed.number, now);
  if (typeof read === 'string') return { problem: 'number', why: read };
  if (ageAt(read.birthDate, now) < rules.minimumAge) return { problem: 'age' };
  return { name: normaliseName(typed.name), number: read.number };
};

/** First character of the name, first and last of the number; the number of stars does not tell the length of the name. */
export const mask = (person: Person): Person => ({
  name: `${[...person.name][0] ?? ''}**`,
  number: `${person.number.charAt(0)}${'*'.repeat(16)}${person.number.charAt(17)}`,
});
