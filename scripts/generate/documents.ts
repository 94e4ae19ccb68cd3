// Every generated document by its path below packages/contracts/generated.
import { endpointsOf } from '@meridian/contracts/all.ts';
import { isInternal, serviceNames } from '@meridian/contracts/endpoint.ts';
import type { EventDefinition } from '@meridian/contracts/event.ts';
import { allEvents } from '@meridian/contracts/events/all.ts';
import { asyncApi } from './asyncapi.ts';
import { toText } from './json-schema.ts';
import { openApi } from './openapi.ts';

/** Path -> text. The same contracts give the same bytes. */
export const documents = (): ReadonlyMap<string, string> => {
  const files = new Map<string, string>();
  for (const service of serviceNames) {
    const all = endpointsOf[service];
    const open = all.filter((e) => !isInternal(e));
    const inner = all.filter(isInternal);
    if (open.length > 0) files.set(`openapi/${service}.json`, toText(openApi(service, 'public', open)));
    // Apart: what machines call on a listener of its own has no place in a reference for front ends.
    if (inner.length > 0) files.set(`openapi/${service}.internal.json`, toText(openApi(service, 'internal', inner)));
    const published = (allEvents as readonly EventDefinition[]).filter((e) => e.publishers.includes(service));
    if (published.length > 0) files.set(`asyncapi/${service}.json`, toText(asyncApi(service, published)));
  }
  return files;
};
