import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { accountErased, accountErasureRequested } from '@meridian/contracts/events/lifecycle.ts';
import { accountProtected, protectionLifted } from '@meridian/contracts/events/moderation.ts';
import { fenceModeration } from '@meridian/contracts/fence.ts';
import { getModerationStanding } from '@meridian/contracts/moderation.ts';
import { newId, timeOfId } from '@meridian/kit/ids.ts';
import { tablesNaming } from '@meridian/testkit/service/tables-naming.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { startWorld, testRules, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const hour = 3_600_000;
let said = 0;
/** A text that was never said before, with the word in it. */
const fresh = (word: string) => {
  said += 1;
  return `sentence number ${said}: ${word}, and so on`;
};
const protect = async (account: string) => {
  const verdict = await world.say(account, fresh('neutral-protect'));
  if (verdict.verdict !== 'account_protected') throw new Error(`not protected: ${verdict.verdict}`);
  return verdict;
};

describe('matching', () => {
  test('tells rule, fingerprint and offset, never the text', async () => {
    const text = 'ﬁrst Ｎeutral-BLOCK last';
    const [hit, ...others] = await world.match('nothing here', text);
    expect(others).toEqual([]);
    expect(hit).toEqual({
      ruleId: 'block',
      version: 1,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      offset: 5,
    });
    expect(await world.match('neutral-blocked', 'xneutral-block')).toEqual([]);
    expect((await world.match('这是中性示例词吗')).map(({ ruleId, offset }) => [ruleId, offset])).toEqual([
      ['chinese', 2],
    ]);
  });

  test('a word said everywhere does not hide another at the very end', async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `${i} ${'neutral-note '.repeat(40)}`);
    const hits = await world.match(...texts, 'neutral-protect');
    expect(hits.length).toBeLessThanOrEqual(200);
    expect(hits[0]?.ruleId).toBe('protect');
  });

  test('a text that unfolds to many times its size is refused as such, not skipped', async () => {
    await expect(world.match('\ufdfa'.repeat(100_000))).rejects.toMatchObject({ status: 422, code: 'text_too_costly' });
    expect(await world.match(`${'\ufdfa'.repeat(1_000)} neutral-block`)).toHaveLength(1);
  });

  test('another request is answered while four megabytes are matched', async () => {
    const texts = Array.from({ length: 3 }, () => 'é '.repeat(400_000));
    const big = world.match(...texts);
    let answered = 0;
    const small = (async () => {
      for (let i = 0; i < 3; i += 1) {
        await world.match('neutral-block');
        answered += 1;
      }
    })();
    await Promise.race([big.catch(() => []), small]);
    expect(answered).toBeGreaterThan(0);
    await small;
    // A machine that is too slow for it is told to come again.
    const busy = (error: unknown) => (error as { code?: string }).code === 'match_busy';
    const answer = await big.catch((error: unknown) => {
      if (!busy(error)) throw error;
      return waitFor(() => world.match(...texts), { timeoutMs: 60_000, everyMs: 1_000 });
    });
    expect(answer).toEqual([]);
  }, 90_000);
});

