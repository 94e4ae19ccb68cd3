// Which port is whose. One block for the sandbox, then one block per region, so that two copies run side by side by MERIDIAN_PORT_BASE.
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { StartError } from './start-error.ts';

export const defaultPortBase = 4000;
const blockSize = 20;

/** The first port of a copy, by MERIDIAN_PORT_BASE; empty counts as absent. Throws one sentence for a person. */
export const portBaseOf = (env: NodeJS.ProcessEnv): number => {
  const base = Number(env.MERIDIAN_PORT_BASE || defaultPortBase);
  if (!Number.isInteger(base) || base < 1024 || base > 65_000)
    throw new StartError('invalid_setting', 'MERIDIAN_PORT_BASE must be a whole number from 1024 to 65000.');
  return base;
};

export type RegionPorts = {
  readonly api: number;
  readonly gateway: number;
  readonly publicOf: Readonly<Record<ServiceName, number>>;
  readonly internalOf: Readonly<Record<ServiceName, number>>;
};

export const sandboxPorts = (base: number) => ({ http: base, smtp: base + 1 });

/** Ports of the `index`-th region (from 0): the two that people use first, then one public and one internal port per service. */
export const regionPorts = (base: number, index: number): RegionPorts => {
  const first = base + blockSize * (index + 1);
  const portsFrom = (start: number) =>
    Object.fromEntries(serviceNames.map((name, i) => [name, start + i])) as Record<ServiceName, number>;
  const publicOf = portsFrom(first + 2);
  return {
    api: first,
    gateway: first + 1,
    publicOf: { ...publicOf, gateway: first + 1 },
    internalOf: portsFrom(first + 8),
  };
};

/** Every port that a copy with `regions` regions listens on. */
export const allPorts = (base: number, regions: number): number[] => {
  const perRegion = Array.from({ length: regions }, (_, i) => regionPorts(base, i)).flatMap((p) => [
    p.api,
    ...Object.values(p.publicOf),
    ...Object.values(p.internalOf),
  ]);
  return [...new Set([...Object.values(sandboxPorts(base)), ...perRegion])];
};
