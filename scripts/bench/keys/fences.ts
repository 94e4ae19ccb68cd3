// Reference, section 5 (h): accounts are fenced while everything is busy, and every verification that starts after the acknowledgement, at any
// replica, must be refused.
import { call } from '@meridian/client/client.ts';
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import { newId } from '@meridian/kit/ids.ts';
import { Agent, request } from 'undici';
import { orderOf, type SeededKey } from './seed.ts';
import { keyCount, type Server, type Stage } from './stage.ts';
import { type LoadReport, startChild } from './wire.ts';

const verifiesPerFence = 8;
const atATime = 16;
const backgroundConnections = 16;

export type FenceReport = { readonly fences: number; readonly tried: number; readonly accepted: number };

/** Good keys at every replica until `stop`, which answers how many calls a second that were. */
const keepBusy = (stage: Stage, replicas: readonly Server[]) => {
  let stopped = false;
  const one = async (replica: Server): Promise<number> => {
    const child = startChild('./load.ts');
    let rate = 0;
    try {
      while (!stopped) {
        const report = await child.ask<LoadReport>({
          url: replica.url,
          path: '/internal/v1/keys/verify',
          token: await stage.token(),
          bodies: stage.questions,
          order: orderOf(keyCount, 'uniform', 0.01, 50_000),
          connections: backgroundConnections,
          seconds: 1,
          maxRequests: 400_000,
        });
        rate = report.requests / report.seconds;
      }
    } finally {
      await child.stop();
    }
    return rate;
  };
  const running = Promise.all(replicas.map(one));
  return {
    stop: async () => {
      stopped = true;
      return (await running).reduce((sum, rate) => sum + rate, 0);
    },
  };
};

/** `keys` are used up. */
export const fenceAccounts = async (
  stage: Stage,
  replicas: readonly Server[],
  keys: readonly SeededKey[],
  progress: (line: string) => void,
): Promise<FenceReport> => {
  const accounts = [...Map.groupBy(keys, ({ accountId }) => accountId)];
  const dispatcher = new Agent({ connections: atATime * verifiesPerFence });
  let turn = 0;
  const replica = (): Server => {
    turn = (turn + 1) % replicas.length;
    return replicas[turn] as Server;
  };
  /** The answer of a verification; one that was shed proves nothing, so another is started, which is after the acknowledgement too. */
  const codeOf = async ({ secret }: Pick<SeededKey, 'secret'>, attempts = 5): Promise<string> => {
    const { body } = await request(`${replica().url}/internal/v1/keys/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await stage.token()}` },
      body: JSON.stringify({ key: secret, product: 'payg', model: null }),
      dispatcher,
    });
    const answer = (await body.json()) as { valid?: boolean; code?: string; refusal?: { code: string } };
    if (answer.code === 'unavailable' && attempts > 1) return codeOf({ secret }, attempts - 1);
    return answer.valid ? 'valid' : (answer.refusal?.code ?? answer.code ?? 'no answer');
  };
  let [tried, accepted] = [0, 0];
  const fence = async (accountId: string, own: readonly SeededKey[]): Promise<void> => {
    const before = await codeOf(own[0] as SeededKey);
    if (before !== 'valid') throw new Error(`a key was ${before} before its account was fenced`);
    const now = new Date();
    await call(fenceKeyIssuance, {
      baseUrl: replica().url,
      token: await stage.tokens.serviceToken({ caller: 'identity', audience: 'key-issuance' }),
      body: { accountId, sagaId: newId('sag', stage.region, now) },
      timeoutMs: 30_000,
      dispatcher,
    });
    const started = Array.from({ length: verifiesPerFence }, (_, i) => codeOf(own[i % own.length] as SeededKey));
    for (const code of await Promise.all(started)) {
      tried += 1;
      if (code === 'valid') accepted += 1;
      else if (code !== 'account_cancelled') throw new Error(`a key of a fenced account was ${code}`);
    }
  };
  const background = keepBusy(stage, replicas);
  let rate = 0;
  try {
    const waiting = [...accounts];
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await fence(...next);
    };
    await Promise.all(Array.from({ length: atATime }, worker));
  } finally {
    rate = await background.stop();
    await dispatcher.close();
  }
  progress(
    `keys: ${accounts.length} fences at ${replicas.length} replicas beside ${rate.toFixed(0)} calls/s: ${accepted} of ${tried} accepted`,
  );
  return { fences: accounts.length, tried, accepted };
};
