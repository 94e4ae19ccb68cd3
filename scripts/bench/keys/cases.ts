// What bench "keys" measures: every server over every kind of traffic that the reference names, and one measurement of one of them.
import { orderOf } from './seed.ts';
import { keyCount, type Server, type Stage } from './stage.ts';
import type { CpuReport, LoadReport } from './wire.ts';

const connections = 64;
const orderLength = 200_000;
const keysOfHotAccount = 4;

export type Case = {
  readonly name: string;
  readonly server: Server;
  readonly path: string;
  readonly bodies: string;
  readonly order: readonly number[];
  /** Share of the calls that must be answered valid. */
  readonly valid: number;
  /** Budgeted, so measured for longer. */
  readonly core: boolean;
};
export type Measured = LoadReport & { readonly rate: number; readonly cpu: number };

const traffic = [
  { name: '', kind: 'uniform', garbage: 0 },
  { name: '_1_percent_invalid', kind: 'uniform', garbage: 0.01 },
  { name: '_half_invalid', kind: 'uniform', garbage: 0.5 },
  { name: '_zipf', kind: 'zipf', garbage: 0 },
  { name: '_zipf_1_percent_invalid', kind: 'zipf', garbage: 0.01 },
  { name: '_zipf_half_invalid', kind: 'zipf', garbage: 0.5 },
] as const;

export const casesOf = ({ keyIssuance, bare, betterAuth, questions, ratedQuestions }: Stage): Case[] => {
  const path = '/internal/v1/keys/verify';
  const mixes = traffic.map(({ name, kind, garbage }) => ({
    suffix: name,
    order: orderOf(keyCount, kind, garbage, orderLength),
    valid: 1 - garbage,
    core: name === '',
  }));
  const all = (name: string, server: Server, bodies: string): Case[] =>
    mixes.map(({ suffix, ...mix }) => ({ ...mix, name: name + suffix, server, path, bodies }));
  const [uniform] = mixes as [(typeof mixes)[number]];
  const plain = { path, order: uniform.order, valid: 1 };
  return [
    // What it answers depends on nothing, so one kind of traffic stands for all.
    { ...plain, name: 'bare', server: bare, bodies: questions, core: true },
    ...all('verify', keyIssuance, questions),
    ...all('verify_rated', keyIssuance, ratedQuestions),
    // One account takes every call: its counter of calls of the model is one row.
    {
      ...plain,
      name: 'verify_rated_hot_account',
      server: keyIssuance,
      bodies: ratedQuestions,
      order: orderOf(keysOfHotAccount, 'uniform', 0, orderLength),
      core: false,
    },
    ...all('better_auth', betterAuth, questions),
    // As it comes: 10 calls a day for each key. Zipf's first keys would be refused, so uniform alone.
    {
      ...plain,
      name: 'better_auth_limited',
      server: betterAuth,
      path: '/limited/verify',
      bodies: questions,
      core: false,
    },
  ];
};

export const measure = async (stage: Stage, one: Case, seconds: number): Promise<Measured> => {
  const before = await one.server.child.ask<CpuReport>({});
  const report = await stage.load.ask<LoadReport>({
    url: one.server.url,
    path: one.path,
    token: await stage.token(),
    bodies: one.bodies,
    order: one.order,
    connections,
    seconds,
    maxRequests: 400_000,
  });
  const after = await one.server.child.ask<CpuReport>({});
  if (report.failed > 0) throw new Error(`${one.name}: ${report.failed} of ${report.requests} calls failed`);
  // Figures of a server that says yes or no to everything would be worth nothing.
  const share = report.valid / report.requests;
  // Four standard deviations of what chance gives over so many calls.
  if (Math.abs(share - one.valid) > 0.005 + 2 / Math.sqrt(report.requests))
    throw new Error(`${one.name}: ${share} of the calls were valid, not ${one.valid}`);
  return { ...report, rate: report.requests / report.seconds, cpu: (after.cpu - before.cpu) / report.requests };
};
