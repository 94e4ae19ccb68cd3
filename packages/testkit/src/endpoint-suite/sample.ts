// A valid value for a zod schema, with every optional member present, so that every member can be mutated.
import { z } from 'zod';
import { idPointers, isId, valueAt } from './id-members.ts';
import { sampleText } from './sample-text.ts';

type Schema = z.core.JSONSchema.BaseSchema;

const byFormat: Readonly<Record<string, string>> = {
  email: 'person@example.com',
  uri: 'https://example.com/',
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  uuid: '0198c0de-0000-7000-8000-000000000000',
  time: '03:04:05',
  ipv4: '192.0.2.1',
};

const text = (schema: Schema): unknown => {
  const min = schema.minLength ?? 0;
  if (schema.format !== undefined && byFormat[schema.format] !== undefined) return byFormat[schema.format];
  const patterns = [
    schema.pattern,
    ...(schema.allOf ?? []).map((part) => (typeof part === 'object' ? part.pattern : undefined)),
  ];
  const pattern = patterns.find((candidate) => candidate !== undefined);
  return pattern === undefined ? 'a'.repeat(Math.max(1, min)) : sampleText(pattern, min, schema.maxLength);
};

const number = (schema: Schema): number => {
  const low = schema.minimum ?? (typeof schema.exclusiveMinimum === 'number' ? schema.exclusiveMinimum + 1 : 1);
  return Math.max(low, Math.min(1, schema.maximum ?? 1));
};

/** `towards`: the branch of a union is taken that has this pointer, else the first. */
const fromJsonSchema = (schema: Schema | boolean, towards = ''): unknown => {
  if (typeof schema === 'boolean') return {};
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const branches = (schema.anyOf ?? schema.oneOf ?? []) as Schema[];
  const branch = branches.find((one) => idPointers(one).includes(towards)) ?? branches[0];
  if (branch !== undefined) return fromJsonSchema(branch, towards);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'string') return text(schema);
  if (type === 'number' || type === 'integer') return number(schema);
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  if (type === 'array') {
    const item = Array.isArray(schema.items) ? schema.items[0] : schema.items;
    return item === undefined
      ? []
      : Array.from({ length: Math.max(1, schema.minItems ?? 1) }, () =>
          fromJsonSchema(item as Schema, below('0', towards)),
        );
  }
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => [
    name,
    fromJsonSchema(member as Schema, below(name, towards)),
  ]);
  return Object.fromEntries(members);
};

const below = (name: string, pointer: string) =>
  pointer.startsWith(`/${name}/`) || pointer === `/${name}` ? pointer.slice(name.length + 1) : undefined;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A value that `schema` accepts: `given` where the caller knows better, else generated. Optional members are added to a given
 * object as far as the schema still accepts it. `holding`: an id must stand at this pointer. Throws if nothing valid was found: then
 * `sampleOf` must give one.
 */
export const sampleFor = (schema: z.ZodType, given: unknown, what: string, holding?: string): unknown => {
  const generated = fromJsonSchema(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema, holding);
  const merged = isObject(given) && isObject(generated) ? { ...generated, ...given } : (given ?? generated);
  const holds = (candidate: unknown) => holding === undefined || isId(valueAt(candidate, holding));
  for (const candidate of [merged, given, generated])
    if (candidate !== undefined && schema.safeParse(candidate).success && holds(candidate)) return candidate;
  throw new Error(
    `no valid sample for ${what}: give one by sampleOf (${JSON.stringify(schema.safeParse(merged).error?.issues)})`,
  );
};
