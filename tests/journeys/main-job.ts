// The main job, over HTTP alone: what a new user, a reviewer and the model's caller do, step by step, in whatever region it is pointed at.
// It learns everything from GET /v1/region; the sandbox stands for the person's phone, mailbox and bank.
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { call } from '@meridian/client/client.ts';
import * as billing from '@meridian/contracts/billing.ts';
import type { publicRegion } from '@meridian/contracts/identity.ts';
import * as identity from '@meridian/contracts/identity.ts';
import * as keys from '@meridian/contracts/key-issuance.ts';
import * as moderation from '@meridian/contracts/moderation.ts';
import * as verification from '@meridian/contracts/verification.ts';
import OpenAI, { APIError } from 'openai';
import type { z } from 'zod';
import { refusalOf, until } from './expectations.ts';
import { type Outside, outsideWorld } from './outside-world.ts';

export type JourneyOptions = { readonly base: string; readonly sandbox: string };
export type JourneyState = {
  readonly outside: Outside;
  readonly base: string;
  region: z.infer<typeof publicRegion>;
  identifier: identity.Identifier;
  token: string;
  refreshToken: string;
  accountId: string;
  apiKey: string;
  baseUrl: string;
  recharged: bigint;
  caseId: string;
  receiptToken: string;
};

/** One step: its name, and what it does. The text that it returns is shown as its result. It throws when the promise does not hold. */
export type Step = { readonly name: string; readonly run: (s: JourneyState) => Promise<string> };

const auth = (s: JourneyState) => ({ baseUrl: s.base, token: s.token });

/** A fresh identifier of a kind that the region registers. */
const newIdentifier = (methods: readonly string[]): identity.Identifier =>
  methods.includes('phone_code')
    ? { kind: 'phone', value: `+86138${String(randomInt(0, 100_000_000)).padStart(8, '0')}` }
    : { kind: 'email', value: `journey-${randomUUID()}@people.example` };

/** Asks for a code and reads it; a person who asked a moment ago waits as long as they are told, once. */
const codeFor = async (
  s: JourneyState,
  purpose: 'login' | 'reauthenticate',
  patient = true,
): Promise<{ codeId: string; code: string }> => {
  const since = new Date();
  try {
    const { body } = await call(identity.sendCode, { baseUrl: s.base, body: { identifier: s.identifier, purpose } });
    return { codeId: body.codeId, code: await s.outside.readCode(s.identifier, since) };
  } catch (error) {
    const { code, retryAfter } = error as { code?: string; retryAfter?: number };
    if (!patient || code !== identity.codeLimitReached.code || !retryAfter || retryAfter > 90) throw error;
    await new Promise((resolve) => setTimeout(resolve, retryAfter * 1000));
    return codeFor(s, purpose, false);
  }
};

const openAi = (s: JourneyState) =>
  new OpenAI({ apiKey: s.apiKey, baseURL: s.baseUrl, maxRetries: 0, timeout: 30_000 });

const ask = (s: JourneyState, content: string) =>
  openAi(s).chat.completions.create({
    model: s.region.models[0] as string,
    messages: [{ role: 'user', content }],
    max_tokens: 64,
  });

type GatewayRefusal = {
  status: number;
  code: string;
  region?: string;
  baseUrl?: string;
  caseId?: string;
  until?: string;
  appealUrl?: string;
};

/** What the key's holder is told when a call is refused. */
const refusalIn = (error: unknown) => {
  assert.ok(error instanceof APIError, `the call should have been refused, but failed: ${String(error)}`);
  return {
    ...(error.error as Record<string, string>),
    status: error.status,
    code: String(error.code),
  } as GatewayRefusal;
};
const refusedCall = (work: Promise<unknown>) =>
  work.then(() => assert.fail('the call should have been refused, but was answered'), refusalIn);

const money = (s: JourneyState, nano: string | bigint) => `${(Number(nano) / 1e9).toFixed(6)} ${s.region.currency}`;

const readRegion: Step = {
  name: "read the region's public profile",
  run: async (s) => {
    s.region = (await call(identity.getRegion, { baseUrl: s.base })).body;
    const realName = s.region.realName.policy === 'required' ? 'real-name before payment' : 'no real-name';
    return `${s.region.id}: ${s.region.registration.methods.join(', ')}; ${realName}; ${s.region.payment.channels.join(', ')} in ${s.region.currency}`;
  },
};

