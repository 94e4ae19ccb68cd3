// Walks a schema, as JSON Schema, and names every place where personal data could get in.
import { z } from 'zod';
import { credentialNames, isPersonalName } from '../src/telemetry/redaction.ts';

type Node = z.core.JSONSchema.BaseSchema;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

const formats = new Set(['date', 'date-time', 'time', 'duration', 'uuid']);
// What persons are called and reached by, and what they write. A form that takes one of these takes free text.
const spoken = ['Jane Doe', 'Müller', '张三', 'jane@doe.example', '+8613800138000', '11010519491231002X', 'it was me.'];

/** Whether a text node takes what somebody typed, and not only ids, words of ours, amounts or times; a bound on its length is none on that. */
const takesFreeText = (node: Node): boolean => {
  if (node.type !== 'string' || node.enum !== undefined || node.const !== undefined) return false;
  if (node.format !== undefined && formats.has(node.format)) return false;
  const patterns = [node, ...(node.allOf ?? []).filter(isNode)].flatMap(({ pattern }) => (pattern ? [pattern] : []));
  return spoken.some((text) => patterns.every((pattern) => new RegExp(pattern, 'u').test(text)));
};

type Visit = (node: Node, path: string, name: string) => void;

/** Visits every node below `node`; into what `skip` names it does not go. */
const visit = (
  node: Node,
  root: Node,
  at: { path: string; name: string },
  see: Visit,
  skip: (name: string) => boolean,
) => {
  see(node, at.path, at.name);
  const into = (inner: unknown, path = at.path, name = at.name) => {
    if (isNode(inner)) visit(inner, root, { path, name }, see, skip);
  };
  if (node.$ref !== undefined) into(root.$defs?.[node.$ref.replace('#/$defs/', '')]);
  for (const each of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])]) into(each);
  for (const [name, inner] of Object.entries(node.properties ?? {}))
    if (!skip(name)) into(inner, `${at.path}/${name}`, name);
  if (isNode(node.additionalProperties) && Object.keys(node.additionalProperties).length > 0)
    into(node.additionalProperties, `${at.path}/*`, '*');
  into(node.propertyNames, `${at.path}/<name>`, '<name>');
  for (const item of [node.items, ...(node.prefixItems ?? [])].flat()) into(item, `${at.path}/*`);
};

const jsonSchema = (schema: z.ZodType): Node => z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as Node;

/** Places of an event that could hold personal data: by their name, or because they hold anything but ids, words of ours, amounts and times. */
export const walkEvent = (schema: z.ZodType): string[] => {
  const root = jsonSchema(schema);
  const found: string[] = [];
  visit(
    root,
    root,
    { path: '', name: '' },
    (node, path) => {
      for (const name of Object.keys(node.properties ?? {}))
        if (isPersonalName(name)) found.push(`${path}/${name}: personal name`);
      const open = node.additionalProperties;
      if (isNode(open) && Object.keys(open).length === 0) found.push(`${path}: unknown members`);
      if (takesFreeText(node)) found.push(`${path}: free text`);
      const says = ['type', 'enum', 'const', '$ref', 'anyOf', 'oneOf', 'allOf'].some((word) => word in node);
      if (!says) found.push(`${path}: anything at all`);
    },
    () => false,
  );
  return found;
};

/** Names of members of a request that take free text and are known neither as personal data nor as a credential. */
export const unknownFreeText = (schema: z.ZodType): string[] => {
  const root = jsonSchema(schema);
  const known = (name: string) => isPersonalName(name) || credentialNames.some((credential) => credential === name);
  const found = new Set<string>();
  visit(root, root, { path: '', name: '' }, (node, _, name) => takesFreeText(node) && found.add(name), known);
  return [...found];
};
