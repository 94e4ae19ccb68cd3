// From the acknowledgement of a revocation to the first refusal, under background verification of the same key.
import { call } from '@meridian/client/client.ts';
import { revokeKey } from '@meridian/contracts/key-issuance.ts';
import { request } from 'undici';
import type { SeededKey } from './seed.ts';
import type { Stage } from './stage.ts';

export type Revocations = {
  readonly accepted: number;
  readonly tried: number;
  readonly milliseconds: readonly number[];
};

const watchers = 6;
/** After the acknowledgement each watcher goes on for this long. */
const afterMs = 60;

const watch = async (verify: () => Promise<boolean>, revoke: () => Promise<unknown>) => {
  let acked = Infinity;
  let [accepted, tried, rejected] = [0, 0, Infinity];
  const loop = async () => {
    while (performance.now() < acked + afterMs) {
      const started = performance.now();
      const valid = await verify();
      if (started <= acked) continue;
      tried += 1;
      if (valid) accepted += 1;
      else rejected = Math.min(rejected, performance.now());
    }
  };
  const loops = Array.from({ length: watchers }, loop);
  await revoke();
  acked = performance.now();
  await Promise.all(loops);
  return { accepted, tried, milliseconds: rejected - acked };
};

const over = async (
  keys: readonly SeededKey[],
  verify: (key: SeededKey) => Promise<boolean>,
  revoke: (key: SeededKey) => Promise<unknown>,
): Promise<Revocations> => {
  let [accepted, tried] = [0, 0];
  const milliseconds: number[] = [];
  for (const key of keys) {
    const one = await watch(
      () => verify(key),
      () => revoke(key),
    );
    accepted += one.accepted;
    tried += one.tried;
    milliseconds.push(one.milliseconds);
  }
  return { accepted, tried, milliseconds };
};

const post = async (url: string, token: string, body: object) => {
  const answer = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return (await answer.body.json()) as { valid: boolean; keyId: string | null };
};

/** `keys` are used up. */
export const revokeToReject = async (stage: Stage, keys: readonly SeededKey[]) => {
  const { keyIssuance, betterAuth, tokens } = stage;
  const kept = await stage.token();
  const ask = (url: string, { secret }: SeededKey) =>
    post(`${url}/internal/v1/keys/verify`, kept, { key: secret, product: 'payg', model: null });
  const ours = await over(
    keys,
    async (key) => (await ask(keyIssuance.url, key)).valid,
    async ({ accountId, keyId }) =>
      call(revokeKey, {
        baseUrl: keyIssuance.publicUrl as string,
        params: { keyId },
        token: await tokens.userToken({ accountId }),
      }),
  );
  const idOf = new Map<SeededKey, string | null>();
  for (const key of keys) idOf.set(key, (await ask(betterAuth.url, key)).keyId);
  const theirs = await over(
    keys,
    async (key) => (await ask(betterAuth.url, key)).valid,
    (key) => post(`${betterAuth.url}/revoke`, kept, { keyId: idOf.get(key) }),
  );
  return { ours, theirs };
};

/** Counts per bucket of milliseconds, for a person. */
export const histogram = ({ milliseconds }: Revocations): string => {
  const bounds = [1, 2, 5, 10, 20, 50, 100, 1_000, Infinity];
  const counts = bounds.map(
    (bound, i) => milliseconds.filter((ms) => ms <= bound && ms > (bounds[i - 1] ?? -1)).length,
  );
  return bounds
    .map((bound, i) => `<=${bound} ms: ${counts[i]}`)
    .filter((_, i) => counts[i] !== 0)
    .join(', ');
};
