// Recovery codes of a second factor: ten, 50 random bits each, shown once, each works once.
import { randomInt } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const draw = (length: number) => Array.from({ length }, () => alphabet[randomInt(32)]).join('');

export const drawRecoveryCodes = (): string[] => Array.from({ length: 10 }, () => `${draw(5)}-${draw(5)}`);
