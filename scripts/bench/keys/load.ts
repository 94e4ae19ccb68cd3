// Load generator of bench "keys", a process of its own: bare sockets and prepared bytes, so that it takes little of the machine itself.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { answerParent, type LoadJob, type LoadReport } from './wire.ts';

const files = new Map<string, string[]>();
const linesOf = (file: string): string[] => {
  const known = files.get(file) ?? readFileSync(file, 'utf8').trimEnd().split('\n');
  files.set(file, known);
  return known;
};

const percentile = (sorted: Float64Array, share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

const run = async (job: LoadJob): Promise<LoadReport> => {
  const bodies = linesOf(job.bodies);
  const { hostname, port } = new URL(job.url);
  const head = `POST ${job.path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${job.token}\r\ncontent-type: application/json\r\ncontent-length: `;
  const latencies = new Float64Array(job.maxRequests);
  let [sent, requests, valid, failed] = [0, 0, 0, 0];
  const began = performance.now();
  const until = began + job.seconds * 1_000;
  const connection = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.setNoDelay(true);
      let received = '';
      let sentAt = 0;
      const send = (slot: number) => {
        const body = bodies[job.order[slot % job.order.length] as number] as string;
        sentAt = performance.now();
        socket.write(`${head}${body.length}\r\n\r\n${body}`);
      };
      const next = () => {
        const now = performance.now();
        const slot = sent;
        const due = job.perSecond === undefined ? now : began + (slot * 1_000) / job.perSecond;
        if (slot >= job.maxRequests || Math.max(now, due) > until) return socket.end(() => resolve());
        sent += 1;
        if (due > now) setTimeout(send, due - now, slot);
        else send(slot);
      };
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) return;
        const at = received.indexOf('content-length: ');
        const length = Number.parseInt(received.slice(at + 16, at + 24), 10);
        if (received.length < end + 4 + length) return;
        latencies[requests] = performance.now() - sentAt;
        requests += 1;
        if (!received.startsWith('HTTP/1.1 200')) failed += 1;
        else if (received.includes('"valid":true', end)) valid += 1;
        received = '';
        next();
      });
      socket.on('error', reject);
      socket.on('connect', next);
    });
  await Promise.all(Array.from({ length: job.connections }, connection));
  const seconds = (performance.now() - began) / 1_000;
  const sorted = latencies.subarray(0, requests).sort();
  return { requests, seconds, valid, failed, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
};

answerParent(run, async () => undefined);
