// Whether somebody is told of what a program's metrics call an alarm: the rules of infra/observability, read beside its /metrics.
import { readFileSync } from 'node:fs';

const rulesFile = new URL('../../../../infra/observability/prometheus/alerts.yml', import.meta.url);

const namesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name ?? '');

/**
 * What is wrong with the alarms among the metrics whose name begins with `prefix`: one that no rule names, and a counter in `increase()` that is no
 * series before its first event, so that this event would not be seen.
 */
export const unheardAlarms = (metrics: string, prefix: string): string[] => {
  const rules = readFileSync(rulesFile, 'utf8').replaceAll(/^ *#.*|summary:.*/gm, '');
  const alarms = namesIn(metrics, /^# HELP (\w+) ALARM/gm).filter((name) => name.startsWith(prefix));
  if (alarms.length === 0) throw new Error(`no metric of "${prefix}" calls itself an alarm`);
  const named = new Set(namesIn(rules, /\b([a-z]+(?:_[a-z]+)+)\b/g));
  const counted = new Set(namesIn(rules, /increase\((\w+)/g));
  const series = new Set(namesIn(metrics, /^(\w+)[{ ]/gm));
  return [
    ...alarms.filter((name) => !named.has(name)).map((name) => `${name}: no rule`),
    ...alarms.filter((name) => counted.has(name) && !series.has(name)).map((name) => `${name}: no series yet`),
  ];
};
