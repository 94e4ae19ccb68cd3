// Random interleavings of everything that starts and stops a key, over several replicas, judged call by call.
import { type Closure, judge } from './judge.ts';

export type Key = { readonly accountId: string; readonly keyId: string; secret: string };

/** One replica, as its callers see it. Each promise but `verify`'s is an acknowledgement. */
export type Replica = {
  readonly verify: (secret: string) => Promise<boolean>;
  readonly revoke: (key: Key) => Promise<void>;
  readonly cancel: (key: Key) => Promise<void>;
  readonly protect: (key: Key, protectionId: string) => Promise<void>;
  readonly lift: (key: Key, protectionId: string) => Promise<void>;
  /** Answers the new secret; the old one is dead. */
  readonly rotate: (key: Key) => Promise<string>;
};

export type Outcome = {
  calls: number;
  readonly violations: Record<string, number>;
  readonly of: Record<string, number>;
};

/** mulberry32: small, and the same on every machine. */
export const randomFrom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};

export type HistoryOptions = {
  readonly replicas: readonly Replica[];
  readonly keys: readonly Key[];
  readonly calls: number;
  readonly workers: number;
  readonly random: () => number;
  readonly newProtectionId: () => string;
  /** Whether an error of a stopping call means that another call had stopped it already. */
  readonly isLost: (error: unknown) => boolean;
};

export const runHistory = async (options: HistoryOptions): Promise<Outcome> => {
  const { replicas, keys, random } = options;
  const outcome: Outcome = { calls: 0, violations: {}, of: {} };
  const closures = new Map<string, Closure[]>();
  const protections = new Map<string, { id: string; closure: Closure }[]>();
  let clock = 0;
  const tick = () => ++clock;
  const any = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const count = (counter: Record<string, number>, name: string) => {
    counter[name] = (counter[name] ?? 0) + 1;
  };
  const close = (scope: string): Closure => {
    const closure: Closure = { asked: tick() };
    closures.set(scope, [...(closures.get(scope) ?? []), closure]);
    return closure;
  };
  const done = (name: string) => {
    outcome.calls += 1;
    count(outcome.of, name);
  };

  const verify = async ({ accountId, keyId, secret }: Key): Promise<void> => {
    const started = tick();
    const valid = await any(replicas).verify(secret);
    const ended = tick();
    done(valid ? 'accepted' : 'refused');
    const against = [accountId, keyId, secret].flatMap((scope) => closures.get(scope) ?? []);
    const mistake = judge({ started, ended, valid }, against);
    if (mistake) count(outcome.violations, mistake);
  };
  /** A call that stops something; right after its acknowledgement it is tried on two replicas. */
  const stop = async (name: string, scope: string, key: Key, work: () => Promise<void>): Promise<Closure> => {
    const closure = close(scope);
    await work().catch((error: unknown) => {
      if (!options.isLost(error)) throw error;
    });
    closure.acked = tick();
    done(name);
    await Promise.all([verify({ ...key }), verify({ ...key })]);
    return closure;
  };
  const protect = async (key: Key): Promise<void> => {
    const id = options.newProtectionId();
    const closure = await stop('protect', key.accountId, key, () => any(replicas).protect(key, id));
    protections.set(key.accountId, [...(protections.get(key.accountId) ?? []), { id, closure }]);
  };
  const lift = async (key: Key): Promise<void> => {
    const last = protections.get(key.accountId)?.pop();
    if (last === undefined) return protect(key);
    last.closure.liftAsked = tick();
    await any(replicas).lift(key, last.id);
    last.closure.liftAcked = tick();
    done('lift');
    await verify(key);
  };
  const rotating = new Set<string>();
  const rotate = async (key: Key): Promise<void> => {
    if (rotating.has(key.keyId)) return verify(key);
    rotating.add(key.keyId);
    const old = { ...key };
    await stop('rotate', old.secret, old, async () => {
      key.secret = await any(replicas).rotate(key);
    });
    rotating.delete(key.keyId);
    await verify(key);
  };
  const step = async (): Promise<void> => {
    const key = any(keys);
    const drawn = random();
    if (drawn < 0.015) await stop('cancel', key.accountId, key, () => any(replicas).cancel(key));
    else if (drawn < 0.05) await stop('revoke', key.keyId, key, () => any(replicas).revoke(key));
    else if (drawn < 0.08) await protect(key);
    else if (drawn < 0.11) await lift(key);
    else if (drawn < 0.14) await rotate(key);
    else await verify(key);
  };
  const worker = async () => {
    while (outcome.calls < options.calls) await step();
  };
  await Promise.all(Array.from({ length: options.workers }, worker));
  return outcome;
};