describe('scoring', () => {
  test('a block refuses the request; enough of it protects the account, with an end and a case, published once', async () => {
    const account = world.newAccount();
    expect(await world.say(account, fresh('neutral-note'))).toEqual({ verdict: 'pass' });
    expect(await world.say(account, fresh('neutral-block'))).toEqual({
      verdict: 'refuse_request',
      category: 'blocked',
    });
    expect(await world.view(account)).toMatchObject({ protected: false, message: null, caseId: null, appeal: null });
    const verdict = await world.say(account, fresh('neutral-block'));
    expect(verdict).toMatchObject({ verdict: 'account_protected', appealUrl: expect.stringContaining('/appeal') });
    const view = await world.view(account);
    expect(view).toMatchObject({
      protected: true,
      message: 'the account has abnormal usage behavior',
      category: 'blocked',
      appeal: { status: 'none' },
    });
    expect(verdict).toMatchObject({ caseId: view.caseId, until: view.until });
    expect(await world.say(account, fresh('neutral-note'))).toEqual(verdict);
    const event = await world.bus.waitFor(accountProtected, account);
    expect(event.data).toMatchObject({ caseId: view.caseId, until: view.until });
    expect(world.bus.of(accountProtected, account)).toHaveLength(1);
    const seen = await world.caseOf(view.caseId as string);
    expect(seen.rules.map(({ pattern }) => pattern)).toEqual(['neutral-block', 'neutral-note']);
    expect(JSON.stringify(view)).not.toContain('neutral');
    expect(await world.standing(account)).toEqual({ openCase: true });
  });

  test('one conversation sent a hundred times raises the score once', async () => {
    const account = world.newAccount();
    const context = fresh('neutral-block');
    for (let turn = 0; turn < 100; turn += 1)
      expect(await world.say(account, context, `turn ${turn}`)).toEqual({
        verdict: 'refuse_request',
        category: 'blocked',
      });
    const [{ sum } = { sum: -1 }] = await world.sql<{ sum: number }>(
      'select sum(weight)::int as sum from strike where account_id = $1',
      [account],
    );
    expect(sum).toBe(10);
  });

  test('a fingerprint counts again after a day', async () => {
    const account = world.newAccount();
    const hits = await world.match(fresh('neutral-note'));
    for (const hours of [0, 23, 25]) {
      await world.score(account, hits);
      world.clock.offsetMs += hours === 0 ? 23 * hour : 2 * hour;
    }
    expect(await world.sql('select 1 from strike where account_id = $1', [account])).toHaveLength(2);
  });

  test('a shadow rule is recorded and never changes an account', async () => {
    const account = world.newAccount();
    for (let i = 0; i < 5; i += 1)
      expect(await world.say(account, fresh('neutral-shadow'))).toEqual({ verdict: 'pass' });
    expect((await world.view(account)).protected).toBe(false);
    const rows = await world.sql('select counts from strike where account_id = $1', [account]);
    expect(rows).toEqual(Array(5).fill({ counts: false }));
  });

  test('the sum slides: what is older than every window no longer counts', async () => {
    const account = world.newAccount();
    for (let i = 0; i < 2; i += 1) expect((await world.say(account, fresh('neutral-note'))).verdict).toBe('pass');
    world.clock.offsetMs += hour;
    for (let i = 0; i < 2; i += 1) expect((await world.say(account, fresh('neutral-note'))).verdict).toBe('pass');
    expect((await world.say(account, fresh('neutral-note'))).verdict).toBe('account_protected');
  });

  test('of many scores at once that cross the threshold exactly one opens a case, and none is lost', async () => {
    const account = world.newAccount();
    const hits = await Promise.all(Array.from({ length: 10 }, () => world.match(fresh('neutral-note'))));
    // One that waited too long for those before it was refused before it was counted, and is sent again.
    const score = (one: (typeof hits)[number]): ReturnType<World['score']> =>
      world.score(account, one).catch((error) => (error.code === 'score_busy' ? score(one) : Promise.reject(error)));
    const verdicts = await Promise.all(hits.map(score));
    expect(verdicts.filter(({ verdict }) => verdict === 'pass')).toHaveLength(2);
    const cases = new Set(verdicts.flatMap((v) => (v.verdict === 'account_protected' ? [v.caseId] : [])));
    expect(cases.size).toBe(1);
    expect(await world.sql('select 1 from protection where account_id = $1', [account])).toHaveLength(1);
  });

  test('hits of rules that never existed say nothing', async () => {
    const account = world.newAccount();
    const hit = { ruleId: 'no-such-rule', version: 1, fingerprint: 'a'.repeat(64), offset: 0 };
    expect(await world.score(account, [hit])).toEqual({ verdict: 'pass' });
    expect(await world.score(account, [{ ...hit, ruleId: 'protect', version: 99 }])).toEqual({ verdict: 'pass' });
  });
});

