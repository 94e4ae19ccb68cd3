import { parseSync } from '@swc/core';

export type Literal = { value: string; line: number };

export type Syntax = {
  strings: Literal[];
  /** Names of members, in object literals, patterns, types, classes and enumerations and after a dot, and names imported. */
  names: Literal[];
  /** The modules imported. */
  imports: Literal[];
};

/** What a source file spells out, by its syntax tree: comments and lookalikes do not count. */
export function readSyntax(source: string): Syntax {
  const bytes = Buffer.from(source);
  const strings: Literal[] = [];
  const names: Literal[] = [];
  const imports: Literal[] = [];
  const options = new Set<unknown>();
  const visit = (node: unknown): void => {
    if (!isNode(node)) return;
    const text = textOf(node);
    if (text !== undefined) strings.push({ value: text, line: lineAt(bytes, node.span?.start ?? 1) });
    for (const option of switchedOff(node)) options.add(option);
    for (const name of options.has(node) ? [] : namedBy(node))
      names.push({ value: String(name.value), line: lineAt(bytes, name.span?.start ?? 1) });
    const module = importedBy(node);
    const imported = isNode(module) ? textOf(module) : undefined;
    if (imported !== undefined) imports.push({ value: imported, line: lineAt(bytes, node.span?.start ?? 1) });
    for (const value of Object.values(node)) if (typeof value === 'object') visit(value);
  };
  visit(parseSync(source, { syntax: 'typescript', target: 'es2024' }).body);
  return { strings, names, imports };
}

type Node = { type?: string; span?: { start: number } } & Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

function textOf(node: Node): string | undefined {
  if (node.type === 'StringLiteral' && typeof node.value === 'string') return node.value;
  if (node.type === 'TemplateElement' && typeof node.cooked === 'string') return node.cooked;
  return undefined;
}

/** Identifiers that name a member, or something imported. Names in quotes are strings already. */
function namedBy(node: Node): Node[] {
  const candidates = [
    node.key,
    ...(node.type === 'ObjectExpression' && Array.isArray(node.properties) ? node.properties : []),
    ...(node.type === 'MemberExpression' ? [node.property] : []),
    ...(node.type === 'TsEnumMember' ? [node.id] : []),
    ...(node.type === 'ImportSpecifier' ? [node.imported ?? node.local] : []),
  ];
  return candidates.filter((name) => isNode(name) && name.type === 'Identifier');
}

/** `name: false` in an object that is handed to a call: options of a library that are switched off. They name nothing of ours. */
function switchedOff(node: Node): unknown[] {
  if (node.type !== 'CallExpression' || !Array.isArray(node.arguments)) return [];
  return node.arguments
    .flatMap(({ expression }) =>
      isNode(expression) && expression.type === 'ObjectExpression' ? expression.properties : [],
    )
    .filter((property) => isNode(property) && isNode(property.value) && property.value.value === false);
}

/** import and export declarations, import(), import types, require() and require.resolve(), import.meta.resolve(). */
function importedBy(node: Node): unknown {
  if (
    node.type === 'ImportDeclaration' ||
    node.type === 'ExportNamedDeclaration' ||
    node.type === 'ExportAllDeclaration'
  )
    return node.source;
  if (node.type === 'TsImportType') return node.argument;
  if (node.type !== 'CallExpression' || !isNode(node.callee)) return undefined;
  const callee = node.callee;
  const loads =
    callee.type === 'Import' ||
    callee.value === 'require' ||
    (isNode(callee.property) && callee.property.value === 'resolve');
  const first = Array.isArray(node.arguments) ? node.arguments[0] : undefined;
  if (!loads || !isNode(first) || !isNode(first.expression)) return undefined;
  const argument = first.expression;
  return argument.type === 'TemplateLiteral' && Array.isArray(argument.quasis) ? argument.quasis[0] : argument;
}

/** swc counts bytes from 1. */
function lineAt(bytes: Buffer, start: number): number {
  let line = 1;
  for (let index = 0; index < start - 1; index++) if (bytes[index] === 10) line++;
  return line;
}
