// How often codes may be sent and tried. Sliding windows over counts that lie in slots.

/** At most `max` in any `seconds`. */
export type Window = { readonly seconds: number; readonly max: number };

/** What is counted together. A hit is booked at the end of its slot, so a window never ends early. */
export type Rule = {
  readonly scope: string;
  readonly slotSeconds: number;
  readonly windows: readonly Window[];
  /** Only look, do not book. */
  readonly peek?: true;
};

export type Used = {
  readonly scope: string;
  readonly seconds: number;
  readonly used: number;
  readonly oldest: Date | null;
};

/** Per number Aliyun itself allows 1 a minute, 5 an hour, 10 a day: https://help.aliyun.com/document_detail/2881383.html */
export const identifierWindows = (resendSeconds: number): readonly Window[] => [
  { seconds: resendSeconds, max: 1 },
  { seconds: 3_600, max: 5 },
  { seconds: 86_400, max: 10 },
];

/** Wrong tries of one identifier across all its codes; without it a new code would mean five new tries. */
export const failureWindows: readonly Window[] = [{ seconds: 3_600, max: 10 }];

/** Counts are kept for the longest window and one slot. */
export const keptSeconds = 86_400 + 60;

export const slotOf = (now: Date, slotSeconds: number): Date =>
  new Date(Math.ceil(now.getTime() / (slotSeconds * 1_000)) * slotSeconds * 1_000);

/** Seconds until the first full window of any rule has room again; undefined when every window has room. */
export const waitOf = (rules: readonly Rule[], used: readonly Used[], now: Date): number | undefined => {
  const waits = rules.flatMap((rule) =>
    rule.windows.flatMap((window) => {
      const found = used.find((u) => u.scope === rule.scope && u.seconds === window.seconds);
      if (found === undefined || found.used < window.max) return [];
      const frees = (found.oldest ?? now).getTime() + window.seconds * 1_000;
      return [Math.max(1, Math.ceil((frees - now.getTime()) / 1_000))];
    }),
  );
  return waits.length === 0 ? undefined : Math.max(...waits);
};
