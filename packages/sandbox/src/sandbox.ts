// The whole sandbox in one function: one HTTP port and one SMTP port, for all regions; on loopback unless told otherwise.
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { aliyunGateway } from './aliyun/gateway.routes.ts';
import { captchaRoutes, createCaptchaPart } from './captcha/captcha.routes.ts';
import { type SandboxConfig, sandboxSecrets } from './config.ts';
import { controlRoutes } from './control/control.routes.ts';
import { frontPage } from './http/front-page.ts';
import { sendPage } from './http/page.ts';
import { inboxRoutes } from './inbox/inbox.routes.ts';
import { createInbox } from './inbox/inbox.ts';
import { loginRoutes } from './logins/logins.ts';
import { createMailPart, createSmtpServer } from './mail/smtp.ts';
import { createModelPart } from './model/faults.ts';
import { modelRoutes } from './model/model.routes.ts';
import { modelsPage } from './model/models-page.ts';
import { createClients, oidcClientRoutes } from './oidc/clients.routes.ts';
import { createOidcPart } from './oidc/faults.ts';
import { oidcRoutes } from './oidc/provider.routes.ts';
import { operatorView } from './operator-view.ts';
import { createRealNamePart, id2MetaVerifyAction } from './real-name/id2-meta-verify.ts';
import { personsPage } from './real-name/persons-page.ts';
import { testPerson, testPersonCount } from './real-name/test-persons.ts';
import { createSmsPart, sendSmsAction } from './sms/send-sms.ts';
import { waffoApiRoutes } from './waffo/api.routes.ts';
import { waffoControlRoutes } from './waffo/control.routes.ts';
import { createDesk as createWaffoDesk } from './waffo/desk.ts';
import { createWaffoPart } from './waffo/faults.ts';
import { waffoPayerRoutes } from './waffo/payer.routes.ts';
import { wechatApiRoutes } from './wechat-pay/api.routes.ts';
import { wechatControlRoutes } from './wechat-pay/control.routes.ts';
import { createDesk as createWechatDesk } from './wechat-pay/desk.ts';
import { createWechatPart } from './wechat-pay/faults.ts';
import { wechatPayerRoutes } from './wechat-pay/payer.routes.ts';

const messagesKept = 500;

/** Starts every part; rejects if a port is taken or the secrets are malformed. `credentials` is the operator's view by region. */
export const startSandbox = async (config: SandboxConfig) => {
  const secrets = sandboxSecrets.parse(config.secrets);
  const { now, log, tls, host = '127.0.0.1' } = config;
  const settings = { bodyLimit: 1024 * 1024, forceCloseConnections: true } as const;
  const app = (tls ? Fastify({ ...settings, https: tls }) : Fastify(settings)) as FastifyInstance;
  let address = '';
  const origin = () => address;
  app.decorateRequest('sandboxNote', null);

  const inbox = createInbox({ limit: messagesKept, now });
  const [sms, mail, oidc, realName, wechatPay, waffo, model] = [
    createSmsPart(),
    createMailPart(),
    createOidcPart(),
    createRealNamePart(),
    createWechatPart(),
    createWaffoPart(),
    createModelPart(),
  ];
  const wechatDesk = createWechatDesk(config, wechatPay);
  const waffoDesk = createWaffoDesk(config, waffo, origin);
  const clients = createClients(secrets, config.redirectUris);
  const smtpServer = createSmtpServer({ part: mail, inbox, secrets, now, log, host, tls });

  app.get('/', async (_request, reply) => sendPage(reply, frontPage(Object.keys(secrets.regions))));
  app.get('/real-name', async (_request, reply) => sendPage(reply, personsPage()));
  // A person for whoever needs a fresh one, such as a journey that runs again and again.
  app.get<{ Params: { n: string } }>('/real-name/persons/:n', async (request, reply) =>
    /^[0-9]{1,15}$/.test(request.params.n)
      ? testPerson(Number(request.params.n) % testPersonCount)
      : reply.code(404).send({ error: 'unknown_person', message: 'Persons are numbered from 0.' }),
  );
  app.get('/model', async (_request, reply) => sendPage(reply, modelsPage(config.models, origin())));
  inboxRoutes(app, inbox);
  const logins = await loginRoutes(app, {
    secrets,
    now,
    origin,
    pushTimeoutMs: config.notifications.timeoutMs,
    apiOrigins: config.apiOrigins,
  });
  const captcha = createCaptchaPart();
  captchaRoutes(app, { part: captcha, secrets, now });
  controlRoutes(app, [sms, mail, oidc, realName, wechatPay, waffo, model, captcha, ...logins]);
  oidcClientRoutes(app, clients);
  wechatControlRoutes(app, wechatDesk);
  waffoControlRoutes(app, waffoDesk);
  aliyunGateway(app, {
    actions: [sendSmsAction({ part: sms, inbox, secrets }), id2MetaVerifyAction({ part: realName, secrets, now })],
    now,
  });
  await oidcRoutes(app, { config, part: oidc, clients: [...clients.values()], origin });
  wechatApiRoutes(app, wechatDesk);
  wechatPayerRoutes(app, wechatDesk);
  waffoApiRoutes(app, waffoDesk);
  waffoPayerRoutes(app, waffoDesk);
  modelRoutes(app, { config, part: model });

  const stop = async () => {
    await Promise.all([wechatDesk.stop(), waffoDesk.stop(), smtpServer.close(), app.close()]);
  };
  try {
    await app.listen({ host, port: config.http.port });
    address = config.origin ?? `${tls ? 'https' : 'http'}://${host}:${(app.server.address() as AddressInfo).port}`;
    const smtp = { host: new URL(address).hostname, port: await smtpServer.listen(config.smtp.port) };
    const credentials = Object.fromEntries(
      Object.keys(secrets.regions).map((region) => [region, operatorView(secrets, region, { origin: address, smtp })]),
    );
    wechatDesk.resume();
    waffoDesk.resume();
    return { origin: address, smtp, credentials, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
export type Sandbox = Awaited<ReturnType<typeof startSandbox>>;
