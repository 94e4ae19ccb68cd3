// Health check of a container: asks /readyz on the service's own internal listener, over TLS with the service's own certificate where there is one.
// HEALTH_URL names another address (the sandbox has none of our listeners).
import { existsSync, readFileSync } from 'node:fs';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { join } from 'node:path';

const { SECRETS_DIR = '/run/secrets', INTERNAL_LISTEN = '', HEALTH_URL } = process.env;
const read = (name) => {
  const path = join(SECRETS_DIR, name);
  return existsSync(path) ? readFileSync(path) : undefined;
};
const tls = { key: read('INTERNAL_TLS_KEY'), cert: read('INTERNAL_TLS_CERT'), ca: read('INTERNAL_TLS_CA') };
const port = INTERNAL_LISTEN.split(':').at(-1);
const url = new URL(HEALTH_URL ?? `${tls.key ? 'https' : 'http'}://localhost:${port}/readyz`);
const fail = (reason) => {
  console.error(reason);
  process.exit(1);
};
const request = (url.protocol === 'https:' ? https : http)(url, { ...tls, timeout: 10_000 }, (answer) => {
  answer.resume();
  if (answer.statusCode === 200) process.exit(0);
  fail(`${url.pathname} answered ${answer.statusCode}`);
});
request.on('timeout', () => fail('no answer within 10 s'));
request.on('error', (error) => fail(error.message));
request.end();
