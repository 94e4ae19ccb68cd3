// Stand-ins of the three services the gateway calls: real HTTP, the declared endpoints, real service tokens; they remember what they were asked.
import {
  createHold,
  extendHold,
  holdNotOpen,
  insufficientBalance,
  modelUnknown,
  releaseHold,
  settleHold,
} from '@meridian/contracts/billing.ts';
import { unavailable } from '@meridian/contracts/common.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import {
  type KeyRefusal,
  listKeyChanges,
  type RateWindow,
  reportKeyUsage,
  verifyKey,
} from '@meridian/contracts/key-issuance.ts';
import { type Hit, matchBusy, matchText, scoreHits, textTooCostly } from '@meridian/contracts/moderation.ts';
import { createServiceVerifier } from '@meridian/kit/auth/service-verifier.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { createServer } from '@meridian/kit/http/server.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { TestCertificate } from '@meridian/testkit/service/test-certificate.ts';
import type { JWK } from 'jose';
import type { z } from 'zod';

type Body<E extends EndpointDefinition> = E['body'] extends z.ZodType ? z.output<E['body']> : never;
type Changes = z.input<(typeof listKeyChanges)['answers'][200]>['changes'];
type Score = z.input<(typeof scoreHits)['answers'][200]>;

export type HoldRecord = {
  request: Body<typeof createHold>;
  extended: Body<typeof extendHold>[];
  settled: Body<typeof settleHold>[];
  released: number;
};

const currency = 'CNY';

