// Does the time of an answer tell how much of a presented secret is right? Two samples, taken in pairs: garbage that differs from a real key
// in its last character only, and garbage whose whole tag is wrong. Over the check itself, in this process: a network would only hide a
// difference. How large a difference is by chance alone is asked of the same pairs, told apart by the toss of a coin instead.
import { base62Digits } from '@meridian/client/key-checksum.ts';
import { digestOfPresented } from '@meridian/key-issuance/keys/key-format.ts';
import { median } from '../figure.ts';
import type { Stage } from './stage.ts';

const pairs = 4_000;
const perSample = 16;
const tosses = 200;
/** Of the differences that chance gives, the share that is smaller than what is told as chance. */
const level = 0.99;

// The next digit: tags of few different characters pass the expression of keys faster, whatever was right of them.
const other = (char: string) => base62Digits.charAt((base62Digits.indexOf(char) + 1) % base62Digits.length);
// A string put together from parts is copied together when it is first read, which takes time of its own.
const flat = (text: string) => Buffer.from(text).toString('latin1');
const lastWrong = (key: string) => flat(key.slice(0, -1) + other(key.slice(-1)));
// Everything before the tag is public arithmetic (form and CRC); the tag is the only part that is checked against a secret.
const tagWrong = (key: string) => flat(key.slice(0, -8) + [...key.slice(-8)].map(other).join(''));

export type TimingGap = {
  /** Microseconds by which one kind is refused faster. */
  readonly gap: number;
  /** Below this lies what chance gives, 99 times of 100. */
  readonly chance: number;
};

/** Of paired differences: their median, and what it is at most by chance. `toss` answers true or false, evenly. */
export const gapOf = (differences: readonly number[], toss: () => boolean): TimingGap => {
  const size = (values: readonly number[]) => Math.abs(median(values));
  const byChance = Array.from({ length: tosses }, () => size(differences.map((d) => (toss() ? d : -d))));
  return {
    gap: size(differences),
    chance: byChance.toSorted((a, b) => a - b)[Math.ceil(tosses * level) - 1] as number,
  };
};

export const timingGap = ({ keys }: Pick<Stage, 'keys'>): TimingGap => {
  const peppers = { current: 1, secretOf: () => 'a-pepper-for-the-bench-of-keys' };
  const time = (texts: readonly string[]) => {
    const began = process.hrtime.bigint();
    for (const text of texts)
      if (digestOfPresented(peppers, 'cn', text) !== undefined) throw new Error('a wrong key passed');
    return Number(process.hrtime.bigint() - began) / perSample / 1_000;
  };
  const differences = Array.from({ length: pairs }, (_, i) => {
    const chosen = Array.from(
      { length: perSample },
      (_, n) => keys[(i * perSample + n) % keys.length]?.secret as string,
    );
    const [nearly, far] = [chosen.map(lastWrong), chosen.map(tagWrong)];
    // In turns, so that whatever else the machine does falls on both alike.
    if (i % 2 === 0) return time(nearly) - time(far);
    const first = time(far);
    return time(nearly) - first;
  });
  return gapOf(differences, () => Math.random() < 0.5);
};
