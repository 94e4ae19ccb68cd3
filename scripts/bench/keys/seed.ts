// 100,000 keys in a database, and the question about each of them.
import { writeFileSync } from 'node:fs';
import { peppersOf } from '@meridian/key-issuance/config.ts';
import { makeKey } from '@meridian/key-issuance/keys/key-format.ts';
import { newId } from '@meridian/kit/ids.ts';
import pg from 'pg';

export type SeededKey = { readonly accountId: string; readonly keyId: string; readonly secret: string };

const keysPerAccount = 4;

/** Inserts `count` active keys into migrated tables; four for each account. */
export const seedKeys = async (url: string, region: string, secrets: Record<string, string>, count: number) => {
  const peppers = peppersOf(secrets);
  const at = new Date();
  const keys: SeededKey[] = [];
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let accountId = '';
    while (keys.length < count) {
      const made = Array.from({ length: Math.min(10_000, count - keys.length) }, (_, i) => {
        if (i % keysPerAccount === 0) accountId = newId('acc', region, at);
        return { ...makeKey(peppers, region, 'payg'), accountId, keyId: newId('key', region, at) };
      });
      const ids = made.map((key) => key.keyId);
      await client.query(
        `insert into api_key (key_id, account_id, name, display, product, created_at, project, kind)
         select k, a, 'bench', 'sk-…', 'payg', now(), 'default', 'standard' from unnest($1::text[], $2::text[]) as t(k, a)`,
        [ids, made.map((key) => key.accountId)],
      );
      await client.query(
        `insert into api_key_secret (digest, key_id, pepper_version, created_at)
         select d, k, 1, now() from unnest($1::bytea[], $2::text[]) as t(d, k)`,
        [made.map((key) => key.digest), ids],
      );
      // As issuing a key does.
      await client.query(
        'insert into account_gate (account_id) select distinct unnest($1::text[]) on conflict do nothing',
        [made.map((key) => key.accountId)],
      );
      keys.push(...made.map((key) => ({ accountId: key.accountId, keyId: key.keyId, secret: key.key })));
    }
    for (const table of ['api_key', 'api_key_secret', 'account_gate']) await client.query(`analyze ${table}`);
  } finally {
    await client.end();
  }
  return keys;
};

/** Wrong in the last character: the tag tells it from a key without a read. */
const garbled = (secret: string) => `${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`;

/** One question per line; line n of the second half is about a garbled form of key n. */
export const writeQuestions = (file: string, keys: readonly SeededKey[], model?: string): void => {
  const line = (key: string) =>
    JSON.stringify({ key, product: 'payg', model: model ?? null, ...(model !== undefined && { tokensEstimate: 10 }) });
  writeFileSync(file, [...keys.map((k) => line(k.secret)), ...keys.map((k) => line(garbled(k.secret)))].join('\n'));
};

/** Which question comes when: uniform or Zipf (exponent 1) over `keys`, a share of them garbled. */
export const orderOf = (keys: number, kind: 'uniform' | 'zipf', garbage: number, length: number): number[] => {
  const cumulative = kind === 'zipf' ? zipf(keys) : undefined;
  return Array.from({ length }, () => {
    const key = cumulative ? firstAbove(cumulative, Math.random()) : Math.floor(Math.random() * keys);
    return Math.random() < garbage ? keys + key : key;
  });
};

const zipf = (n: number): Float64Array => {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i += 1) {
    sum += 1 / (i + 1);
    sums[i] = sum;
  }
  return sums.map((value) => value / sum);
};

const firstAbove = (sums: Float64Array, value: number): number => {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
};
