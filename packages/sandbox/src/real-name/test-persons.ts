// The people the sandbox's registry knows. They are made by rule: no number belongs to a real person on purpose, every one is well formed.
import { withCheck } from './id-number.ts';

export type TestPerson = { name: string; idNumber: string };

const areas = ['110105', '310115', '440305', '510107', '330106'];
const surnames = [...'王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗'];
const givenNames = [...'安宁清和明远思齐文博嘉禾子涵雨泽晨曦若水知行'];
const firstBirth = Date.UTC(1980, 0, 1);
const births = 7300; // days: everyone is of age
const firstSequence = 101;
export const testPersonCount = births * 800;

const pick = (from: string[], n: number) => from[n % from.length] ?? '';

/** The `n`th person of the registry, 0 <= n < testPersonCount; always the same. */
export const testPerson = (n: number): TestPerson => {
  if (!Number.isInteger(n) || n < 0 || n >= testPersonCount)
    throw new RangeError(`test persons are numbered 0 to ${testPersonCount - 1}`);
  const birth = new Date(firstBirth + (n % births) * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
  const sequence = String(firstSequence + Math.floor(n / births)).padStart(3, '0');
  const name = pick(surnames, n) + pick(givenNames, Math.floor(n / surnames.length)) + pick(givenNames, n + 7);
  return { name, idNumber: withCheck(pick(areas, n) + birth + sequence) };
};

/** Persons worth a name of their own; `outcome` is what the registry says of exactly this pair. */
export const testPersons = [
  { ...testPerson(1), outcome: 'match', about: 'An adult' },
  { ...testPerson(2), outcome: 'match', about: 'Another adult' },
  {
    name: '阿依古丽·买买提',
    idNumber: withCheck('65010219900512002'),
    outcome: 'match',
    about: 'A name with a middle dot',
  },
  {
    name: '陈大文',
    idNumber: withCheck('81000019850101003'),
    outcome: 'match',
    about: 'A residence permit of Hong Kong, area 810000',
  },
  { name: '王小童', idNumber: withCheck('11010520150601121'), outcome: 'match', about: 'A minor, born on 1 June 2015' },
  {
    name: '张错名',
    idNumber: testPerson(3).idNumber,
    outcome: 'mismatch',
    about: 'The number belongs to somebody else',
  },
  {
    name: '赵无名',
    idNumber: withCheck('12010519770707001'),
    outcome: 'not_found',
    about: 'The registry has no such number',
  },
] as const satisfies readonly (TestPerson & { outcome: 'match' | 'mismatch' | 'not_found'; about: string })[];

/** The registered name of a number, or undefined if the registry has no record of it. */
export const registeredName = (idNumber: string): string | undefined => {
  const special = testPersons.find((person) => person.idNumber === idNumber && person.outcome === 'match');
  if (special) return special.name;
  const birth = Date.parse(`${idNumber.slice(6, 10)}-${idNumber.slice(10, 12)}-${idNumber.slice(12, 14)}T00:00:00Z`);
  const n = (Number(idNumber.slice(14, 17)) - firstSequence) * births + (birth - firstBirth) / 86_400_000;
  if (birth < firstBirth || birth >= firstBirth + births * 86_400_000 || !(n >= 0 && n < testPersonCount))
    return undefined;
  const person = testPerson(n);
  return person.idNumber === idNumber ? person.name : undefined;
};
