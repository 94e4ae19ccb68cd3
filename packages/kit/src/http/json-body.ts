// Strict JSON: what JSON.parse lets through but a database or a prototype would stumble over is refused at the edge.
import { isUtf8 } from 'node:buffer';
import { malformedBody, unsupportedMediaType } from '@meridian/contracts/common.ts';
import { fail } from './problems.ts';

/** Deepest nesting accepted in a body. Deeper input only ever comes from an attacker, and recursive code breaks on it. */
export const maxJsonDepth = 32;

// Counted before parsing: neither the parser nor anything after it sees a deep value.
const assertShallow = (text: string): void => {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (quoted) {
      if (char === 0x5c) i++;
      else if (char === 0x22) quoted = false;
    } else if (char === 0x22) quoted = true;
    else if (char === 0x5b || char === 0x7b) {
      if (++depth > maxJsonDepth)
        fail(malformedBody, { detail: `The body is nested deeper than ${maxJsonDepth} levels` });
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
};

/** Why `text` must not enter: PostgreSQL stores neither NUL nor half a surrogate pair, and both would surface as a 500 there. */
export const textFlaw = (text: string): string | undefined => {
  if (text.includes('\u0000')) return 'must not contain the character U+0000';
  return text.isWellFormed() ? undefined : 'must be well-formed Unicode';
};

const assertClean = (value: unknown): void => {
  if (typeof value === 'string') {
    const flaw = textFlaw(value);
    if (flaw !== undefined) fail(malformedBody, { detail: `A string ${flaw}` });
  } else if (Array.isArray(value)) value.forEach(assertClean);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      assertClean(name);
      assertClean(member);
    }
  }
};

const assertNoPrototype = (value: unknown): void => {
  if (typeof value !== 'object' || value === null) return;
  const inner: unknown = Object.getOwnPropertyDescriptor(value, 'constructor')?.value;
  if (
    Object.hasOwn(value, '__proto__') ||
    (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype'))
  ) {
    fail(malformedBody, { detail: 'Members named __proto__ or constructor.prototype are not accepted' });
  }
  for (const member of Object.values(value)) assertNoPrototype(member);
};

/** Parses a JSON body; refuses invalid UTF-8, deep nesting, prototype members, NUL and lone surrogates with `malformed_body`. */
export const parseJsonBody = (bytes: Buffer): unknown => {
  if (!isUtf8(bytes)) fail(malformedBody, { detail: 'The body is not valid UTF-8' });
  const text = bytes.toString('utf8');
  assertShallow(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the body, which may hold a secret.
    return fail(malformedBody, { detail: 'The body is not valid JSON' });
  }
  // Both walks are needed only where an escape or such a name can be: ordinary bodies pay two searches.
  if (text.includes('\\u') && /\\u(0000|[dD][89a-fA-F])/.test(text)) assertClean(value);
  if (text.includes('__proto__') || text.includes('constructor') || text.includes('\\u00')) assertNoPrototype(value);
  return value;
};

/** Accepts only `application/json`, with no charset or UTF-8 (RFC 8259 knows no other). */
export const assertJsonType = (contentType: string | undefined): void => {
  if (contentType === 'application/json') return;
  const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '');
  if (type !== 'application/json' || (charset !== undefined && charset !== 'utf-8')) fail(unsupportedMediaType);
};
