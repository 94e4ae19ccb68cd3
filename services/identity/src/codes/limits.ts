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

/** Wrong second factors of one account: whoever has its password shall not go on guessing day after day. */
export const factorWindows: readonly Window[] = [...failureWindows, { seconds: 86_400, max: 50 }];

/** Wrong passwords of one identifier before a captcha is demanded: no one is locked out by a stranger's ten tries. */
export const passwordWindows: readonly Window[] = [{ seconds: 3_600, max: 10 }];
/** And with captchas solved: NIST SP 800-63B-4 allows at most 100 failures in a row. */
export const passwordCeiling: readonly Window[] = [{ seconds: 86_400, max: 100 }];

/** Sign-ins of one network that need no code: by password or passkey, right ones too. */
export const signInWindows: readonly Window[] = [
  { seconds: 60, max: 60 },
  { seconds: 3_600, max: 600 },
];

/** Codes that one account may have sent to addresses it wants to add. */
export const bindWindows: readonly Window[] = [
  { seconds: 3_600, max: 10 },
  { seconds: 86_400, max: 20 },
];

/** New devices of one account that its owner is told of: the client chooses a device's id, and each message costs. */
export const newDeviceWindows: readonly Window[] = [
  { seconds: 3_600, max: 3 },
  { seconds: 86_400, max: 10 },
];

/** Notices by SMS to the owner of one account. */
export const noticeWindows: readonly Window[] = [
  { seconds: 3_600, max: 15 },
  { seconds: 86_400, max: 40 },
];

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
