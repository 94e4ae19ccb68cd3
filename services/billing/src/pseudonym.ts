import { newTimelessId } from '@meridian/kit/ids.ts';

/**
 * Stands for an erased account in the records that the law makes us keep. Random in all of its parts: a time in it would lead back to the
 * account, by the tombstone that tells when it was erased.
 */
export const newPseudonym = (region: string): string => newTimelessId('psn', region);
export const isPseudonym = (accountId: string): boolean => accountId.startsWith('psn_');
