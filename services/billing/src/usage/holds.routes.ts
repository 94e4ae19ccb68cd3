import {
  createHold as createHoldEndpoint,
  extendHold as extendHoldEndpoint,
  modelUnknown,
  releaseHold as releaseHoldEndpoint,
  settleHold as settleHoldEndpoint,
  type UsageFigures,
} from '@meridian/contracts/billing.ts';
import { invalidInput } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Billing } from '../platform.ts';
import { createHold } from './create-hold.ts';
import { extendHold } from './extend-hold.ts';
import { releaseHold } from './release-hold.ts';
import { settleHold } from './settle-hold.ts';

const assertCachedWithinPrompt = (usage: UsageFigures, member: string) => {
  if (usage.cachedTokens > usage.promptTokens)
    fail(invalidInput, {
      detail: 'cachedTokens are a part of promptTokens',
      errors: [{ pointer: `/body/${member}/cachedTokens`, detail: 'is more than promptTokens' }],
    });
};

export const holdsRoutes = ({ platform, region, deps }: Billing): void => {
  const { db, internalServer, wall } = platform;
  const { currency } = deps;
  const offered = new Set(region.profile.models.map(({ model }) => model));

  route(internalServer, createHoldEndpoint, async ({ body }) => {
    wall(body.accountId);
    wall(body.requestId);
    wall(body.keyId);
    if (!offered.has(body.model)) fail(modelUnknown, { detail: 'GET /v1/billing/prices lists the models' });
    const { held, deadline } = await db.transaction((tx) => createHold(tx, deps, body));
    const answer = { requestId: body.requestId, held: held.toString(), currency, deadline: deadline.toISOString() };
    return { status: 201, body: answer };
  });

  route(internalServer, extendHoldEndpoint, async ({ params: { requestId }, body }) => {
    wall(requestId);
    assertCachedWithinPrompt(body.soFar, 'soFar');
    const extension = await db.transaction((tx) => extendHold(tx, deps, { requestId, ...body }));
    if (extension.kind === 'refused') return fail(extension.problem, { detail: extension.detail });
    const { held, deadline } = extension;
    return { status: 200, body: { requestId, held: held.toString(), currency, deadline: deadline.toISOString() } };
  });

  route(internalServer, settleHoldEndpoint, async ({ params: { requestId }, body }) => {
    wall(requestId);
    assertCachedWithinPrompt(body.usage, 'usage');
    const { amount, balance } = await db.transaction((tx) => settleHold(tx, deps, { requestId, ...body }));
    const available = balance.available.toString();
    return { status: 200, body: { requestId, amount: amount.toString(), currency, available } };
  });

  route(internalServer, releaseHoldEndpoint, async ({ params: { requestId } }) => {
    wall(requestId);
    await db.transaction((tx) => releaseHold(tx, deps, requestId));
    return { status: 204 };
  });
};