const register: Step = {
  name: 'register with a code',
  run: async (s) => {
    s.identifier = newIdentifier(s.region.registration.methods);
    const { body } = await call(identity.createSession, {
      baseUrl: s.base,
      body: {
        ...(await codeFor(s, 'login')),
        identifier: s.identifier,
        termsVersion: s.region.registration.termsVersion,
      },
    });
    assert.equal(body.created, true);
    s.token = body.accessToken;
    s.refreshToken = body.refreshToken ?? '';
    s.accountId = body.accountId;
    return `${body.accountId} (by ${s.identifier.kind})`;
  },
};

const recharge = (s: JourneyState, idempotencyKey = randomUUID()) =>
  call(billing.createRecharge, {
    ...auth(s),
    idempotencyKey,
    body: {
      channel: s.region.payment.channels[0] as string,
      amount: s.region.payment.minimumRecharge,
      currency: s.region.currency,
    },
  });

const refusedBeforeRealName: Step = {
  name: 'be refused recharge before real-name verification',
  run: async (s) => {
    const refusal = await refusalOf(recharge(s));
    assert.equal(refusal.code, 'real_name_required');
    return `${refusal.status} ${refusal.code}`;
  },
};

const passRealName: Step = {
  name: 'pass personal real-name verification',
  run: async (s) => {
    const person = await s.outside.newPerson();
    assert.equal(s.region.realName.policy, 'required');
    const { body } = await call(verification.submitPersonalVerification, {
      ...auth(s),
      idempotencyKey: randomUUID(),
      body: { ...person, consentVersion: s.region.realName.consentVersion },
    });
    assert.equal(body.status, 'personal');
    assert.equal(body.allowsPayment, true);
    assert.ok(
      body.masked && !body.masked.number.includes(person.number.slice(4, 14)),
      'the number must come back masked',
    );
    return `${body.status}, shown as ${body.masked.name} ${body.masked.number}`;
  },
};

const rechargeAndPay: Step = {
  name: 'recharge through the payment channel, paid by the payer, reported asynchronously and signed',
  run: async (s) => {
    const idempotencyKey = randomUUID();
    const order = (await recharge(s, idempotencyKey)).body;
    assert.equal(
      (await recharge(s, idempotencyKey)).body.orderId,
      order.orderId,
      'a retry must not make a second order',
    );
    assert.ok(order.payment, 'the order must say how it is paid');
    await s.outside.pay(order.payment);
    const paid = await until('the order to be paid', async () => {
      const { body } = await call(billing.getRecharge, { ...auth(s), params: { orderId: order.orderId } });
      return body.status === 'paid' ? body : undefined;
    });
    const { body: balance } = await call(billing.getBalance, auth(s));
    assert.equal(balance.available, paid.amount, 'credited exactly once');
    s.recharged = BigInt(paid.amount);
    return `${order.channel} ${order.orderId}: ${money(s, balance.available)}`;
  },
};

const createKey: Step = {
  name: 'create a pay-as-you-go key, shown once, with its Base URL',
  run: async (s) => {
    const { body } = await call(keys.createKey, {
      ...auth(s),
      idempotencyKey: randomUUID(),
      body: { name: 'journey', product: 'payg' },
    });
    s.apiKey = body.secret;
    s.baseUrl = body.baseUrl;
    const listed = (await call(keys.listKeys, { ...auth(s), query: {} })).body.items;
    assert.deepEqual(
      listed.map((k) => k.keyId),
      [body.key.keyId],
    );
    assert.ok(!JSON.stringify(listed).includes(body.secret), 'the secret is never shown again');
    return `${body.key.display}… at ${body.baseUrl}`;
  },
};

