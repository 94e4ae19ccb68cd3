// Aliyun's registry as far as these tests need it: checks the signature and answers what it is told to.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifyAcs3 } from '@meridian/kit/aliyun/acs3.ts';

export type Told = { status?: number; code?: string; bizCode?: string; hang?: boolean; garbage?: boolean };
export type Asked = {
  name: string;
  number: string;
  action: string | undefined;
  valid: boolean;
  url: string | undefined;
};

export const startRegistryStandIn = async ({ now }: { now: () => Date }) => {
  const accessKeyId = 'test-access-key-id';
  const accessKeySecret = 'test-access-key-secret-of-the-registry';
  const asked: Asked[] = [];
  let answer: (question: Asked) => Told | Promise<Told> = () => ({ bizCode: '1' });
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const form = new URLSearchParams(body);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
    const question: Asked = {
      name: form.get('UserName') ?? '',
      number: form.get('IdentifyNum') ?? '',
      action: headers['x-acs-action'],
      url: request.url,
      valid: verifyAcs3({ method: 'POST', path: '/', query: {}, headers, body, accessKeyId, accessKeySecret, now })
        .valid,
    };
    asked.push(question);
    const { status = 200, code = '200', bizCode, hang, garbage } = await answer(question);
    if (hang) return;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(
      garbage
        ? '<html>'
        : JSON.stringify({
            RequestId: 'R',
            Code: code,
            Message: 'm',
            ...(bizCode && { ResultObject: { BizCode: bizCode } }),
          }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    /** From now on every question is answered like this. */
    tell: (next: typeof answer) => {
      answer = next;
    },
    variables: {
      REAL_NAME_ENDPOINT: `http://127.0.0.1:${port}`,
      REAL_NAME_ACCESS_KEY_ID: accessKeyId,
      REAL_NAME_ACCESS_KEY_SECRET: accessKeySecret,
    },
    settings: { endpoint: `http://127.0.0.1:${port}`, accessKeyId, accessKeySecret, now },
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};
export type RegistryStandIn = Awaited<ReturnType<typeof startRegistryStandIn>>;
