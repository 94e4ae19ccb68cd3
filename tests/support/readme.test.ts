import { describe, expect, test } from '@jest/globals';
import { blocksOf, inlineCommands, jsonValues, shapeOf } from './readme.ts';

const readme =
  'Run `npm run check` and `.ci/run`, not `code`.\n```sh\nnpm start # `npm run x`\n```\n\n```json\n{ "a":\n 1 }\n[2]\n```\n';

describe('README as data', () => {
  test('has blocks, and commands in its text', () => {
    expect(blocksOf(readme)).toEqual([
      { language: 'sh', text: 'npm start # `npm run x`\n' },
      { language: 'json', text: '{ "a":\n 1 }\n[2]\n' },
    ]);
    expect(inlineCommands(readme)).toEqual(['npm run check', '.ci/run']);
  });

  test('has values one after another', () => {
    expect(jsonValues('{ "a":\n 1 }\n[2]\n\n{}\n')).toEqual([{ a: 1 }, [2], {}]);
    expect(() => jsonValues('{ "a": 1')).toThrow('no JSON');
  });
});

test('a shape tells members, kinds and lists apart, and nothing else', () => {
  const shape = (value: unknown) => shapeOf(value);
  expect(shape({ a: 1, b: [{ c: 'x' }, { c: 'y' }] })).toEqual(shape({ a: 2, b: [{ c: 'z' }] }));
  expect(shape({ a: 1 })).not.toEqual(shape({ a: '1' }));
  expect(shape({ a: 1 })).not.toEqual(shape({ a: null }));
  expect(shape({ a: [] })).not.toEqual(shape({ a: ['x'] }));
  expect(shape({ a: 1, b: 2 })).not.toEqual(shape({ a: 1 }));
});