describe('protection', () => {
  test('there is none without an end, a case, or beside another', async () => {
    const account = world.newAccount();
    const { caseId } = await protect(account);
    const copy = (columns: string) =>
      world.sql(
        `insert into protection (id, account_id, case_id, from_at, until_at) select ${columns} from protection where case_id = $1`,
        [caseId],
      );
    await expect(copy(`'x', 'y', 'no-case', from_at, until_at`)).rejects.toMatchObject({ code: '23503' });
    await expect(copy(`'x', 'y', null, from_at, until_at`)).rejects.toMatchObject({ code: '23502' });
    await expect(copy(`'x', 'y', case_id, from_at, null`)).rejects.toMatchObject({ code: '23502' });
    await expect(copy(`'x', 'y', case_id, from_at, from_at`)).rejects.toMatchObject({ code: '23514' });
    await world.sql(
      `insert into moderation_case (id, account_id, state, category, opened_at, due_at) select 'other-' || id, account_id, state, category, opened_at, due_at from moderation_case where id = $1`,
      [caseId],
    );
    await expect(copy(`'x', account_id, 'other-' || case_id, from_at, until_at`)).rejects.toMatchObject({
      constraint: 'protection_one_active',
    });
    await world.sql(`delete from moderation_case where id = $1`, [`other-${caseId}`]);
  });

  test('its case and its protection come together or not at all', async () => {
    const account = world.newAccount();
    await world.sql(`create function break_protection() returns trigger language plpgsql as $$
      begin if new.account_id = '${account}' then raise exception 'broken'; end if; return new; end $$`);
    await world.sql(
      'create trigger break_protection before insert on protection for each row execute function break_protection()',
    );
    await expect(protect(account)).rejects.toMatchObject({ status: 500 });
    await world.sql('drop trigger break_protection on protection');
    for (const table of ['moderation_case', 'protection', 'strike', 'counted_fingerprint'])
      expect(await world.sql(`select 1 from ${table} where account_id = $1`, [account])).toEqual([]);
    expect((await protect(account)).verdict).toBe('account_protected');
    await world.bus.waitFor(accountProtected, account);
    expect(world.bus.of(accountProtected, account)).toHaveLength(1);
  });

  test('ends by itself: on read at once, by the worker with one event; the case expires', async () => {
    const account = world.newAccount();
    const { caseId } = await protect(account);
    const replica = await world.startReplica();
    world.clock.offsetMs += 72 * hour + 1_000;
    expect(await world.view(account)).toMatchObject({ protected: false, until: null, caseId });
    const lifted = await world.bus.waitFor(protectionLifted, account);
    expect(lifted.data).toMatchObject({ caseId, reason: 'expired' });
    await replica.stop();
    expect(world.bus.of(protectionLifted, account)).toHaveLength(1);
    expect((await world.caseOf(caseId)).state).toBe('expired');
    await expect(world.appeal(account, caseId)).rejects.toMatchObject({ code: 'case_closed', status: 409 });
    await expect(world.decide('sta_a', caseId, 'overturn')).rejects.toMatchObject({ code: 'case_closed' });
    // A new automatic protection is a case of its own.
    expect((await protect(account)).caseId).not.toBe(caseId);
  });

  test('its end does not close an open appeal: a person still decides', async () => {
    const account = world.newAccount();
    const { caseId } = await protect(account);
    await world.appeal(account, caseId);
    world.clock.offsetMs += 72 * hour + 1_000;
    await world.bus.waitFor(protectionLifted, account);
    expect(await world.caseOf(caseId)).toMatchObject({ state: 'open', appeal: { status: 'open' } });
    expect(await world.decide('sta_a', caseId, 'overturn')).toMatchObject({
      state: 'overturned',
      appeal: { status: 'overturned' },
    });
    expect(world.bus.of(protectionLifted, account)).toHaveLength(1);
  });
});

