// Walks an event's schema, as JSON Schema, and names every place where personal data could get in.
import { z } from 'zod';
import { isPersonalName } from '../src/telemetry/redaction.ts';

type Node = z.core.JSONSchema.BaseSchema;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

const walk = (node: Node, path: string, root: Node): string[] => {
  const found: string[] = [];
  const into = (inner: unknown, at: string) => {
    if (isNode(inner)) found.push(...walk(inner, at, root));
  };
  if (node.$ref !== undefined) into(root.$defs?.[node.$ref.replace('#/$defs/', '')], path);
  for (const each of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])]) into(each, path);
  for (const [name, inner] of Object.entries(node.properties ?? {})) {
    if (isPersonalName(name)) found.push(`${path}/${name}: personal name`);
    into(inner, `${path}/${name}`);
  }
  if (isNode(node.additionalProperties)) {
    if (Object.keys(node.additionalProperties).length === 0) found.push(`${path}: unknown members`);
    else into(node.additionalProperties, `${path}/*`);
  }
  into(node.propertyNames, `${path}/<name>`);
  for (const item of [node.items, ...(node.prefixItems ?? [])].flat()) into(item, `${path}/*`);
  const listed = node.enum !== undefined || node.const !== undefined;
  const bounded = node.maxLength !== undefined || node.pattern !== undefined || node.format !== undefined;
  if (node.type === 'string' && !listed && !bounded) found.push(`${path}: unbounded text`);
  const says = ['type', 'enum', 'const', '$ref', 'anyOf', 'oneOf', 'allOf'].some((word) => word in node);
  if (!says) found.push(`${path}: anything at all`);
  return found;
};

export const walkEvent = (schema: z.ZodObject): string[] => {
  const root = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' });
  return walk(root, '', root);
};
