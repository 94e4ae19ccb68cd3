// Where ids stand in a request, by what the contract says: members whose pattern is that of idOf.
import { regionOfId } from '@meridian/kit/ids.ts';
import { z } from 'zod';

type Node = z.core.JSONSchema.BaseSchema;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

const idForm = '_[a-z]{2,12}_[0-9A-HJKMNP-TV-Z]{26}$';

const walk = (node: Node, path: string, root: Node): string[] => {
  const found: string[] = [];
  const into = (inner: unknown, at: string) => {
    if (isNode(inner)) found.push(...walk(inner, at, root));
  };
  if (node.type === 'string' && node.pattern?.endsWith(idForm)) found.push(path);
  if (node.$ref !== undefined) into(root.$defs?.[node.$ref.replace('#/$defs/', '')], path);
  for (const each of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])]) into(each, path);
  for (const [name, inner] of Object.entries(node.properties ?? {})) into(inner, `${path}/${name}`);
  for (const item of [node.items].flat()) into(item, `${path}/0`);
  return found;
};

/** JSON pointers of all ids in values of this JSON Schema, those of every branch of a union included. */
export const idPointers = (root: Node): string[] => [...new Set(walk(root, '', root))];

/** The same of a zod schema. */
export const idMembers = (schema: z.ZodType): string[] =>
  idPointers(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node);

export const isId = (value: unknown): value is string => typeof value === 'string' && regionOfId(value) !== undefined;

const steps = (pointer: string) => pointer.split('/').slice(1);

export const valueAt = (value: unknown, pointer: string): unknown =>
  steps(pointer).reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], value);

/** A copy of `value` with another member at `pointer`. */
export const replacedAt = (value: unknown, pointer: string, member: unknown): unknown => {
  const copy: unknown = structuredClone(value);
  const path = steps(pointer);
  const last = path.pop();
  const holder = path.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], copy);
  if (last !== undefined && typeof holder === 'object' && holder !== null)
    (holder as Record<string, unknown>)[last] = member;
  return copy;
};
