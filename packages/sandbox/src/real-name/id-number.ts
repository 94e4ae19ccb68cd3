// Resident identity numbers, GB 11643-1999: 6 digits area, 8 birth date, 3 sequence, 1 check character (ISO 7064 MOD 11-2).

const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const checks = '10X98765432';

/** The 18-character number for 17 digits. */
export const withCheck = (digits: string) => {
  const sum = weights.reduce((total, weight, i) => total + weight * Number(digits[i]), 0);
  return digits + checks[sum % 11];
};

/** True for a well-formed number with a real birth date before `now` and a right check character. */
export const isIdNumber = (text: string, now: Date) => {
  const form = /^([1-9][0-9]{5})((?:18|19|20)[0-9]{2})([0-9]{2})([0-9]{2})([0-9]{3})[0-9X]$/.exec(text);
  if (!form) return false;
  const [, , year, month, day, sequence] = form;
  const birth = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  const real = birth.getUTCMonth() === Number(month) - 1 && birth.getUTCDate() === Number(day) && birth <= now;
  return real && sequence !== '000' && withCheck(text.slice(0, 17)) === text;
};
