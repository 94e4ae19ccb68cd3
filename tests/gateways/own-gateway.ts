// The example of docs/integration.md, word for word (tests/own-gateway.int.test.ts compares them), and run there against a region.
import { createGatewayClient, type GatewayClient, type GatewayClientOptions } from '@meridian/client/gateway-client.ts';
import { failureOfEnd, type HoldEnd, mayAppearMs, mayBeHeld } from '@meridian/client/hold-end.ts';
import { explainKeyRefusal, retryAfterOf } from '@meridian/client/key-refusal.ts';
import { createOpenCalls, type OpenCall, type OpenCalls } from '@meridian/client/open-calls.ts';
import { refusalProblems } from '@meridian/contracts/key-issuance.ts';

export type Door = { readonly region: GatewayClient; readonly calls: OpenCalls };

/** Once, at start: lets nobody in before changes of keys are heard, as a key verified earlier could be revoked unheard. */
export const openDoor = async (options: GatewayClientOptions, signal: AbortSignal): Promise<Door> => {
  const region = createGatewayClient(options);
  const calls = createOpenCalls(1_000);
  await region.changes({ onChanges: calls.apply, onSilence: calls.cutSilent, signal }).ready;
  return { region, calls };
};

export type Call = {
  readonly requestId: string; // req_<region>_<ulid>, made here, once per call
  readonly key: string;
  readonly model: string;
  readonly ip: string; // of the client
  readonly texts: readonly string[];
  readonly promptTokens: number; // no fewer than the model will count
  readonly stream: (cut: AbortSignal) => AsyncIterable<{ readonly text: string; readonly tokens: number }>;
};

export async function* serve({ region, calls }: Door, call: Call): AsyncGenerator<string> {
  const open = calls.begin(); // before the key is verified: a change that comes in meanwhile counts
  if (!open) throw refused(503, 'Too many calls run at the moment; try again', 1);
  try {
    yield* answer(region, call, open);
  } finally {
    open.end();
  }
}

async function* answer(region: GatewayClient, call: Call, open: OpenCall): AsyncGenerator<string> {
  const { requestId, key, model, ip, promptTokens } = call;
  const tokensReserved = promptTokens + outputWindow;
  const matching = region.match(call.texts); // beside `verify`
  matching.catch(() => undefined); // heard below, where what `verify` reserved is given back
  const verdict = await region.verify({
    key,
    product: 'payg',
    model,
    endpoint: 'chat/completions',
    ip,
    tokensEstimate: tokensReserved,
  });
  if (!verdict.valid) {
    const { status } = refusalProblems[verdict.refusal.code];
    throw refused(status, explainKeyRefusal(verdict.refusal), retryAfterOf(verdict.refusal, new Date()));
  }
  const { accountId, keyId, reservedAt } = verdict;
  open.identify(verdict);
  let isHeld = false; // perhaps
  let tokens = 0; // of the answer, delivered
  let outcome: 'completed' | 'interrupted' = 'interrupted';
  const usage = () => ({ promptTokens, cachedTokens: 0, completionTokens: tokens });
  try {
    const { hits } = await matching;
    if (hits.length > 0 && (await region.score({ accountId, requestId, hits })).verdict !== 'pass')
      throw refused(403, 'The request was refused by the content rules');
    let held = outputWindow;
    const money = { requestId, accountId, keyId, model, promptTokensBound: promptTokens, completionWindow: held };
    await region.hold(money).catch((error: unknown) => {
      isHeld = mayBeHeld(error);
      throw error;
    });
    isHeld = true;
    for await (const chunk of call.stream(open.signal)) {
      open.signal.throwIfAborted(); // revoked, cancelled, protected …
      if (tokens + chunk.tokens > held) {
        const completionWindow = Math.max(outputWindow, chunk.tokens);
        await region.extend(requestId, { soFar: usage(), completionWindow }); // 402 ends the stream here
        held = tokens + completionWindow;
      }
      tokens += chunk.tokens;
      yield chunk.text;
    }
    outcome = 'completed';
  } finally {
    // However it ended: what was delivered is charged, once, and what was reserved is put right.
    const used = tokens > 0 ? promptTokens + tokens : 0;
    const report = { requestId, accountId, keyId, model, tokensReserved, tokensUsed: used };
    if (reservedAt !== undefined) region.reportUsage({ ...report, reservedAt }).catch(() => undefined); // best effort
    if (used > 0) await end('settle', () => region.settle(requestId, { usage: usage(), outcome }));
    else if (isHeld) await end('release', () => region.release(requestId));
  }
}

const outputWindow = 1_024; // output tokens held at a time

const refused = (status: number, message: string, retryAfter?: number) =>
  Object.assign(new Error(message), { status, retryAfter });

/**
 * Counts once, and only when billing has said so: the client waits for the first try, the others follow behind. Keep it on disk until it is over, to
 * go on after a restart. A settlement that is refused is your loss: have it looked at.
 */
const end = async (what: HoldEnd, ask: () => Promise<unknown>): Promise<void> => {
  const began = performance.now();
  const isOver = async () => {
    const answer = await ask().then(
      () => 'done' as const,
      (error: unknown) => failureOfEnd(what, error),
    );
    if (answer === 'absent') return performance.now() - began > mayAppearMs;
    return answer !== 'failed';
  };
  const repeat = async () => {
    for (let pause = 250; ; pause = Math.min(2 * pause, 10_000)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (await isOver()) return;
    }
  };
  if (!(await isOver())) void repeat();
};
