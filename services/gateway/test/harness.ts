// A gateway with its neighbours, the sandbox's model upstream, and the official client.
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { toBase62 } from '@meridian/client/key-checksum.ts';
import type { Running } from '@meridian/kit/run/platform.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { profiles } from '@meridian/regions/region.ts';
import { startSandbox } from '@meridian/sandbox/sandbox.ts';
import { createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { type TestCertificate, tlsVariables } from '@meridian/testkit/service/test-certificate.ts';
import { exportJWK } from 'jose';
import OpenAI from 'openai';
import { Agent, fetch } from 'undici';
import { startGateway } from '../src/service.ts';
import { startNeighbours } from './neighbours.ts';

const pemOf = (key: KeyObject) =>
  key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }) as string;
export const model = profiles.cn!.models[0]!.model;

/** A key that looks issued: right checksum, some tag. */
export const lookalike = (family: 'sk' | 'tp', region: string, seed = 'seed') => {
  const secret = createHmac('sha256', 'test').update(seed).digest('hex').slice(0, 32);
  const covered = `${family}-${region}1_${secret}`;
  return `${covered}${toBase62(crc32(covered), 6)}00000000`;
};

/** `certificate`: the gateway and its neighbours speak mutual TLS with it, as in production. `mute`: key-issuance answers no poll of changes from the beginning. */
export const startHarness = async (
  env: Record<string, string> = {},
  { certificate, mute = false }: { certificate?: TestCertificate; mute?: boolean } = {},
) => {
  const region = 'cn';
  const log = createLog({ service: 'test', region, level: 'silent' });
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const neighbours = await startNeighbours({ region, gatewayKey: await exportJWK(pair.publicKey), log, certificate });
  neighbours.state.mute = mute;
  const sandbox = await startSandbox({
    secrets: await createSandboxSecrets([region]),
    http: { port: 0 },
    smtp: { port: 0 },
    now: () => new Date(),
    models: [{ id: model, ownedBy: 'test', contextTokens: 100_000, maxOutputTokens: 100_000 }],
    staff: [],
    notifications: { timeScale: 1, timeoutMs: 5_000 },
    log: () => undefined,
  });
  const upstream = sandbox.credentials[region]!.model;
  const lines: string[] = [];
  const gateway: Running = await startGateway(
    {
      MERIDIAN_MODE: 'embedded',
      REGION: region,
      PUBLIC_LISTEN: '127.0.0.1:0',
      INTERNAL_LISTEN: '127.0.0.1:0',
      SERVICE_KEY: pemOf(pair.privateKey),
      SERVICE_KEYS: '{}',
      ISSUER: 'http://api.cn.test',
      JWKS_URL: 'http://127.0.0.1:9/jwks',
      LOG_LEVEL: 'debug',
      KEY_ISSUANCE_URL: neighbours.urls.keys,
      MODERATION_URL: neighbours.urls.moderation,
      BILLING_URL: neighbours.urls.billing,
      UPSTREAM_URL: upstream.baseUrl,
      UPSTREAM_API_KEY: upstream.apiKey,
      OUTPUT_WINDOW: '64',
      // A machine under load must not look like an outage of moderation, which lets calls pass.
      MODERATION_TIMEOUT_MS: '60000',
      ...(certificate && tlsVariables(certificate)),
      ...env,
    },
    { destination: { write: (line: string) => void lines.push(line) } },
  );
  let stopping: Promise<void> | undefined;
  const stopGateway = () => {
    stopping ??= gateway.stop();
    return stopping;
  };
  const trusting = certificate && new Agent({ connect: { ...certificate } });
  const key = lookalike('sk', region);
  const origin = new URL(upstream.baseUrl).origin;
  return {
    region,
    gateway,
    neighbours: neighbours.state,
    tell: neighbours.tell,
    key,
    lines,
    /** The official client, without retries of its own unless asked for. */
    client: (apiKey = key) =>
      new OpenAI({
        apiKey,
        baseURL: `${gateway.publicUrl}/v1`,
        maxRetries: 0,
        ...(trusting && {
          fetch: ((url: string, init: object) => fetch(url, { ...init, dispatcher: trusting })) as unknown as Fetch,
        }),
      }),
    misbehave: async (faults: Record<string, unknown>) => {
      const answer = await fetch(`${origin}/control/model`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(faults),
      });
      if (!answer.ok) throw new Error(`the sandbox refuses these faults: ${await answer.text()}`);
    },
    upstreamRequests: async () => {
      const answer = await fetch(`${origin}/control/model/requests`);
      return ((await answer.json()) as { total: number }).total;
    },
    /** The hold of the only call. */
    onlyHold: () => {
      const holds = [...neighbours.state.holds.values()];
      if (holds.length !== 1) throw new Error(`there are ${holds.length} holds`);
      return holds[0]!;
    },
    reset: async () => {
      await fetch(`${origin}/control/model`, { method: 'DELETE' });
      neighbours.reset();
      lines.length = 0;
    },
    stopGateway,
    stop: async () => {
      await stopGateway();
      await trusting?.close();
      await neighbours.stop();
      await sandbox.stop();
    },
  };
};
type Fetch = typeof globalThis.fetch;
export type Harness = Awaited<ReturnType<typeof startHarness>>;

export const waitFor = async (check: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> => {
  const until = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > until) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
