import { describe, expect, test } from '@jest/globals';
import { memberText } from './alipay-gateway.ts';

describe('the text that Alipay signs', () => {
  test.each([
    ['{"a_response":{"x":1},"sign":"s"}', '{"x":1}'],
    ['{"a_response":{"x":"}{\\"\\\\"},"sign":"s"}', '{"x":"}{\\"\\\\"}'],
    ['{"a_response":{"x":{"y":{}}},"sign":"s"}', '{"x":{"y":{}}}'],
    ['{"sign":"s","a_response":{"名":"林"}}', '{"名":"林"}'],
  ])('of %s', (reply, expected) => {
    expect(memberText(reply, 'a_response')).toBe(expected);
  });
  test.each(['{}', '{"a_response":', '{"a_response":{"x":1', '{"a_response":}', '{"a_response":"text"}'])(
    '%s has none',
    (reply) => {
      expect(memberText(reply, 'a_response')).toBeUndefined();
    },
  );
});
