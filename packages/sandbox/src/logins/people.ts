// The people who have accounts at the login providers. Ids follow from the person by rule, so that a restart does not change who they are.
import { createHash } from 'node:crypto';

export type LoginPerson = {
  key: string;
  name: string;
  /** null: this person has no e-mail at the provider. */
  email: string | null;
  emailVerified: boolean;
};

export const loginPeople: LoginPerson[] = [
  { key: 'lin', name: '林晓', email: 'lin@example.com', emailVerified: true },
  { key: 'mei', name: '梅子安', email: 'mei@example.com', emailVerified: true },
  { key: 'olga', name: 'Olga Olsen', email: 'olga@example.net', emailVerified: true },
  { key: 'uwe', name: 'Uwe Unproven', email: 'uwe@example.net', emailVerified: false },
  { key: 'nell', name: 'Nell Nomail', email: null, emailVerified: false },
];

/** A person by key; `person-1`, `person-2`, … are made on demand, for whoever needs a fresh one. */
export const loginPerson = (key: unknown): LoginPerson | undefined => {
  if (typeof key !== 'string') return undefined;
  const n = /^person-([0-9]{1,12})$/.exec(key)?.[1];
  if (n !== undefined) return { key, name: `Person ${n}`, email: `person-${n}@example.org`, emailVerified: true };
  return loginPeople.find((person) => person.key === key);
};

const digest = (parts: string[]) => createHash('sha256').update(parts.join('\n')).digest();
/** Stable ids from what they are about: hexadecimal, base64url, or decimal digits. */
export const hexId = (length: number, ...parts: string[]) => digest(parts).toString('hex').slice(0, length);
export const textId = (length: number, ...parts: string[]) => digest(parts).toString('base64url').slice(0, length);
export const digitId = (length: number, ...parts: string[]) =>
  (BigInt(`0x${digest(parts).toString('hex')}`) % 10n ** BigInt(length)).toString().padStart(length, '0');
