// Signed requests to Waffo; only answers whose signature is verified count. (Waffo's own SDKs skip the check when the header is absent.)
import { exchange } from '@meridian/client/transport.ts';
import { z } from 'zod';
import type { ChannelContext } from '../channels.ts';
import { signRsa, verifyRsa } from '../rsa.ts';
import type { WaffoConfig } from './waffo.ts';

/**
 * `code`: "0" done; first letter A merchant, B user, C system, D risk. E is Waffo's "unknown" and comes as `unproven`, like no answer:
 * what was asked for may have happened, so it is queried under the same id and never taken for a failure.
 */
export type WaffoAnswer =
  | { readonly kind: 'proven'; readonly code: string; readonly data: unknown }
  | { readonly kind: 'unproven'; readonly reason: string };

const envelope = z.object({ code: z.string().min(1).max(16), data: z.unknown() });
const timeoutMs = 6_000;
const maxAnswerBytes = 256 * 1024;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';

export const createWaffoClient = (config: WaffoConfig, { log }: Pick<ChannelContext, 'log'>) => {
  const base = config.WAFFO_ENDPOINT.replace(/\/+$/, '');
  const unproven = (reason: string): WaffoAnswer => {
    log.warn({ channel: 'waffo', code: reason }, 'no proven answer from the payment channel');
    return { kind: 'unproven', reason };
  };

  return async (path: string, content: object): Promise<WaffoAnswer> => {
    const body = JSON.stringify(content);
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      'x-api-key': config.WAFFO_API_KEY,
      'x-api-version': '1.0.0',
      'x-signature': signRsa(config.WAFFO_PRIVATE_KEY, body),
    };
    try {
      const answer = await exchange(
        { baseUrl: base, timeoutMs, maxAnswerBytes },
        { method: 'POST', url: `${base}${path}`, body, headers },
      );
      if (!verifyRsa(config.WAFFO_PUBLIC_KEY, Buffer.from(answer.bytes), answer.headers['x-signature'] ?? ''))
        return unproven('bad_signature');
      const read = envelope.safeParse(answer.json());
      if (!read.success) return unproven('unreadable');
      if (read.data.code.startsWith('E')) return unproven(read.data.code);
      return { kind: 'proven', code: read.data.code, data: read.data.data };
    } catch (error) {
      return unproven(codeOf(error));
    }
  };
};
