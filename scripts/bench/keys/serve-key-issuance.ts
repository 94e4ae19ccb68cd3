// The server under test: key-issuance as it is started in production of one machine, every route and check in place.
import { startKeyIssuance } from '@meridian/key-issuance/service.ts';
import type { Running } from '@meridian/kit/run/platform.ts';
import { answerParent, cpuSoFar } from './wire.ts';

let running: Running | undefined;
answerParent(
  async (message: { readonly env?: Record<string, string> }) => {
    if (message.env === undefined) return cpuSoFar();
    running = await startKeyIssuance(message.env);
    return { url: running.internalUrl, publicUrl: running.publicUrl };
  },
  async () => running?.stop(),
);
