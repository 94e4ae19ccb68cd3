// When something that signs in also proves its person.

/** Only after a day, unless the account began with it: whoever stole a session must not bring their own proof. */
export const isJustBound = (boundAt: Date, accountCreatedAt: Date, now: Date): boolean =>
  boundAt > accountCreatedAt && now.getTime() - boundAt.getTime() < 24 * 3_600_000;