const callModel: Step = {
  name: 'call the model with the official client, plain and streaming',
  run: async (s) => {
    const plain = await ask(s, 'Say hello to the world.');
    assert.ok(plain.choices[0]?.message.content);
    const stream = await openAi(s).chat.completions.create({
      model: s.region.models[0] as string,
      messages: [{ role: 'user', content: 'Say hello, word by word.' }],
      max_tokens: 64,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let chunks = 0;
    let streamedTokens = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      chunks += 1;
      streamedTokens = chunk.usage?.total_tokens ?? streamedTokens;
    }
    assert.ok(text.length > 0 && chunks > 2 && streamedTokens > 0);
    return `plain ${plain.usage?.total_tokens} tokens; streaming ${chunks} chunks, ${streamedTokens} tokens`;
  },
};

const seeCharges: Step = {
  name: 'see the charge, the usage and the balance',
  run: async (s) => {
    const charges = await until('both calls to be charged', async () => {
      const { body } = await call(billing.listCharges, { ...auth(s), query: {} });
      return body.items.length === 2 ? body.items : undefined;
    });
    const spent = charges.reduce((sum, c) => sum + BigInt(c.amount), 0n);
    assert.ok(spent > 0n);
    const usage = (await call(billing.getUsage, { ...auth(s), query: {} })).body.items;
    assert.equal(
      usage.reduce((sum, u) => sum + BigInt(u.amount), 0n),
      spent,
      'usage adds up to the charges',
    );
    const { body: balance } = await call(billing.getBalance, auth(s));
    assert.equal(
      BigInt(balance.available) + BigInt(balance.held),
      s.recharged - spent,
      'recharged - spent = balance, to the nano',
    );
    return `spent ${money(s, spent)}; left ${money(s, balance.available)}`;
  },
};

const tryForeignGateway: Step = {
  name: "try the key at another region's gateway and be told its home",
  run: async (s) => {
    const { items } = (await call(identity.listRegions, { baseUrl: s.base })).body;
    const other = items.find((r) => r.id !== s.region.id);
    assert.ok(other, 'the directory names another region');
    const refusal = await refusedCall(ask({ ...s, baseUrl: other.addresses.baseUrls.payg }, 'hello'));
    assert.equal(refusal.code, 'key_region_mismatch');
    assert.equal(refusal.region, s.region.id);
    assert.equal(refusal.baseUrl, s.baseUrl);
    return `at ${other.id}: ${refusal.status} ${refusal.code}, region ${refusal.region}, use ${refusal.baseUrl}`;
  },
};

const tripRule: Step = {
  name: 'trip a keyword rule and be refused with case, end time and appeal address',
  run: async (s) => {
    const refusalOfText = (text: string) => ask(s, text).then(() => undefined, refusalIn);
    // Where moderation does not answer in time, a text passes unread or is held up (503): it is said again.
    const refusal = await until('the refusal', async () => {
      const first = await refusalOfText(s.outside.forbiddenText);
      return first?.status === 503 ? undefined : first;
    });
    assert.equal(refusal.status, 403);
    assert.equal(refusal.code, 'account_protected');
    assert.ok(refusal.caseId && refusal.until && refusal.appealUrl);
    const again = await until('the gate to close', async () => {
      const next = await refusalOfText('A harmless question.');
      // A call that was open when it closed is ended with the same code, and names no case.
      return next?.code === 'account_protected' && next.caseId ? next : undefined;
    });
    assert.equal(again.caseId, refusal.caseId, 'one case per protection');
    s.caseId = refusal.caseId;
    return `${refusal.status} ${refusal.code}, ${refusal.caseId}, until ${refusal.until}, appeal at ${refusal.appealUrl}`;
  },
};

const appealAndUnblock: Step = {
  name: "appeal, and be unblocked by a reviewer signed in through the operator's OpenID provider",
  run: async (s) => {
    const { body: appeal } = await call(moderation.submitAppeal, {
      ...auth(s),
      body: { caseId: s.caseId, text: 'It was a quotation from a manual.' },
    });
    const reviewer = await s.outside.signInStaff(s.base, 'rita');
    const { body: cases } = await call(moderation.listCases, {
      baseUrl: s.base,
      token: reviewer.accessToken,
      query: { accountId: s.accountId },
    });
    assert.deepEqual(
      cases.items.map((c) => c.caseId),
      [s.caseId],
    );
    const { body: decided } = await call(moderation.decideCase, {
      baseUrl: s.base,
      token: reviewer.accessToken,
      params: { caseId: s.caseId },
      body: { decision: 'overturn', reason: 'A quotation; no abuse seen.' },
    });
    assert.equal(decided.state, 'overturned');
    await until('the key to work again', () =>
      ask(s, 'A harmless question.').then(
        () => true,
        () => undefined,
      ),
    );
    return `${appeal.appealId} overturned by ${reviewer.staffId}; the key works again`;
  },
};

const cancel: Step = {
  name: 'cancel the account; the key is refused from that answer on',
  run: async (s) => {
    const { body: preview } = await call(identity.cancellationPreview, auth(s));
    const { body, status } = await call(identity.cancelAccount, {
      ...auth(s),
      body: { ...(await codeFor(s, 'reauthenticate')), consequencesVersion: preview.consequencesVersion },
    });
    assert.equal(status, 200, `answered ${status} ${body.cancellation.status}`);
    assert.equal(body.cancellation.status, 'cancelled');
    const refusal = await refusedCall(ask(s, 'hello'));
    assert.equal(refusal.code, 'account_cancelled');
    assert.equal((await refusalOf(call(identity.getAccount, auth(s)))).code, 'account_cancelled');
    assert.equal(
      (await refusalOf(call(identity.refreshSession, { baseUrl: s.base, body: { refreshToken: s.refreshToken } })))
        .code,
      'refresh_invalid',
    );
    s.receiptToken = body.receiptToken;
    return `${body.cancellation.sagaId}: lost ${preview.consequences.map((c) => c.code).join(', ') || 'nothing'}; key now ${refusal.status} ${refusal.code}`;
  },
};

const seeErasure: Step = {
  name: 'find the platform data gone',
  run: async (s) => {
    const receipt = await until('every service to erase', async () => {
      const { body } = await call(identity.getCancellation, {
        baseUrl: s.base,
        body: { receiptToken: s.receiptToken },
      });
      return body.status === 'erased' ? body : undefined;
    });
    const steps = receipt.steps.map((step) => {
      assert.ok(step.erased, `${step.service} must have answered`);
      const kept = step.retained.map((r) => ` (keeps ${r.class} until ${r.until})`).join('');
      return `${step.service} ${Object.values(step.erased).reduce((a, b) => a + b, 0)}${kept}`;
    });
    assert.deepEqual(receipt.steps.map((x) => x.service).sort(), [
      'billing',
      'identity',
      'key-issuance',
      'moderation',
      'verification',
    ]);
    return `erased rows: ${steps.join(', ')}`;
  },
};

/** A new person with money and a key, by the same steps, for tests that go on from there. */
export const newCustomer = async ({ base, sandbox }: JourneyOptions): Promise<JourneyState> => {
  const s = { outside: outsideWorld(sandbox), base } as JourneyState;
  await readRegion.run(s);
  await register.run(s);
  if (s.region.realName.policy === 'required') await passRealName.run(s);
  await rechargeAndPay.run(s);
  await createKey.run(s);
  return s;
};

/** The steps of the main job in the region that `state.region` describes; the first step must have run. */
const stepsAfterRegion = (s: JourneyState): Step[] => [
  register,
  ...(s.region.realName.policy === 'required' ? [refusedBeforeRealName, passRealName] : []),
  rechargeAndPay,
  createKey,
  callModel,
  seeCharges,
  tryForeignGateway,
  tripRule,
  appealAndUnblock,
  cancel,
  seeErasure,
];

/** Runs the main job. `report` sees every step as it ends. Stops at, and throws, the first that fails. */
export const runMainJob = async (
  options: JourneyOptions,
  report: (result: { step: number; name: string; ok: boolean; text: string; ms: number }) => void,
) => {
  const state = { outside: outsideWorld(options.sandbox), base: options.base } as JourneyState;
  let step = 0;
  const run = async ({ name, run }: Step) => {
    step += 1;
    const began = performance.now();
    try {
      const text = await run(state);
      report({ step, name, ok: true, text, ms: performance.now() - began });
    } catch (error) {
      report({
        step,
        name,
        ok: false,
        text: error instanceof Error ? error.message : String(error),
        ms: performance.now() - began,
      });
      throw error;
    }
  };
  await run(readRegion);
  for (const next of stepsAfterRegion(state)) await run(next);
  return { steps: step, accountId: state.accountId };
};
