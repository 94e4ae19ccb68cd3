import { describe, expect, test } from '@jest/globals';
import { createLog, serializeError } from './log.ts';
import { scrub } from './redaction.ts';

const lines = () => {
  const texts: string[] = [];
  const log = createLog({
    service: 'billing',
    region: 'cn',
    level: 'info',
    destination: { write: (text) => void texts.push(text) },
  });
  return { log, read: () => texts.map((text) => JSON.parse(text)), raw: () => texts.join('') };
};

describe('logs', () => {
  test('name service and region, with time and level as text', () => {
    const { log, read } = lines();
    log.info({ accountId: 'acc_1' }, 'done');
    log.debug('not written');
    expect(read()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/Z$/),
        service: 'billing',
        region: 'cn',
        accountId: 'acc_1',
        msg: 'done',
      },
    ]);
  });

  test('show no credential and no personal data of known names', () => {
    const { log, raw } = lines();
    log.info(
      {
        phone: 'HIDE1',
        body: { password: 'HIDE2', code: 'HIDE3' },
        headers: { authorization: 'HIDE4', 'set-cookie': 'HIDE5' },
        req: { headers: { cookie: 'HIDE6' } },
        user: { realName: 'HIDE7', name: 'HIDE8' },
        token: 'HIDE9',
      },
      'x',
    );
    expect(raw()).not.toContain('HIDE');
    expect(raw()).toContain('[redacted]');
  });

  test('show of an error where and what, and no value it quotes', () => {
    const { log, raw, read } = lines();
    const cause = Object.assign(new Error('invalid input syntax for type date: "HIDE1"'), { code: '22007' });
    const error = Object.assign(new Error('duplicate for a@b.example', { cause }), {
      code: '23505',
      detail: 'Key (x)=(HIDE2) already exists.',
      constraint: 'x_key',
    });
    log.error({ err: error }, 'failed');
    expect(raw()).not.toMatch(/HIDE|a@b/);
    expect(read()[0].err).toMatchObject({
      type: 'Error',
      code: '23505',
      constraint: 'x_key',
      summary: 'duplicate for [personal]',
      stack: expect.stringContaining('log.test'),
      cause: { code: '22007' },
    });
  });

  test('survive an error that is its own cause and things that are no errors', () => {
    const circle = new Error('round');
    circle.cause = circle;
    expect(serializeError(circle)).toMatchObject({ summary: 'round' });
    expect(serializeError('text 13800138000')).toEqual({ type: 'string', summary: 'text [personal]' });
    expect(serializeError(undefined)).toMatchObject({ type: 'undefined' });
  });

  test('scrubbing takes work in proportion to the text, whatever it is made of', () => {
    // What the process itself used, and the least of several runs: others on the machine do not count.
    const work = (text: string) =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const before = process.cpuUsage();
          scrub(text);
          const { user, system } = process.cpuUsage(before);
          return (user + system) / 1_000;
        }),
      );
    for (const unit of ['x', 'a@', '1', 'x.', 'a@b.', '138 ', '+86'])
      expect(work(unit.repeat(40_000))).toBeLessThan(40 * Math.max(5, work(unit.repeat(4_000))));
  });

  test('scrubbing leaves ids alone', () => {
    const id = 'acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    expect(scrub(`${id} 2026-11-22T10:00:00Z mail x.y@z.cn tel +8613800138000`)).toBe(
      `${id} 2026-11-22T10:00:00Z mail [personal] tel [personal]`,
    );
  });
});
