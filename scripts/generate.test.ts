import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { endpointsOf } from '@meridian/contracts/all.ts';
import { problemsOf } from '@meridian/contracts/common.ts';
import { serviceNames } from '@meridian/contracts/endpoint.ts';
import { allEvents } from '@meridian/contracts/events/all.ts';
import { parse } from 'yaml';
import { composeFiles } from './generate/compose.ts';
import { documents } from './generate/documents.ts';
import { edgeFiles } from './generate/edge.ts';

type Operation = {
  operationId: string;
  responses: Record<string, { content?: Record<string, { examples?: Record<string, unknown> }> }>;
};
type OpenApi = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
};
const files = documents();
const parsed = (name: string) => JSON.parse(files.get(name) ?? '{}') as OpenApi;
const operations = (name: string) => Object.values(parsed(name).paths ?? {}).flatMap((path) => Object.values(path));

describe('generated documents', () => {
  test.each([...files.keys()])('%s is the committed file', (name) => {
    expect(readFileSync(new URL(`../packages/contracts/generated/${name}`, import.meta.url), 'utf8')).toBe(
      files.get(name),
    );
  });
  test('every endpoint is in exactly one document, with every status and problem it declares', () => {
    for (const service of serviceNames) {
      const found = [...operations(`openapi/${service}.json`), ...operations(`openapi/${service}.internal.json`)];
      expect(found.map((o) => o.operationId).sort()).toEqual(endpointsOf[service].map((e) => e.id).sort());
      for (const e of endpointsOf[service]) {
        const responses = found.find((o) => o.operationId === e.id)?.responses ?? {};
        const codes = Object.values(responses).flatMap((r) =>
          Object.values(r.content ?? {}).flatMap((c) => Object.keys(c.examples ?? {})),
        );
        expect(codes.sort()).toEqual(
          problemsOf(e)
            .map((p) => p.code)
            .sort(),
        );
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(Object.keys(e.answers)));
      }
    }
  });
  test('every reference leads somewhere', () => {
    for (const [name, text] of files) {
      const document = JSON.parse(text) as unknown;
      for (const [, pointer = ''] of text.matchAll(/"\$ref": "#\/([^"]+)"/g)) {
        const target = pointer
          .split('/')
          .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
        expect([name, pointer, target !== undefined]).toEqual([name, pointer, true]);
      }
    }
  });
  test('internal endpoints are in no public document', () => {
    for (const service of serviceNames)
      expect(
        Object.keys(parsed(`openapi/${service}.json`).paths ?? {}).filter((path) => path.startsWith('/internal')),
      ).toEqual([]);
  });
  test('every event is in the document of each of its publishers', () => {
    for (const e of allEvents)
      for (const publisher of e.publishers)
        expect(files.get(`asyncapi/${publisher}.json`)).toContain(`"name": "${e.type}"`);
  });
});

describe('files of the container stacks', () => {
  test.each([...edgeFiles(), ...composeFiles()])('%s is the committed file', (name, text) => {
    expect(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')).toBe(text);
  });
  test.each([...composeFiles()])('%s bounds the log of every container', (_name, text) => {
    const { services } = parse(text) as { services: Record<string, { logging?: object }> };
    for (const [name, { logging }] of Object.entries(services))
      expect({ name, logging }).toEqual({
        name,
        logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
      });
  });
  test('the root file names the section that tells of it', () => {
    const section = /docs\/operations\.md, "([^"]+)"/.exec(composeFiles().get('docker-compose.yml') ?? '')?.[1];
    const operations = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8');
    expect(operations.split('\n')).toContain(`## ${section}`);
  });
});
