import { describe, expect, test } from '@jest/globals';
import { apiServices, endpointsOf, publicPrefixes, serviceOfPath } from './all.ts';
import { problemsOf } from './common.ts';
import { isInternal } from './endpoint.ts';
import { allEvents } from './events/all.ts';

const all = Object.values(endpointsOf).flat();

describe('endpoints as declared', () => {
  test('an id stands for one endpoint', () => {
    expect(all.map((e) => e.id).filter((id, i, ids) => ids.indexOf(id) !== i)).toEqual([]);
  });

  test('method and path stand for one endpoint of a service', () => {
    const addresses = all.map((e) => `${e.service} ${e.method} ${e.path.replace(/\{[^}]+\}/g, '{}')}`);
    expect(addresses.filter((a, i) => addresses.indexOf(a) !== i)).toEqual([]);
  });

  test('every path parameter is declared, and no other', () => {
    for (const e of all) {
      const inPath = [...e.path.matchAll(/\{([^}]+)\}/g)].map((m) => m[1]).sort();
      expect([e.id, Object.keys(e.params?.shape ?? {}).sort()]).toEqual([e.id, inPath]);
    }
  });

  test('machine-to-machine endpoints, and only they, are internal', () => {
    for (const e of all)
      expect([e.id, isInternal(e)]).toEqual([e.id, e.auth.kind === 'service' || e.auth.kind === 'certificate']);
  });

  test('what reads a body, or a key, before anybody is proven by a token has a flood guard', () => {
    const open = all.filter(({ auth, body }) => auth.kind === 'signature' || (auth.kind === 'none' && body));
    expect(open.filter(({ limit }) => limit === undefined).map(({ id }) => id)).toEqual([]);
    expect(open.map(({ id }) => id)).toContain('createChatCompletion');
  });

  test('a problem code has one status everywhere', () => {
    const byCode = new Map<string, number>();
    for (const p of all.flatMap(problemsOf)) {
      expect([p.code, byCode.get(p.code) ?? p.status]).toEqual([p.code, p.status]);
      byCode.set(p.code, p.status);
    }
  });
});

describe('public prefixes', () => {
  const prefixes = publicPrefixes();

  test('lead every public path to its own service', () => {
    for (const service of apiServices)
      for (const e of endpointsOf[service].filter((e) => !isInternal(e)))
        expect([e.path, serviceOfPath(e.path, prefixes)]).toEqual([e.path, service]);
  });

  test('lead an internal path nowhere', () => {
    for (const e of all.filter(isInternal))
      expect([e.path, serviceOfPath(e.path, prefixes)]).toEqual([e.path, undefined]);
  });
});

test('an event type is declared once', () => {
  const types = allEvents.map((e) => e.type);
  expect(new Set(types).size).toBe(types.length);
});
