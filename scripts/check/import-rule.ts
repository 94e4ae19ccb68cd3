import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Breach, Rule } from './rule.ts';
import { CODE, isCode, isTest, sourceFiles } from './source-files.ts';
import { readSyntax } from './syntax.ts';

const SERVICES = 'a service';
/** Whom each part may import besides itself. Parts not listed here (scripts, tests) may import every part. */
const MAY_IMPORT: Record<string, string[]> = {
  contracts: [],
  client: ['contracts'],
  regions: ['contracts'],
  kit: ['contracts', 'client'],
  [SERVICES]: ['contracts', 'client', 'regions', 'kit'],
  sandbox: ['contracts', 'client', 'regions', 'kit'],
  testkit: ['contracts', 'client', 'regions', 'kit', 'sandbox', SERVICES],
};
/** What tests of a package or service may use besides. */
const FOR_TESTS = ['testkit', 'sandbox', 'regions', 'kit', 'client', 'contracts'];

/** Where a file lives: its part, e.g. 'billing', and the kind of part the table above knows. */
type Part = { name: string; kind: string };

/** Who may import whom, in source and in package.json; and contracts know no library but zod. */
export const importRule: Rule = {
  name: 'who may import whom',
  async find(root) {
    const files = await sourceFiles(root, CODE);
    const services = new Set(files.flatMap((file) => /^services\/([^/]+)\//.exec(file)?.[1] ?? []));
    const breaches: Breach[] = [];
    for (const file of files) {
      const part = partOf(file);
      if (part === undefined) continue;
      const text = isCode(file) || file.endsWith('package.json') ? await readFile(join(root, file), 'utf8') : '';
      if (isCode(file))
        for (const { value, line } of readSyntax(text).imports) {
          const message = refuse(file, part, value, services, isTest(file));
          if (message !== undefined) breaches.push({ file, line, message });
        }
      else if (file.endsWith('/package.json'))
        for (const [name, forTests] of dependencies(text)) {
          const message = refuse(file, part, name, services, forTests);
          if (message !== undefined) breaches.push({ file, message });
        }
    }
    return breaches;
  },
};

function partOf(file: string): Part | undefined {
  const [, folder, name] = /^(packages|services)\/([^/]+)\//.exec(file) ?? [];
  if (name === undefined) return undefined;
  return { name, kind: folder === 'services' ? SERVICES : name };
}

function dependencies(manifest: string): [string, boolean][] {
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = JSON.parse(manifest) as Record<
    string,
    object | undefined
  >;
  const run = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  return [
    ...run.map((name): [string, boolean] => [name, false]),
    ...Object.keys(devDependencies ?? {}).map((name): [string, boolean] => [name, true]),
  ];
}

function refuse(
  file: string,
  from: Part,
  specifier: string,
  services: Set<string>,
  forTests: boolean,
): string | undefined {
  const target = targetOf(file, specifier, services);
  if (target === 'library') {
    const foreign = from.kind === 'contracts' && !forTests && specifier !== 'zod' && !specifier.startsWith('zod/');
    return foreign ? `contracts may import only zod, not ${specifier}` : undefined;
  }
  if (target === undefined) return `${from.name} reaches outside every package: ${specifier}`;
  if (target.name === from.name && target.kind === from.kind) return undefined;
  if (specifier.startsWith('.'))
    return `${from.name} imports ${target.name} by a path instead of its name: ${specifier}`;
  const allowed = [...(MAY_IMPORT[from.kind] ?? []), ...(forTests ? FOR_TESTS : [])];
  if (allowed.includes(target.kind)) return undefined;
  return `${from.name} may not import ${target.name} (${specifier})`;
}

function targetOf(file: string, specifier: string, services: Set<string>): Part | 'library' | undefined {
  if (specifier.startsWith('.')) return partOf(posix.join(posix.dirname(file), specifier));
  const name = /^@meridian\/([^/]+)/.exec(specifier)?.[1];
  if (name === undefined) return 'library';
  return { name, kind: services.has(name) ? SERVICES : name };
}
