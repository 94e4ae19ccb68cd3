// What a person consented to when cancelling, as a short text.
import { createHash } from 'node:crypto';
import { consequencesOf, type Standing } from './cancellation.ts';

/** Changes whenever anything that would be lost changes: consent to less is no consent to more. */
export const versionOf = (standing: Standing): string => {
  const { balance, activeKeys, openCase } = standing;
  const facts = [balance.available, balance.held, balance.currency, activeKeys, openCase, consequencesOf(standing)];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url');
};
