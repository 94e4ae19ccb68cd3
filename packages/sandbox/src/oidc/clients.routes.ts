import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SandboxSecrets } from '../config.ts';
import type { Client } from './authorization-request.ts';

/** One client per region; its redirect URIs are given, or registered once the region knows its own address. */
export const createClients = (
  secrets: SandboxSecrets,
  redirectUris: Readonly<Record<string, readonly string[]>> = {},
): Map<string, Client> =>
  new Map(
    Object.entries(secrets.regions).map(([region, { oidc }]) => [
      region,
      { ...oidc, redirectUris: new Set(redirectUris[region]) },
    ]),
  );

const registration = z.strictObject({ redirectUris: z.array(z.url({ protocol: /^https?$/ }).max(500)).max(20) });

export const oidcClientRoutes = (app: FastifyInstance, clients: Map<string, Client>) =>
  app.put<{ Params: { region: string } }>('/control/oidc/redirect-uris/:region', async (request, reply) => {
    const client = clients.get(request.params.region);
    if (!client) return reply.code(404).send({ error: 'unknown_region' });
    const asked = registration.safeParse(request.body);
    if (!asked.success) return reply.code(400).send({ error: 'invalid_redirect_uris', issues: asked.error.issues });
    client.redirectUris = new Set(asked.data.redirectUris);
    return { clientId: client.clientId, redirectUris: [...client.redirectUris] };
  });
