// Ids of another region, wherever a request carries ids and whoever may send it: refused by name, looked up nowhere.
import { regionMismatch } from '@meridian/contracts/common.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { idMembers, isId, replacedAt, valueAt } from './id-members.ts';
import { sampleFor } from './sample.ts';
import type { Case, SuiteRunning } from './suite-types.ts';
import { fillPath, queryText, type ValidRequest } from './valid-request.ts';

const inRegion = (id: string, region: string) => id.replace(/_[a-z]{2,12}_/, `_${region}_`);

export const foreignIdCases = (
  { region }: SuiteRunning,
  endpoint: EndpointDefinition,
  { sample, ...valid }: ValidRequest,
): Case[] => {
  const parts = { param: endpoint.params, query: endpoint.query, body: endpoint.body };
  const given = { param: valid.params, query: valid.query, body: sample.body };
  const cases: Case[] = [];
  for (const part of ['param', 'query', 'body'] as const) {
    const schema = parts[part];
    if (schema === undefined || schema === 'raw') continue;
    const pointers = idMembers(schema);
    for (const pointer of pointers) {
      let value = sampleFor(schema, given[part], `${endpoint.id} ${part} ${pointer}`, pointer);
      // All others are of this region, so that it is this one that is refused.
      for (const each of pointers) {
        const id = valueAt(value, each);
        if (isId(id)) value = replacedAt(value, each, inRegion(id, each === pointer ? 'elsewhere' : region));
      }
      cases.push({
        group: 'ids',
        what: `${part} ${pointer.slice(1)}: an id of another region`,
        ...(part === 'param' && { path: fillPath(endpoint, value as ValidRequest['params']) }),
        ...(part === 'query' && { query: queryText(value as ValidRequest['query']) }),
        ...(part === 'body' && { body: JSON.stringify(value) }),
        expected: [regionMismatch.status],
        code: regionMismatch.code,
      });
    }
  }
  return cases;
};
