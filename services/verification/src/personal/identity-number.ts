// Identity numbers of 18 characters, checked before anything is paid for.
//   GB 11643-1999: 6 area (GB/T 2260) + 8 birth date + 3 sequence (odd = male) + check by ISO 7064 MOD 11-2.
//   Residence permits of Hong Kong, Macao and Taiwan residents: the same form, areas 810000, 820000, 830000.
//   Foreign permanent resident card, form of 2023-12: 9 + province (2) + nationality (3) + birth date, sequence, check as above.
// Only the province is checked: old area codes stay valid for life, so a full table would refuse real people.

export type IdentityNumber = {
  /** Normalised: the check character in upper case. */
  readonly number: string;
  readonly kind: 'resident' | 'permit' | 'foreign_resident';
  /** YYYY-MM-DD */
  readonly birthDate: string;
};

export type IdentityNumberRefusal =
  | 'first_generation'
  | 'foreign_card_2017'
  | 'form'
  | 'checksum'
  | 'area'
  | 'birth_date'
  | 'sequence';

const provinces = new Set(
  // North, north-east, east, centre and south, south-west, north-west, Taiwan, Hong Kong, Macao.
  '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82'.split(' '),
);
const permitAreas = new Set(['810000', '820000', '830000']);
const oldestYears = 130;

/** The check character of 17 digits (ISO 7064 MOD 11-2): weight of position i from the left is 2^(18-i) mod 11. */
export const checkCharacter = (digits: string): string => {
  let sum = 0;
  for (const digit of digits) sum = ((sum + Number(digit)) * 2) % 11;
  return '10X98765432'.charAt(sum);
};

// The numbers live in China Standard Time: UTC+8 all year since 1991 and the calendar of the whole register.
const registerOffsetMs = 8 * 3_600_000;

/** The day in the register's calendar (UTC+8), YYYY-MM-DD. */
export const registerDay = (now: Date): string => new Date(now.getTime() + registerOffsetMs).toISOString().slice(0, 10);

/** When the next day of the register begins. */
export const nextRegisterDay = (now: Date): Date =>
  new Date(Date.parse(`${registerDay(now)}T00:00:00Z`) + 86_400_000 - registerOffsetMs);

const isCalendarDate = (text: string) => {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === text;
};

/** Full years between a birth date and `now`, counted in the register's calendar. A 29 February turns older on 1 March. */
export const ageAt = (birthDate: string, now: Date): number => {
  const today = registerDay(now);
  const years = Number(today.slice(0, 4)) - Number(birthDate.slice(0, 4));
  return today.slice(5) < birthDate.slice(5) ? years - 1 : years;
};

const kindOf = (number: string): IdentityNumber['kind'] | undefined => {
  if (permitAreas.has(number.slice(0, 6))) return 'permit';
  if (number.startsWith('9'))
    return provinces.has(number.slice(1, 3)) && number.slice(3, 6) !== '000' ? 'foreign_resident' : undefined;
  return provinces.has(number.slice(0, 2)) ? 'resident' : undefined;
};

/** Reads a number as typed by a person. Says why a number cannot be right; never whether it exists. */
export const readIdentityNumber = (typed: string, now: Date): IdentityNumber | IdentityNumberRefusal => {
  const number = typed.trim().toUpperCase();
  if (/^[0-9]{15}$/.test(number)) return 'first_generation';
  if (/^[A-Z]{3}[0-9]{12}$/.test(number)) return 'foreign_card_2017';
  if (!/^[0-9]{17}[0-9X]$/.test(number)) return 'form';
  if (checkCharacter(number.slice(0, 17)) !== number.charAt(17)) return 'checksum';
  const kind = kindOf(number);
  if (!kind) return 'area';
  const birthDate = `${number.slice(6, 10)}-${number.slice(10, 12)}-${number.slice(12, 14)}`;
  if (!isCalendarDate(birthDate) || birthDate > registerDay(now) || ageAt(birthDate, now) > oldestYears)
    return 'birth_date';
  if (number.slice(14, 17) === '000') return 'sequence';
  return { number, kind, birthDate };
};
