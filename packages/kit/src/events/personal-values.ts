// Refuses personal data in a payload's values; field names are checked once for every event by a test of the contracts.
import { looksPersonal } from '../telemetry/redaction.ts';
import { EventError } from './event-error.ts';

const find = (value: unknown, path: string): string | undefined => {
  if (typeof value === 'string') return looksPersonal(value) ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    if (looksPersonal(name)) return `${path}/<name>`;
    const found = find(inner, `${path}/${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** Throws `event_personal_data`, naming the place and never the value. */
export const refusePersonalValues = (type: string, data: unknown): void => {
  const place = find(data, '/data');
  if (place !== undefined)
    throw new EventError(
      'event_personal_data',
      `${type}: ${place} looks like personal data; events carry ids, enums and amounts only`,
    );
};
