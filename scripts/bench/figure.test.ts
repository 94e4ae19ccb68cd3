import { describe, expect, test } from '@jest/globals';
import { figure, median, table } from './figure.ts';

describe('figures', () => {
  test('are medians', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow('at least one');
  });

  test('are judged against their budget', () => {
    expect(figure('b', 'f', [8], 's', '<= 8').ok).toBe(true);
    expect(figure('b', 'f', [8.01], 's', '<= 8').ok).toBe(false);
    expect(figure('b', 'f', [0.4], '', '>= 0.5').ok).toBe(false);
    expect(figure('b', 'f', [0], '', '= 0').ok).toBe(true);
    expect(figure('b', 'f', [99], '', null).ok).toBe(true);
    expect(() => figure('b', 'f', [1], '', 'fast')).toThrow('a budget is');
  });

  test('are shown in columns', () => {
    expect(table([figure('start', 'seconds', [1.5, 1, 2], 's', '<= 8')])).toBe(
      'bench  figure   median  of  unit  budget\nstart  seconds  1.5     3   s     <= 8    ok',
    );
  });
});
