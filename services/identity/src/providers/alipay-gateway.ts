// Alipay's signed gateway: https://opendocs.alipay.com/common/02kf5q (signing). Own code instead of alipay-sdk, whose exec() verifies replies only on request
// and skips that silently without a key.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { Now } from '@meridian/kit/ids.ts';
import { createHttp, type HttpOptions, objectOf } from './http.ts';
import { LoginError } from './login-provider.ts';

export type GatewayOptions = HttpOptions & {
  readonly appId: string;
  /** Our RSA key, PEM. */
  readonly privateKey: string;
  /** Alipay's, not our own public key: PEM. */
  readonly alipayPublicKey: string;
  readonly gateway: string;
  readonly now: Now;
};
type Members = Readonly<Record<string, unknown>>;

const provider = 'alipay';

/** "yyyy-MM-dd HH:mm:ss" in China's time, as the gateway wants it. */
const chinaTime = (at: Date) => new Date(at.getTime() + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');

/** What is signed: all parameters sorted by name, as they are. */
export const contentOf = (parameters: Readonly<Record<string, string>>) =>
  Object.keys(parameters)
    .sort()
    .map((name) => `${name}=${parameters[name]}`)
    .join('&');

/** The text of one member of a JSON object, exactly as it stands in the reply: that is what the signature covers. */
export const memberText = (reply: string, member: string): string | undefined => {
  const start = reply.indexOf(`"${member}":`);
  if (start === -1) return undefined;
  const from = start + member.length + 3;
  let depth = 0;
  let quoted = false;
  for (let at = from; at < reply.length; at++) {
    const c = reply[at];
    if (quoted) {
      if (c === '\\') at++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{') depth++;
    else if (c === '}' && --depth <= 0) return depth === 0 ? reply.slice(from, at + 1) : undefined;
  }
  return undefined;
};

const failureOf = (said: Members): never => {
  const reason = String(said.sub_code ?? said.code);
  if (/^(isp|aop)\.(unknow-error|unknown-error|service-not-available)$/.test(reason) || said.code === '20000')
    throw new LoginError(provider, 'provider_unavailable', reason);
  throw new LoginError(provider, reason === 'isv.code-invalid' ? 'invalid_callback' : 'provider_error', reason);
};

/** Calls a method; its reply's member, proven to be Alipay's. Throws LoginError. */
export const createGateway = (options: GatewayOptions) => {
  const http = createHttp(provider, options);
  const ours = createPrivateKey(options.privateKey);
  const theirs = createPublicKey(options.alipayPublicKey);

  return async (method: string, parameters: Readonly<Record<string, string>>): Promise<Members> => {
    const unsigned = {
      ...parameters,
      app_id: options.appId,
      method,
      format: 'JSON',
      charset: 'utf-8',
      sign_type: 'RSA2',
      timestamp: chinaTime(options.now()),
      version: '1.0',
    };
    const signature = sign('sha256', Buffer.from(contentOf(unsigned)), ours).toString('base64');
    const { text } = await http.post(options.gateway, { ...unsigned, sign: signature });
    const reply = objectOf(provider, text);
    // Errors may be unsigned: they give nobody anything.
    if (reply.error_response !== undefined) failureOf(objectOf(provider, memberText(text, 'error_response') ?? ''));
    const content = memberText(text, `${method.replaceAll('.', '_')}_response`);
    const proof = typeof reply.sign === 'string' ? Buffer.from(reply.sign, 'base64') : Buffer.alloc(0);
    if (content === undefined || !verify('sha256', Buffer.from(content), theirs, proof))
      throw new LoginError(provider, 'provider_error', 'signature');
    // Read from the signed text, never from the reply around it.
    const said = objectOf(provider, content);
    if (said.code !== undefined && said.code !== '10000') failureOf(said);
    return said;
  };
};
