// Debian's Chromium with its virtual authenticator, driven by the DevTools protocol over one WebSocket.
// https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@meridian/testkit/wait-for.ts';

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
export const hasChromium = program !== undefined;

type Reply = { id?: number; result?: Record<string, unknown>; error?: { message: string } };

export const startChromium = async (address: string) => {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-chromium-'));
  const child = spawn(
    program ?? '',
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${folder}`,
      'about:blank',
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 1_000 });
  };
  try {
    const [port, path] = (
      await waitFor(async () => (await readFile(join(folder, 'DevToolsActivePort'), 'utf8')).trim() || undefined, {
        timeoutMs: 45_000,
      })
    ).split('\n');
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    const waiting = new Map<number, (reply: Reply) => void>();
    socket.addEventListener('message', ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id !== undefined) waiting.get(reply.id)?.(reply);
    });
    let sequence = 0;
    const send = async (method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> => {
      const id = ++sequence;
      const reply = await new Promise<Reply>((resolve) => {
        waiting.set(id, resolve);
        socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
      });
      waiting.delete(id);
      if (reply.error) throw new Error(`${method}: ${reply.error.message}`);
      return reply.result ?? {};
    };
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
    const inPage = (method: string, params?: object) => send(method, params, String(sessionId));
    await inPage('Page.enable');
    await inPage('WebAuthn.enable');
    const authenticator = async () =>
      String(
        (
          await inPage('WebAuthn.addVirtualAuthenticator', {
            options: {
              protocol: 'ctap2',
              transport: 'internal',
              hasResidentKey: true,
              hasUserVerification: true,
              isUserVerified: true,
              automaticPresenceSimulation: true,
            },
          })
        ).authenticatorId,
      );
    const evaluate = async <T>(expression: string): Promise<T> => {
      const { result, exceptionDetails } = (await inPage('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
        userGesture: true,
      })) as { result: { value: T }; exceptionDetails?: { exception?: { description?: string } } };
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw');
      return result.value;
    };
    /** The authenticators stay. */
    const open = async (page: string) => {
      await inPage('Page.navigate', { url: page });
      await waitFor(
        async () =>
          (await evaluate<string>('location.href')).startsWith(page) &&
          (await evaluate<string>('document.readyState')) === 'complete',
        { timeoutMs: 45_000 },
      );
    };
    await open(address);
    return {
      open,
      authenticator,
      removeAuthenticator: (authenticatorId: string) =>
        inPage('WebAuthn.removeVirtualAuthenticator', { authenticatorId }),
      setVerified: (authenticatorId: string, isUserVerified: boolean) =>
        inPage('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
      create: (options: object) =>
        evaluate<Record<string, unknown>>(
          `navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(${JSON.stringify(options)}) }).then((c) => c.toJSON())`,
        ),
      get: (options: object) =>
        evaluate<Record<string, unknown>>(
          `navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(${JSON.stringify(options)}) }).then((c) => c.toJSON())`,
        ),
      stop: async () => {
        socket.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
export type Chromium = Awaited<ReturnType<typeof startChromium>>;
