// The floor: a Fastify POST route with nothing behind it, answering as many bytes as a verification does.
import Fastify from 'fastify';
import { answerParent, cpuSoFar } from './wire.ts';

const app = Fastify();
app.post('/internal/v1/keys/verify', async () => ({
  valid: true,
  accountId: 'acc_cn_01J00000000000000000000000',
  keyId: 'key_cn_01J00000000000000000000000',
  product: 'payg',
  position: '0',
}));
answerParent(
  async (message: { readonly listen?: true }) =>
    message.listen ? { url: await app.listen({ host: '127.0.0.1', port: 0 }) } : cpuSoFar(),
  async () => app.close(),
);
