// The port to a registry that confirms whether a name and a number belong together.
import type { RegistryOutcome } from '../personal/submission.ts';

export type RegistryQuestion = {
  /** Our submission id: where a provider takes an order id of the caller, this is it, so a repeat is the same order. */
  readonly submissionId: string;
  readonly name: string;
  readonly number: string;
};

export type RegistryAnswer = {
  readonly outcome: RegistryOutcome;
  /** The provider's own code, for the log; never anything of the person. */
  readonly providerCode: string;
};

/** Never throws and always answers within its deadline: what goes wrong on the way is `provider_unavailable`. */
export type Registry = { readonly ask: (question: RegistryQuestion) => Promise<RegistryAnswer> };

/** How long a registry may take, in milliseconds. */
export const registryDeadlineMs = 5_000;
