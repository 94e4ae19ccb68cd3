import { describe, expect, test } from '@jest/globals';
import { type BatchOptions, createBatchQueue } from './batch-queue.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Batches that end when told to. */
const controlled = (more: Partial<BatchOptions<number, string>> = {}) => {
  const sent: { questions: readonly number[]; answer: () => void }[] = [];
  const ask = createBatchQueue<number, string>({
    run: (questions) => {
      const { promise, resolve } = Promise.withResolvers<string[]>();
      sent.push({ questions, answer: () => resolve(questions.map((n) => `answer ${n}`)) });
      return promise;
    },
    maxBatch: 10,
    maxInFlight: 1,
    maxWaiting: 100,
    deadlineMs: 10_000,
    ...more,
  });
  return { ask, sent };
};

describe('a queue of batches', () => {
  test('gives everyone its own answer, also to equal questions', async () => {
    const { ask, sent } = controlled();
    const answers = Promise.all([3, 1, 3].map(ask));
    await turn();
    expect(sent.map(({ questions }) => questions)).toEqual([[3, 1, 3]]);
    sent[0]!.answer();
    expect(await answers).toEqual(['answer 3', 'answer 1', 'answer 3']);
  });

  test('the slower the database, the larger the batch: one round trip each, whatever the load', async () => {
    const { ask, sent } = controlled();
    const answers = [ask(0)];
    for (const size of [2, 7, 4]) {
      await turn();
      for (let n = 0; n < size; n += 1) answers.push(ask(n));
      sent.at(-1)!.answer();
      await answers[answers.length - size - 1];
    }
    await turn();
    sent.at(-1)!.answer();
    await Promise.all(answers);
    expect(sent.map(({ questions }) => questions.length)).toEqual([1, 2, 7, 4]);
  });

  test('the deadline counts from the question: waiting is part of it, and who is late is never sent', async () => {
    const { ask, sent } = controlled({ deadlineMs: 100, maxBatch: 1 });
    const first = ask(1);
    await turn();
    const second = ask(2);
    const began = performance.now();
    // Nothing of the queue runs until the time of both is over, so that the first to be given up makes no room for the second.
    while (performance.now() < began + 110);
    const [a, b] = await Promise.allSettled([first, second]);
    expect([a, b]).toMatchObject([{ reason: { code: 'timeout' } }, { reason: { code: 'timeout' } }]);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(sent.map(({ questions }) => questions)).toEqual([[1]]);
  });

  test('a statement that never ends does not keep later questions from theirs', async () => {
    const { ask, sent } = controlled({ deadlineMs: 100 });
    await expect(ask(1)).rejects.toMatchObject({ code: 'timeout' });
    const second = ask(2);
    await turn();
    sent[1]!.answer();
    expect(await second).toBe('answer 2');
  });
});
