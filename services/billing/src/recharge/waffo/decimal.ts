// Waffo writes amounts as decimal strings, USD with two decimals. No floating point on the way.

/** Nano-units as "12.34". The amount must be whole cents. */
export const decimalOf = (nano: bigint): string => {
  const cent = 10_000_000n;
  if (nano <= 0n || nano % cent !== 0n) throw new RangeError('the amount is not a positive number of whole cents');
  const cents = nano / cent;
  return `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;
};

/** "12.34" as nano-units; undefined when the text is no plain decimal number of at most nine decimals. */
export const nanoOf = (text: string): bigint | undefined => {
  const match = /^([0-9]{1,9})(?:\.([0-9]{1,9}))?$/.exec(text);
  if (!match?.[1]) return undefined;
  return BigInt(match[1]) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
};