export const startNeighbours = async (options: {
  region: string;
  gatewayKey: JWK;
  log: Logger;
  /** Of everybody: with it, connections are mutual TLS. */
  certificate: TestCertificate | undefined;
}) => {
  const now = () => new Date();
  const state = {
    refusals: new Map<string, KeyRefusal>(),
    owner: {
      accountId: `acc_${options.region}_01ARZ3NDEKTSV4RRFFQ69G5FAV`,
      keyId: `key_${options.region}_01ARZ3NDEKTSV4RRFFQ69G5FAV`,
    },
    /** Limits told with every answer. */
    rates: undefined as RateWindow[] | undefined,
    reported: [] as Body<typeof reportKeyUsage>[],
    verified: [] as Body<typeof verifyKey>[],
    matched: [] as string[][],
    /** Bytes of the bodies of these questions. */
    matchedBytes: [] as number[],
    /** What moderation does with a question. */
    matching: 'well' as 'well' | 'busy' | 'too costly' | 'silent',
    /** First texts of questions whose sender hung up before they were answered. */
    hungUp: [] as (string | undefined)[],
    scored: [] as Body<typeof scoreHits>[],
    /** What moderation does with hits. */
    scoring: 'well' as 'well' | 'unavailable' | 'silent',
    hits: [] as Hit[],
    score: { verdict: 'pass' } as Score,
    holds: new Map<string, HoldRecord>(),
    refuseHold: false,
    refuseExtend: false,
    failSettle: 0,
    changes: [] as Changes,
    /** Never answer polls. */
    mute: false,
    polls: 0,
    down: new Set<ServiceName>(),
  };
  let wake = Promise.withResolvers<void>();

  const serverOf = (service: ServiceName) =>
    createServer({
      service,
      region: options.region,
      log: options.log,
      now,
      trustedProxies: [],
      corsOrigins: [],
      listener: 'internal',
      production: false,
      // They share the event loop with the gateway, the client and jest: it says nothing of them.
      maxEventLoopDelayMs: 0,
      ...(options.certificate && { tls: options.certificate }),
      verifyService: createServiceVerifier({
        service,
        region: options.region,
        keys: { gateway: options.gatewayKey },
        now,
      }),
    });
  const up = (service: ServiceName) => {
    if (state.down.has(service)) fail(unavailable, { retryAfter: 1 });
  };

  const keys = serverOf('key-issuance');
  route(keys, verifyKey, async ({ body }) => {
    up('key-issuance');
    state.verified.push(body);
    const refusal = state.refusals.get(body.key);
    const { rates, owner } = state;
    const limited = rates && { rates };
    if (refusal) return { status: 200, body: { valid: false, refusal, ...limited } };
    const reserved = rates && { rates, reservedAt: now().toISOString() };
    return {
      status: 200,
      body: { valid: true, ...owner, product: body.product, position: String(state.changes.length), ...reserved },
    };
  });
  route(keys, reportKeyUsage, async ({ body }) => {
    up('key-issuance');
    state.reported.push(body);
    return { status: 204 };
  });
  route(keys, listKeyChanges, async ({ query, reply }) => {
    up('key-issuance');
    state.polls += 1;
    const after = query.after === undefined ? state.changes.length : Number(query.after);
    const until = Date.now() + query.wait * 1_000;
    const nothingNew = () => query.after !== undefined && state.changes.length <= after && Date.now() < until;
    // A poll that was hung up waits no more: it would keep the process from ending.
    while (!reply.raw.destroyed && (state.mute || nothingNew()))
      await Promise.race([wake.promise, new Promise((resolve) => setTimeout(resolve, 20))]);
    return { status: 200, body: { position: String(state.changes.length), changes: state.changes.slice(after) } };
  });

  const moderation = serverOf('moderation');
  route(moderation, matchText, async ({ body, headers, reply }) => {
    up('moderation');
    state.matched.push(body.texts);
    state.matchedBytes.push(Number(headers['content-length']));
    while (state.matching === 'silent') {
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (!reply.raw.destroyed) continue;
      state.hungUp.push(body.texts[0]);
      break;
    }
    if (state.matching === 'busy') fail(matchBusy, { retryAfter: 1 });
    if (state.matching === 'too costly') fail(textTooCostly);
    return { status: 200, body: { hits: state.hits } };
  });
  route(moderation, scoreHits, async ({ body, reply }) => {
    up('moderation');
    state.scored.push(body);
    if (state.scoring === 'unavailable') fail(unavailable, { retryAfter: 1 });
    while (state.scoring === 'silent' && !reply.raw.destroyed) await new Promise((resolve) => setTimeout(resolve, 10));
    return { status: 200, body: state.score };
  });

  const billing = serverOf('billing');
  const holdOf = (requestId: string) => state.holds.get(requestId) ?? fail(unavailable, { retryAfter: 1 });
  const deadline = () => new Date(Date.now() + 300_000).toISOString();
  route(billing, createHold, async ({ body }) => {
    up('billing');
    if (body.model === 'no-such-model') return fail(modelUnknown);
    if (state.refuseHold) return fail(insufficientBalance);
    state.holds.set(body.requestId, { request: body, extended: [], settled: [], released: 0 });
    return { status: 201, body: { requestId: body.requestId, held: '1', currency, deadline: deadline() } };
  });
  route(billing, extendHold, async ({ params, body }) => {
    up('billing');
    if (state.refuseExtend) return fail(insufficientBalance);
    const hold = holdOf(params.requestId);
    if (hold.settled.length > 0) return fail(holdNotOpen);
    hold.extended.push(body);
    return { status: 200, body: { requestId: params.requestId, held: '1', currency, deadline: deadline() } };
  });
  route(billing, settleHold, async ({ params, body }) => {
    up('billing');
    if (state.failSettle > 0) {
      state.failSettle -= 1;
      return fail(unavailable, { retryAfter: 1 });
    }
    holdOf(params.requestId).settled.push(body);
    return { status: 200, body: { requestId: params.requestId, amount: '1', currency, available: '1' } };
  });
  route(billing, releaseHold, async ({ params }) => {
    up('billing');
    holdOf(params.requestId).released += 1;
    return { status: 204 };
  });

  const servers = { keys, moderation, billing };
  const urls = {
    keys: (await keys.listen({ host: '127.0.0.1', port: 0 })).url,
    moderation: (await moderation.listen({ host: '127.0.0.1', port: 0 })).url,
    billing: (await billing.listen({ host: '127.0.0.1', port: 0 })).url,
  };
  return {
    state,
    urls,
    /** Everything as in the beginning; the list of changes only ever grows. */
    reset: () => {
      state.refusals.clear();
      state.holds.clear();
      state.down.clear();
      Object.assign(state, {
        rates: undefined,
        reported: [],
        verified: [],
        matched: [],
        matchedBytes: [],
        matching: 'well',
        hungUp: [],
        scored: [],
        scoring: 'well',
        hits: [],
        score: { verdict: 'pass' },
      });
      Object.assign(state, { refuseHold: false, refuseExtend: false, failSettle: 0, mute: false, polls: 0 });
    },
    /** A change that gateways hear of at once. */
    tell: (change: Omit<Changes[number], 'position'>) => {
      state.changes.push({ position: String(state.changes.length + 1), ...change });
      wake.resolve();
      wake = Promise.withResolvers();
    },
    stop: async () => {
      state.mute = false;
      Object.assign(state, { matching: 'well', scoring: 'well' });
      await Promise.all(Object.values(servers).map((server) => server.close()));
    },
  };
};
export type Neighbours = Awaited<ReturnType<typeof startNeighbours>>;
