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

const verifyAt =
  (url: string, token: () => Promise<string>) =>
  async ({ secret }: SeededKey) => {
    const { body } = await request(`${url}/internal/v1/keys/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await token()}` },
      body: JSON.stringify({ key: secret, product: 'payg', model: null }),
    });
    return ((await body.json()) as { valid: boolean }).valid;
  };

/** `keys` are used up. */
export const revokeToReject = async (stage: Stage, keys: readonly SeededKey[]) => {
  const { keyIssuance, betterAuth, tokens } = stage;
  const kept = await stage.token();
  const ours = await over(
    keys,
    verifyAt(keyIssuance.url, async () => kept),
    async ({ accountId, keyId }) =>
      call(revokeKey, {
        baseUrl: keyIssuance.publicUrl as string,
        params: { keyId },
        token: await tokens.userToken({ accountId }),
      }),
  );
  const theirs = await over(
    keys,
    verifyAt(betterAuth.url, async () => 'none'),
    async ({ secret }) => {
      const { body } = await request(`${betterAuth.url}/revoke`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ key: secret }),
      });
      await body.dump();
    },
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
