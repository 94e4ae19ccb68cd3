// One-time codes: their life and limits.

export const codePurposes = ['login', 'reauthenticate', 'bind', 'recover'] as const;
export type CodePurpose = (typeof codePurposes)[number];

/** OWASP ASVS 6.5.5 allows an out-of-band code 10 minutes. */
export const codeLifeMs = 5 * 60_000;
/** Tries one code takes, right or wrong. */
export const maxTries = 5;

/** How a try ended before the code itself was compared. */
export type Raised = { readonly codeHash: string; readonly identifierHash: string } | undefined;
