// How long containers may take to start: `docker compose up --wait` gives up at the first that is called unhealthy, and a slow machine starts some thirty at once.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const seconds = (text: string | undefined) => Number(/^(\d+)s$/.exec(text ?? '')?.[1]);

type Check = { timeout: string; start_period: string; disable?: boolean };
const { services } = parse(read('infra/compose/region.yml'), { merge: true }) as {
  services: Record<string, { image: string; healthcheck?: Check }>;
};
const ofImage = (option: string) =>
  new RegExp(`^HEALTHCHECK .*--${option}=(\\S+)`, 'm').exec(read('infra/images/service/Dockerfile'))?.[1] as string;
const program: Check = { timeout: ofImage('timeout'), start_period: ofImage('start-period') };
// Grafana's image has no check, and nothing waits for it.
const checks = Object.entries(services)
  .map(
    ([name, { image, healthcheck }]) =>
      [name, healthcheck ?? (/\bmeridian\/service\b/.test(image) && program)] as const,
  )
  .filter((entry): entry is [string, Check] => Boolean(entry[1]) && !(entry[1] as Check).disable);

test('every container that others wait for has a check', () => {
  expect(checks.map(([name]) => name).sort()).toEqual(
    Object.keys(services)
      .filter((name) => !/-migrate$|^kafka-prepare$|^grafana$/.test(name))
      .sort(),
  );
});

test.each(checks)('%s has minutes to start and seconds for each probe', (_, { start_period, timeout }) => {
  expect(seconds(start_period)).toBeGreaterThanOrEqual(300);
  expect(seconds(timeout)).toBeGreaterThanOrEqual(15);
});

test('the probe of a program ends before it is cut off, and says why', () => {
  const own = Number(/timeout: ([0-9_]+)/.exec(read('infra/images/service/health.mjs'))?.[1]?.replaceAll('_', ''));
  expect(own).toBeLessThan(seconds(program.timeout) * 1_000);
});
