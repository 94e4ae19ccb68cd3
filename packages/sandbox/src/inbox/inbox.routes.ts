import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sendPage } from '../http/page.ts';
import type { Inbox } from './inbox.ts';
import { inboxPage, inboxScript } from './inbox-page.ts';

const query = z.strictObject({
  to: z.string().max(254).optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  channel: z.enum(['sms', 'mail']).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const inboxRoutes = (app: FastifyInstance, inbox: Inbox) => {
  app.get<{ Querystring: { to?: string } }>('/inbox', async (request, reply) => {
    const to = typeof request.query.to === 'string' ? request.query.to.trim().slice(0, 254) : '';
    return sendPage(reply, inboxPage(inbox.list({ ...(to && { to }), limit: 50 }), to));
  });
  app.get('/inbox/refresh.js', async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(inboxScript),
  );
  app.get('/inbox/messages', async (request, reply) => {
    const asked = query.safeParse(request.query);
    if (!asked.success) return reply.code(400).send({ error: 'invalid_query', issues: asked.error.issues });
    const { since, ...rest } = asked.data;
    return reply
      .header('cache-control', 'no-store')
      .send({ messages: inbox.list({ ...rest, ...(since && { since: new Date(since) }) }) });
  });
  app.delete('/inbox/messages', async (_request, reply) => {
    inbox.clear();
    return reply.code(204).send();
  });
};