describe('appeals and decisions', () => {
  test('an appeal is decided by another person; overturning lifts at once and beats the automation for a while', async () => {
    const account = world.newAccount();
    const words = fresh('neutral-protect');
    const verdict = await world.say(account, words);
    const caseId = (verdict as { caseId: string }).caseId;
    await world.decide('sta_a', caseId, 'uphold', 'it is what it looks like');
    expect((await world.view(account)).protected).toBe(true);
    const { appealId, status, dueAt } = await world.appeal(account, caseId, 'it was a quotation');
    expect(status).toBe('open');
    expect(Date.parse(dueAt) - world.now().getTime()).toBeGreaterThan(23.9 * hour);
    await expect(world.appeal(account, caseId)).rejects.toMatchObject({ code: 'appeal_open', status: 409 });
    await expect(world.decide('sta_a', caseId, 'overturn')).rejects.toMatchObject({
      code: 'second_person_required',
      status: 403,
    });
    const decided = await world.decide('sta_b', caseId, 'overturn', 'a quotation indeed');
    expect(decided).toMatchObject({
      state: 'overturned',
      appeal: { appealId, text: 'it was a quotation', status: 'overturned' },
      decisions: [
        { staffId: 'sta_a', decision: 'uphold', reason: 'it is what it looks like' },
        { staffId: 'sta_b', decision: 'overturn', reason: 'a quotation indeed' },
      ],
    });
    expect(await world.view(account)).toMatchObject({ protected: false, appeal: { status: 'overturned' } });
    const lifted = await world.bus.waitFor(protectionLifted, account);
    expect(lifted.data).toMatchObject({ caseId, reason: 'overturned' });

    expect(await world.say(account, words)).toEqual({ verdict: 'refuse_request', category: 'protected' });
    for (let i = 0; i < 8; i += 1)
      expect((await world.say(account, fresh('neutral-protect'))).verdict).toBe('refuse_request');
    world.clock.offsetMs += 31 * 24 * hour;
    expect((await protect(account)).verdict).toBe('account_protected');
    expect(world.bus.of(protectionLifted, account)).toHaveLength(1);
  });

  test('a changed rule is a new version, which an old override does not cover', async () => {
    const account = world.newAccount();
    const { caseId } = await protect(account);
    await world.decide('sta_a', caseId, 'overturn');
    expect((await world.say(account, fresh('neutral-protect'))).verdict).toBe('refuse_request');
    const [{ version } = { version: 0 }] = await world.sql<{ version: number }>(
      `select max(version)::int as version from rule where id = 'protect'`,
    );
    const rules = testRules.rules.map((rule) => (rule.id === 'protect' ? { ...rule, weight: 7 } : rule));
    await world.writeRules({ ...testRules, rules });
    // Another replica brings the new rules; this one takes them up by itself.
    const replica = await world.startReplica();
    await waitFor(async () => (await world.match('neutral-protect'))[0]?.version === version + 1);
    await replica.stop();
    expect((await world.say(account, fresh('neutral-protect'))).verdict).toBe('account_protected');
    await world.restart();
    expect((await world.match('neutral-protect'))[0]?.version).toBe(version + 1);
  });

  test('a case of somebody else is not there', async () => {
    const [one, other] = [world.newAccount(), world.newAccount()];
    const { caseId } = await protect(one);
    await expect(world.appeal(other, caseId)).rejects.toMatchObject({ code: 'not_found', status: 404 });
    await expect(world.appeal(one, newId('cas', world.region, world.now()))).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(world.appeal(one, newId('cas', 'cn', world.now()))).rejects.toMatchObject({
      code: 'region_mismatch',
      status: 421,
    });
  });

  test('two reviewers at once: one decides, the other is told that it is done', async () => {
    const account = world.newAccount();
    const { caseId } = await protect(account);
    await world.appeal(account, caseId);
    const results = await Promise.allSettled([
      world.decide('sta_a', caseId, 'overturn'),
      world.decide('sta_b', caseId, 'overturn'),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find((r) => r.status === 'rejected')).toMatchObject({ reason: { code: 'case_closed' } });
    await world.bus.waitFor(protectionLifted, account);
    expect(world.bus.of(protectionLifted, account)).toHaveLength(1);
  });

  test('an appeal that was upheld is final', async () => {
    const account = world.newAccount();
    const { caseId } = await protect(account);
    await world.appeal(account, caseId);
    await world.decide('sta_a', caseId, 'uphold');
    expect(await world.view(account)).toMatchObject({ protected: true, appeal: { status: 'upheld' } });
    await expect(world.appeal(account, caseId)).rejects.toMatchObject({ code: 'case_closed' });
    await expect(world.decide('sta_b', caseId, 'uphold')).rejects.toMatchObject({
      code: 'case_not_decidable',
      status: 409,
    });
    await expect(world.decide('sta_a', caseId, 'overturn')).rejects.toMatchObject({ code: 'second_person_required' });
    expect((await world.decide('sta_b', caseId, 'overturn')).state).toBe('overturned');
  });

  test('only reviewers decide; support reads', async () => {
    const { caseId } = await protect(world.newAccount());
    expect((await world.caseOf(caseId, ['support'])).caseId).toBe(caseId);
    const readings = await world.sql('select staff_id from case_reading where $1 = any (case_ids)', [caseId]);
    expect(readings).toEqual([{ staff_id: 'sta_reader' }]);
    await expect(world.caseOf(caseId, ['finance'])).rejects.toMatchObject({ code: 'forbidden', status: 403 });
  });

  test('the most urgent first: appealed, then undecided by due time, in pages that lose nothing', async () => {
    const accounts = Array.from({ length: 5 }, () => world.newAccount());
    const ids: string[] = [];
    for (const account of accounts) {
      ids.push((await protect(account)).caseId);
      world.clock.offsetMs += 1_000;
    }
    await world.appeal(accounts[3] as string, ids[3] as string);
    await world.decide('sta_a', ids[0] as string, 'uphold');
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await world.cases({ limit: 3, ...(cursor && { cursor }) });
      found.push(...page.items.map(({ caseId }) => caseId));
      cursor = page.next ?? undefined;
    } while (cursor);
    expect(new Set(found).size).toBe(found.length);
    const own = found.filter((id) => ids.includes(id));
    expect(own).toEqual([ids[3], ids[1], ids[2], ids[4], ids[0]]);
    const appealed = await world.cases({ appealed: 'true', accountId: accounts[3] as string });
    expect(appealed.items.map(({ caseId }) => caseId)).toEqual([ids[3]]);
    expect((await world.cases({ appealed: 'false', accountId: accounts[3] as string })).items).toEqual([]);
    expect((await world.cases({ state: 'upheld', accountId: accounts[0] as string })).items).toHaveLength(1);
    await expect(world.cases({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'invalid_input', status: 400 });
  });
});

describe('cancellation', () => {
  test('a fenced account takes no score and no appeal; erasure leaves nothing that leads to it', async () => {
    const account = world.newAccount();
    const { caseId } = await protect(account);
    await world.appeal(account, caseId, 'a private letter,\nof two lines');
    const sagaId = newId('sag', world.region, world.now());
    await call(fenceModeration, {
      baseUrl: world.service.internalUrl,
      token: await world.authority.serviceToken('identity', 'moderation'),
      body: { accountId: account, sagaId },
    });
    await expect(world.say(account, fresh('neutral-block'))).rejects.toMatchObject({
      code: 'account_cancelled',
      status: 403,
    });
    await expect(world.appeal(account, caseId)).rejects.toMatchObject({ code: 'account_cancelled' });
    await expect(world.decide('sta_a', caseId, 'overturn')).rejects.toMatchObject({ code: 'case_closed' });
    await world.bus.send('identity', accountErasureRequested, account, { sagaId });
    const receipt = await world.bus.waitFor(accountErased, account);
    expect(receipt.data).toMatchObject({
      service: 'moderation',
      erased: { case_keys: 1, appeals: 1, strikes: 1, fingerprints: 1, cases_pseudonymised: 1 },
      retained: [],
    });
    const allowed = [
      'account_fence',
      'account_sequence',
      'account_tombstone',
      'inbox_sequence',
      'outbox',
      'published_event',
    ];
    expect((await tablesNaming(world.sql, account)).filter((name) => !allowed.includes(name))).toEqual([]);
    // Beside the case that is kept only its events do, until they are pruned.
    expect((await world.sql(`select 1 from outbox where payload like '%' || $1 || '%'`, [caseId])).length).toBe(0);
    expect(await tablesNaming(world.sql, account, caseId)).toEqual(['published_event']);
    const seen = await world.caseOf(caseId);
    expect(seen).toMatchObject({ state: 'expired', appeal: null });
    expect(seen.accountId).not.toBe(account);
    // Nor does a moment: neither in the id nor beside it. (An id drawn from the clock would be within the hour of it.)
    expect(Math.abs(world.now().getTime() - (timeOfId(seen.accountId)?.getTime() ?? 0))).toBeGreaterThan(3_600_000);
    const [ended] = await world.sql<{ whole_days: boolean }>(
      `select extract(epoch from c.closed_at) % 86400 = 0 and extract(epoch from p.lifted_at) % 86400 = 0 as whole_days
       from moderation_case c join protection p on p.case_id = c.id where c.id = $1`,
      [caseId],
    );
    expect(ended).toEqual({ whole_days: true });
    expect(await world.standing(account)).toEqual({ openCase: false });
  });
});

test('an account of another region is refused by name', async () => {
  const accountId = newId('acc', 'cn', world.now());
  await expect(world.say(accountId, fresh('neutral-block'))).rejects.toMatchObject({
    code: 'region_mismatch',
    status: 421,
  });
  await expect(
    call(getModerationStanding, {
      baseUrl: world.service.internalUrl,
      token: await world.authority.serviceToken('identity', 'moderation'),
      params: { accountId },
    }),
  ).rejects.toMatchObject({ code: 'region_mismatch' });
});

test('no account stays protected without an open case or a decision, and no text, word or letter is in logs, events or tables', async () => {
  const loose = await world.sql(
    `
    select p.id from protection p join moderation_case c on c.id = p.case_id
    where p.lifted_at is null and p.until_at > $1 and c.state not in ('open', 'upheld')`,
    [world.now()],
  );
  expect(loose).toEqual([]);
  expect(world.lines.length).toBeGreaterThan(100);
  const tables = await world.sql<{ table_name: string }>(
    `select table_name from information_schema.tables where table_schema = 'public' and table_name <> 'rule'`,
  );
  const stored: string[] = [];
  for (const { table_name } of tables)
    stored.push(JSON.stringify(await world.sql(`select t::text from "${table_name}" t`)));
  for (const text of [world.lines.join('\n'), JSON.stringify(world.bus.published), stored.join('\n')])
    for (const word of [
      'sentence number',
      'neutral-',
      '中性示例词',
      'it was a quotation',
      'a private letter',
      'a quotation indeed',
    ])
      expect(text.includes(word)).toBe(false);
});
