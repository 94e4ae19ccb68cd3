import { describe, expect, test } from '@jest/globals';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { openHold } from './holds.ts';
import { createSettlements } from './settlements.ts';

const log = createLog({ service: 'gateway', region: 'cn', level: 'silent' });
const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 };

/** billing that answers with these codes, one after the other, and then well. */
const billing = (...codes: string[]) => {
  const asked: string[] = [];
  let lost = 0;
  const call = (async (endpoint: { id: string }) => {
    asked.push(endpoint.id);
    const code = codes.shift();
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    return { status: 204, body: null };
  }) as unknown as Parameters<typeof createSettlements>[0]['call'];
  const deps = { call, log, billingUrl: 'http://billing' };
  const counted = () => {
    lost += 1;
  };
  const settlements = createSettlements({ ...deps, pauses: [0, 0, 0], lost: counted });
  return { deps, settlements, asked, counted, lost: () => lost, ended: () => settlements.drained(60_000) };
};

describe('a release', () => {
  test('that overtakes the request for its hold is repeated until the hold is there', async () => {
    const { deps, settlements, asked, lost, ended } = billing('timeout', 'not_found', 'not_found');
    const request = { requestId: 'req', accountId: 'acc', keyId: 'key', model: 'm' };
    const opening = openHold(
      { ...deps, settlements },
      { ...request, promptTokensBound: 1, completionWindow: 1 },
      () => undefined,
    );
    await expect(opening).rejects.toMatchObject({ definition: { code: 'unavailable' } });
    await ended();
    expect(asked).toEqual(['createHold', 'releaseHold', 'releaseHold', 'releaseHold']);
    expect(lost()).toBe(0);
  });

  test('of a hold that was never made ends without an alarm', async () => {
    const { settlements, asked, lost, ended } = billing(...Array.from({ length: 4 }, () => 'not_found'));
    await settlements.release('req');
    await ended();
    expect([asked.length, lost()]).toEqual([4, 0]);
  });

  test('that is never answered is no lost settlement: its hold expires, and nothing was delivered', async () => {
    const { settlements, asked, lost, ended } = billing('not_found', ...Array.from({ length: 3 }, () => 'timeout'));
    await settlements.release('req');
    await ended();
    expect([asked.length, lost()]).toEqual([4, 0]);
  });

  test('of a hold that is settled is over', async () => {
    const { settlements, asked, lost, ended } = billing('hold_not_open');
    await settlements.release('req');
    await ended();
    expect([asked.length, lost()]).toEqual([1, 0]);
  });
});

test('a settlement that billing knows no hold of is lost at once', async () => {
  const { settlements, asked, lost, ended } = billing('not_found');
  await settlements.settle('req', usage, 'completed');
  await ended();
  expect([asked.length, lost()]).toEqual([1, 1]);
});

test('a settlement that is never answered is lost', async () => {
  const { settlements, lost, ended } = billing(...Array.from({ length: 4 }, () => 'timeout'));
  await settlements.settle('req', usage, 'completed');
  await ended();
  expect(lost()).toBe(1);
});

test('releases that wait crowd out no settlement', async () => {
  const { deps, asked, lost, counted } = billing(...Array.from({ length: 4 }, () => 'timeout'));
  const settlements = createSettlements({ ...deps, pauses: [20], maxPending: 1, lost: counted });
  await Promise.all(['a', 'b', 'c'].map((requestId) => settlements.release(requestId)));
  await settlements.settle('req', usage, 'completed');
  await settlements.drained(60_000);
  expect(asked.filter((id) => id === 'settleHold')).toHaveLength(2);
  expect(lost()).toBe(0);
});
