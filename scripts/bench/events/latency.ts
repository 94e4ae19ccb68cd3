// From a business transaction's commit to the commit of its effect in another service, at an even rate.
import { type Figure, figure, repetitions } from '../figure.ts';
import { childrenCpuMs } from '../process-cpu.ts';
import { type Ground, withServices } from './stage.ts';

const perSecond = 1_000;
/** Of each repetition: 10,000 events, so that a hundred lie above the p99. */
const seconds = 10;
/** Compilers and caches of all processes, the broker's too, are cold at first. */
const warmUpSeconds = 5;

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;

export const measureLatency = (ground: Ground): Promise<Figure[]> =>
  withServices(ground, 'latency', async ({ publishing, startConsuming, published, applied, until, consumedMs }) => {
    publishing.ask({ ask: 'relay' });
    await startConsuming();
    /** Sends at the rate and waits for the last effect. */
    const run = async (runSeconds: number) => {
      const former = published();
      publishing.ask({ ask: 'publish', perSecond, seconds: runSeconds });
      await until('publishing', () => published() !== former);
      const told = published();
      if (!told) throw new Error('unreachable');
      await until('the last effect', () => told.at.every(([id]) => applied.has(id)));
      return told;
    };
    await run(warmUpSeconds);
    const runs: { rate: number; ms: number[]; cpu: Record<'publishing' | 'consuming' | 'postgres', number> }[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition += 1) {
      const before = { consuming: consumedMs(), postgres: childrenCpuMs(ground.postgres.pid) };
      const sent = await run(seconds);
      const ms = sent.at.map(([id, at]) => Math.max(0, (applied.get(id) ?? Number.NaN) - at)).sort((a, b) => a - b);
      const each = (total: number) => total / sent.at.length;
      const cpu = {
        publishing: each(sent.cpuMs),
        consuming: each(consumedMs() - before.consuming),
        postgres: each(childrenCpuMs(ground.postgres.pid) - before.postgres),
      };
      const rate = sent.at.length / sent.seconds;
      runs.push({ rate, ms, cpu });
      ground.progress(
        `${ground.name} ${repetition}/${repetitions}: ${sent.at.length} events at ${rate.toFixed(0)}/s, p50 ${percentile(ms, 0.5).toFixed(1)} ms, p99 ${percentile(ms, 0.99).toFixed(1)} ms, longest ${ms.at(-1)?.toFixed(0)} ms`,
      );
    }
    const part = (share: number) => runs.map(({ ms }) => percentile(ms, share));
    const spent = (who: 'publishing' | 'consuming' | 'postgres') =>
      figure(
        'events',
        `${ground.name}_cpu_${who}`,
        runs.map(({ cpu }) => cpu[who]),
        'ms/event',
        null,
      );
    return [
      figure(
        'events',
        `${ground.name}_rate`,
        runs.map(({ rate }) => rate),
        'events/s',
        `>= ${perSecond * 0.95}`,
      ),
      figure('events', `${ground.name}_commit_to_effect_p50`, part(0.5), 'ms', null),
      figure('events', `${ground.name}_commit_to_effect_p99`, part(0.99), 'ms', '<= 300'),
      ...(['publishing', 'consuming', 'postgres'] as const).map(spent),
    ];
  });
