// What one caller sends too much of is refused, and holds up nobody else.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

test('scores of one account beyond 32 at a time are refused, and another account is scored meanwhile', async () => {
  const account = world.newAccount();
  const hits = await world.match('all is neutral-note');
  await world.score(account, hits);
  const holder = await world.pool.connect();
  await holder.query('begin');
  await holder.query('select from moderated_account where account_id = $1 for update', [account]);
  const outcomes: unknown[] = [];
  const flood = Array.from({ length: 33 }, () =>
    world.score(account, hits).then(
      ({ verdict }) => outcomes.push(verdict),
      (error: unknown) => outcomes.push(error),
    ),
  );
  try {
    await waitFor(() => outcomes.length > 0);
    expect(await world.say(world.newAccount(), 'a neutral-block')).toMatchObject({ verdict: 'refuse_request' });
    expect(outcomes).toMatchObject([{ status: 429, code: 'score_busy', retryAfter: 1 }]);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  await Promise.all(flood);
  expect(outcomes).toContain('pass');
  expect(await world.score(account, hits)).toEqual({ verdict: 'pass' });
});
