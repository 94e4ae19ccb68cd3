// The published Envoy configuration, without an Envoy: its names are those of Envoy's API, and what it would send and pass on is what
// key-issuance reads and says.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { rateHeaders } from '@meridian/client/rate-headers.ts';
import { authorizedHeaders, authorizeHeaders } from '@meridian/contracts/key-authorize.ts';
import type { RateWindow } from '@meridian/contracts/key-issuance.ts';
import { parse } from 'yaml';
import { z } from 'zod';
import { readQuestion } from '../services/key-issuance/src/authorize/question.ts';
import { refusalAnswer } from '../services/key-issuance/src/authorize/refusal-answer.ts';

// Strict where it matters: the fields of envoy/extensions/filters/http/{ext_authz,header_mutation}/v3 that we use, and no other.
const pattern = z.union([z.strictObject({ exact: z.string() }), z.strictObject({ prefix: z.string() })]);
const patterns = z.strictObject({ patterns: z.array(pattern).min(1) });
const header = z.strictObject({ key: z.string(), value: z.string() });
const extAuthz = z.strictObject({
  '@type': z.literal('type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz'),
  transport_api_version: z.literal('V3'),
  failure_mode_allow: z.literal(false),
  status_on_error: z.strictObject({ code: z.literal('ServiceUnavailable') }),
  allowed_headers: patterns,
  http_service: z.strictObject({
    server_uri: z.strictObject({ uri: z.url(), cluster: z.string(), timeout: z.string() }),
    path_override: z.literal('/internal/v1/keys/authorize'),
    authorization_request: z.strictObject({ headers_to_add: z.array(header) }),
    authorization_response: z.strictObject({
      allowed_upstream_headers: patterns,
      allowed_client_headers: patterns,
      allowed_client_headers_on_success: patterns,
    }),
  }),
});
const mutation = z.union([
  z.strictObject({ remove: z.string() }),
  z.strictObject({
    append: z.strictObject({ header, append_action: z.literal('OVERWRITE_IF_EXISTS_OR_ADD') }),
  }),
]);
const headerMutation = z.strictObject({
  '@type': z.literal('type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation'),
  mutations: z.strictObject({ request_mutations: z.array(mutation) }),
});
const document = z.object({
  static_resources: z.object({
    listeners: z.tuple([
      z.object({
        filter_chains: z.tuple([
          z.object({
            filters: z.tuple([
              z.object({
                typed_config: z.object({
                  http_filters: z.array(z.object({ name: z.string(), typed_config: z.unknown() })),
                }),
              }),
            ]),
          }),
        ]),
      }),
    ]),
    clusters: z.array(z.object({ name: z.string() })),
  }),
});

const { static_resources: resources } = document.parse(
  parse(readFileSync(new URL('../infra/gateway/envoy/envoy.yaml', import.meta.url), 'utf8')),
);
const filters = resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters;
const configOf = (name: string) => filters.find((filter) => filter.name === `envoy.filters.http.${name}`)?.typed_config;
const { request_mutations: mutations } = headerMutation.parse(configOf('header_mutation')).mutations;
const authz = extAuthz.parse(configOf('ext_authz'));
const { authorization_request: asked, authorization_response: told } = authz.http_service;

const passes = (list: z.infer<typeof patterns>, name: string) =>
  list.patterns.some((one) => ('exact' in one ? one.exact === name : name.startsWith(one.prefix)));

/** What key-issuance gets of a client's request: mutated, filtered, added to. */
const questionOf = (path: string, client: Record<string, string>) => {
  const headers = { ...client };
  for (const one of mutations) {
    if ('remove' in one) delete headers[one.remove];
    else
      headers[one.append.header.key] = one.append.header.value
        .replace('%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '192.0.2.7')
        .replace(/%REQ\(:PATH\):(\d+)%/, (_, length: string) => path.slice(0, Number(length)));
  }
  const sent = Object.entries(headers).filter(([name]) => passes(authz.allowed_headers, name));
  return readQuestion({
    ...Object.fromEntries(sent),
    ...Object.fromEntries(asked.headers_to_add.map(({ key, value }) => [key, value])),
  });
};

describe('the Envoy door', () => {
  test('verifies before it routes, at a cluster that is there', () => {
    expect(filters.map(({ name }) => name.replace('envoy.filters.http.', ''))).toEqual([
      'header_mutation',
      'ext_authz',
      'router',
    ]);
    expect(resources.clusters.map(({ name }) => name)).toContain(authz.http_service.server_uri.cluster);
  });

  test('asks with key, product, endpoint and address, and is told real statuses', () => {
    expect(questionOf('/v1/chat/completions?stream=1', { authorization: 'Bearer k', 'x-other': 'y' })).toEqual({
      key: 'k',
      product: 'payg',
      endpoint: 'chat/completions',
      ip: '192.0.2.7',
      anyStatus: true,
    });
    expect(questionOf('/v1/models', { 'api-key': 'k' })).toMatchObject({ key: 'k', endpoint: 'models' });
  });

  test('a long query costs nobody the call, and no header of a client stands for ours', () => {
    const forged = Object.fromEntries(Object.values(authorizeHeaders).map((name) => [name, 'forged']));
    expect(questionOf(`/v1/chat/completions?${'q'.repeat(3_000)}`, { ...forged, 'api-key': 'k' })).toEqual({
      key: 'k',
      product: 'payg',
      endpoint: 'chat/completions',
      ip: '192.0.2.7',
      anyStatus: true,
    });
  });

  test('the model server learns whose call it is; the client is told the refusal, and its limits with every answer', () => {
    const exceeded: RateWindow = {
      scope: 'key',
      kind: 'requests_per_minute',
      limit: 1,
      remaining: 0,
      resetsAt: '2026-01-01T00:01:00.000Z',
    };
    const now = new Date('2026-01-01T00:00:30Z');
    const limits = Object.keys(rateHeaders([exceeded, { ...exceeded, kind: 'tokens_per_day' }], now));
    expect(limits).toHaveLength(6);
    for (const name of limits) {
      expect([name, passes(told.allowed_client_headers, name)]).toEqual([name, true]);
      expect([name, passes(told.allowed_client_headers_on_success, name)]).toEqual([name, true]);
    }
    const refusals = (['key_invalid', 'rate_limited'] as const).map((code) =>
      refusalAnswer({ code, ...(code === 'rate_limited' && { exceeded }) }, { requestId: 'r', anyStatus: true }, now),
    );
    const forProxies: string[] = [authorizedHeaders.status, authorizedHeaders.refusal];
    const forClients = refusals.flatMap(({ headers }) => Object.keys(headers)).filter((h) => !forProxies.includes(h));
    expect(forClients).toEqual(expect.arrayContaining(['retry-after', 'www-authenticate']));
    for (const name of forClients) expect([name, passes(told.allowed_client_headers, name)]).toEqual([name, true]);
    for (const name of [authorizedHeaders.accountId, authorizedHeaders.keyId])
      expect(passes(told.allowed_upstream_headers, name)).toBe(true);
  });
});
