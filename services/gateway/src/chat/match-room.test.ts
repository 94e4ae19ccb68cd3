import { expect, test } from '@jest/globals';
import { createMatchRoom } from './match-room.ts';

test('room is bounded for one address and for all, and is there again when it was given back', () => {
  const room = createMatchRoom({ all: 10, perAddress: 6 });
  const first = room.take('192.0.2.1', 5);
  expect(first).toBeDefined();
  expect(room.take('192.0.2.1', 2)).toBeUndefined();
  expect(room.take('192.0.2.2', 6)).toBeUndefined();
  const other = room.take('192.0.2.2', 5);
  expect(other).toBeDefined();
  expect(room.take('192.0.2.3', 1)).toBeUndefined();
  first?.();
  expect(room.take('192.0.2.1', 5)).toBeDefined();
  other?.();
  expect(room.take('192.0.2.3', 5)).toBeDefined();
});
