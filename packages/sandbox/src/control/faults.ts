// What a part can be asked to do wrong. Counted faults act the given number of times and then stop by themselves.
import { z } from 'zod';

/** How often a fault acts; without it the fault acts until it is reset. */
export const times = z.number().int().min(1).max(10_000).optional();

/** Faults that every part has. */
export const commonFaults = {
  /** Wait this long before doing anything. */
  slowMs: z.number().int().min(0).max(120_000).optional(),
  /** Refuse with this HTTP status before doing anything, in the part's own error form. */
  fail: z.strictObject({ status: z.number().int().min(400).max(599), times }).optional(),
  /** Do the work, then cut the connection instead of answering: the caller cannot know the outcome. */
  loseAnswer: z.strictObject({ times }).optional(),
};

/** What whoever delivers something can do: bring it several times, or late. */
export const deliveryFaults = {
  /** Deliver each message this many times in all, even if the first was accepted. */
  duplicate: z.number().int().min(1).max(20).optional(),
  /** Real milliseconds until it arrives. */
  delayMs: z.number().int().min(0).max(600_000).optional(),
};
export type DeliveryFaults = { duplicate?: number | undefined; delayMs?: number | undefined };

/** What a part that notifies merchants can do wrong on the way. */
export const notifyFaults = z.strictObject({
  ...deliveryFaults,
  wrongSignature: z.boolean().optional(),
  /** Added to the amount in the signed content, in the smallest unit of the currency. */
  amountOffset: z.number().int().optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .optional(),
  /** Keep each notification until the next one, then send the newer first. */
  reorder: z.boolean().optional(),
  /** Keep notifications; they go out when this is reset. */
  hold: z.boolean().optional(),
  /** Lose them: they are never sent (resend still works). */
  drop: z.boolean().optional(),
});
export type NotifyFaults = z.infer<typeof notifyFaults>;

type Counted = { times?: number | undefined };

/** The faults of one part, as they stand now. `schema` is strict and all its members are optional. */
export const createFaults = <V extends object>(schema: z.ZodType<V>) => {
  const nothing = schema.parse({});
  let current: V = nothing;
  const listeners: (() => void)[] = [];
  const change = (value: V) => {
    current = value;
    for (const listener of listeners) listener();
  };
  return {
    current: () => current,
    /** Replaces all faults of the part; undefined when accepted, otherwise what is wrong with the input. */
    set(input: unknown): z.core.$ZodIssue[] | undefined {
      const parsed = schema.safeParse(input);
      if (!parsed.success) return parsed.error.issues;
      change(parsed.data);
      return undefined;
    },
    reset: () => change(nothing),
    /** Called after every set and reset. */
    onChange(listener: () => void) {
      listeners.push(listener);
    },
    /** The fault if it is to act now; a counted one has then acted once more. */
    take<K extends keyof V>(name: K): NonNullable<V[K]> | undefined {
      const fault = current[name];
      if (fault === undefined || fault === null) return undefined;
      const left = typeof fault === 'object' ? (fault as Counted).times : undefined;
      if (left !== undefined) current = { ...current, [name]: left > 1 ? { ...fault, times: left - 1 } : undefined };
      return fault;
    },
  };
};
export type Faults<V extends object> = ReturnType<typeof createFaults<V>>;
