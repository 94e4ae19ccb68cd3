// zod -> JSON Schema 2020-12, the dialect of OpenAPI 3.1 and AsyncAPI 3.0.
import { z } from 'zod';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };
export type JsonObject = { readonly [name: string]: Json | undefined };

/** `input`: what a caller sends; `output`: what the server answers. The dialect is stated once by the document, not per schema. */
export const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): JsonObject => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
  }) as JsonObject;
  return rest;
};

/** Two-space JSON with a final line break; absent members are left out by JSON itself. */
export const toText = (document: JsonObject): string => `${JSON.stringify(document, null, 2)}\n`;
