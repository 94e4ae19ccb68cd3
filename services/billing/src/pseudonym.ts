import { newId } from '@meridian/kit/ids.ts';

/** Stands for an erased account in the records that the law makes us keep. Random: nothing leads from it back to the account. */
export const newPseudonym = (region: string, now: Date): string => newId('psn', region, now);
export const isPseudonym = (accountId: string): boolean => accountId.startsWith('psn_');
