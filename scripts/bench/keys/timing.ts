// Does the time of an answer tell how much of a presented secret is right? Two samples, taken in turns: garbage that differs from a real key
// in its last character only, and garbage that shares nothing with one but its form. Over the check itself, in this process: a network
// would only hide a difference.
import { digestOfPresented } from '@meridian/key-issuance/keys/key-format.ts';
import { median } from '../figure.ts';
import type { Stage } from './stage.ts';

const samples = 4_000;
const perSample = 16;

const other = (char: string) => (char === '0' ? '1' : '0');

export const timingGap = async ({ keys }: Pick<Stage, 'keys'>) => {
  const peppers = { current: 1, secretOf: () => 'a-pepper-for-the-bench-of-keys' };
  const tailWrong = (key: string) => key.slice(0, -1) + other(key.slice(-1));
  // Everything before the tag is public arithmetic (form and CRC); the tag is the only part that is checked against a secret.
  const tagWrong = (key: string) => key.slice(0, -8) + [...key.slice(-8)].map(other).join('');
  const time = (texts: readonly string[]) => {
    const began = process.hrtime.bigint();
    for (const text of texts)
      if (digestOfPresented(peppers, 'cn', text) !== undefined) throw new Error('a wrong key passed');
    return Number(process.hrtime.bigint() - began) / perSample / 1_000;
  };
  const [nearly, far]: [number[], number[]] = [[], []];
  for (let i = 0; i < samples; i += 1) {
    const chosen = Array.from(
      { length: perSample },
      (_, n) => keys[(i * perSample + n) % keys.length]?.secret as string,
    );
    const [first, second] = [chosen.map(tailWrong), chosen.map(tagWrong)];
    // In turns, so that whatever else the machine does falls on both alike.
    if (i % 2 === 0) {
      nearly.push(time(first));
      far.push(time(second));
    } else {
      far.push(time(second));
      nearly.push(time(first));
    }
  }
  const [a, b] = [median(nearly), median(far)];
  // The difference between two halves of one sample is what chance alone gives.
  const chance = Math.abs(median(nearly.filter((_, i) => i % 4 < 2)) - median(nearly.filter((_, i) => i % 4 >= 2)));
  const microseconds = Math.abs(a - b);
  return {
    microseconds,
    text: `time to refuse a tag wrong in one character ${a.toFixed(3)} us, in all eight ${b.toFixed(3)} us; halves of one sample differ by ${chance.toFixed(3)} us`,
  };
};
