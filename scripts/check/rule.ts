/** A place that breaks a rule, or for rules that run a tool, what the tool said. `line` counts from 1. */
export type Breach = { file?: string; line?: number; message: string };

/** One rule of the house, judged over a whole tree. */
export type Rule = { name: string; find(root: string): Promise<Breach[]> };

/** 'file:line: message', as editors and terminals make clickable. */
export function describeBreach(breach: Breach): string {
  const place = [breach.file, breach.line].filter((part) => part !== undefined).join(':');
  return place === '' ? breach.message : `${place}: ${breach.message}`;
}
