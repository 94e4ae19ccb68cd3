// What an operator enters at a provider's console once the region knows its addresses: where people may be sent back to, where pushes go.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LoginName, LoginSecrets } from '../config.ts';
import type { StandInDeps } from './stand-in.ts';

const address = z.url({ protocol: /^https?$/ }).max(500);
const registration = z.strictObject({
  redirectUris: z.array(address).max(20),
  /** WeChat's message server, Alipay's app gateway, Apple's notification endpoint, Facebook's deauthorize callback. */
  pushUrl: address.optional(),
  /** Facebook's data deletion callback. */
  deletionUrl: address.optional(),
});
export type Registration = z.infer<typeof registration>;
export type App<N extends LoginName> = LoginSecrets[N] & { region: string; registration: Registration };

/** Where a region takes callbacks and pushes, if its origin is known from the start: one path per provider. */
const registrationAt = (origin: string | undefined, name: LoginName): Registration => {
  if (origin === undefined) return { redirectUris: [] };
  const base = `${origin}/v1/logins/${name}`;
  return {
    redirectUris: [`${base}/callback`],
    pushUrl: `${base}/push`,
    deletionUrl: `${base}/push?purpose=deletion`,
  };
};

/** The apps of every region at one provider, and the control route that registers their addresses. */
export const createApps = <N extends LoginName>(
  app: FastifyInstance,
  { secrets, apiOrigins }: StandInDeps,
  name: N,
): App<N>[] => {
  const apps = Object.entries(secrets.regions).map(([region, { logins }]) => ({
    ...logins[name],
    region,
    registration: registrationAt(apiOrigins?.[region], name),
  }));
  app.put<{ Params: { region: string } }>(`/control/${name}/app/:region`, async (request, reply) => {
    const found = apps.find((a) => a.region === request.params.region);
    if (!found) return reply.code(404).send({ error: 'unknown_region' });
    const asked = registration.safeParse(request.body);
    if (!asked.success) return reply.code(400).send({ error: 'invalid_registration', issues: asked.error.issues });
    found.registration = asked.data;
    return { region: found.region, ...asked.data };
  });
  return apps;
};

const parse = (uri: unknown): URL | undefined =>
  typeof uri === 'string' && URL.canParse(uri) && /^https?:$/.test(new URL(uri).protocol) ? new URL(uri) : undefined;

/** Character by character, as OAuth 2.1 demands. */
export const exactly = (app: App<LoginName>, uri: unknown) =>
  app.registration.redirectUris.some((known) => known === uri);

/** Only the host must be the registered one. */
export const sameHost = (app: App<LoginName>, uri: unknown) =>
  app.registration.redirectUris.some((known) => new URL(known).host === parse(uri)?.host);

/** The registered address without its query, as a prefix of whole path segments. */
export const samePathOrBelow = (app: App<LoginName>, uri: unknown) => {
  const asked = parse(uri);
  return app.registration.redirectUris.some((known) => {
    const { origin, pathname } = new URL(known);
    return asked?.origin === origin && `${asked.pathname}/`.startsWith(`${pathname.replace(/\/$/, '')}/`);
  });
};

/** The same or a sub domain, the same or a sub path; scheme and port must be the same. */
export const sameOrSubdomain = (app: App<LoginName>, uri: unknown) => {
  const asked = parse(uri);
  return app.registration.redirectUris.some((known) => {
    const { protocol, port, hostname, pathname } = new URL(known);
    return (
      asked?.protocol === protocol &&
      asked.port === port &&
      `.${asked.hostname}`.endsWith(`.${hostname}`) &&
      `${asked.pathname}/`.startsWith(`${pathname.replace(/\/$/, '')}/`)
    );
  });
};
