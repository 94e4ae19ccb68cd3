// The switchboard: PUT sets a part's faults, DELETE resets them, GET shows them and what was asked of the part.
// Only JSON is taken: a web page of another origin cannot send it without a preflight, which nothing here answers.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { html } from '../http/html.ts';
import { sendPage } from '../http/page.ts';
import type { Part } from './part.ts';

type Params = { Params: { part: string } };

export const controlRoutes = (app: FastifyInstance, parts: Part[]) => {
  const byName = new Map(parts.map((part) => [part.name, part]));
  const stateOf = (part: Part) => ({
    part: part.name,
    faults: part.faults.current(),
    requests: part.requests.view().total,
  });
  const unknown = (reply: FastifyReply) =>
    reply.code(404).send({ error: 'unknown_part', message: `Parts are: ${[...byName.keys()].join(', ')}` });

  app.get('/control', async (request, reply) => {
    const states = parts.map(stateOf);
    if (!request.headers.accept?.includes('text/html')) return reply.send({ parts: states });
    return sendPage(reply, {
      title: 'Control',
      body: html`<h1>Control</h1>
<p>Set a part's misbehaviour with <code>PUT /control/{part}</code> and a JSON body, reset it with <code>DELETE</code>; <code>GET /control/{part}/requests</code> shows what reached it.</p>
<div class="scroll"><table><thead><tr><th scope="col">Part</th><th scope="col">Misbehaviour now</th><th scope="col">Requests</th></tr></thead>
<tbody>${states.map((s) => html`<tr><th scope="row">${s.part}</th><td><code>${JSON.stringify(s.faults)}</code></td><td><a href="/control/${s.part}/requests">${s.requests}</a></td></tr>`)}</tbody></table></div>`,
    });
  });
  app.delete('/control', async (_request, reply) => {
    for (const part of parts) {
      part.faults.reset();
      part.requests.reset();
    }
    return reply.code(204).send();
  });
  app.get<Params>('/control/:part', async (request, reply) => {
    const part = byName.get(request.params.part);
    return part ? stateOf(part) : unknown(reply);
  });
  app.put<Params>('/control/:part', async (request, reply) => {
    const part = byName.get(request.params.part);
    if (!part) return unknown(reply);
    const issues = part.faults.set(request.body);
    if (issues)
      return reply.code(400).send({
        error: 'invalid_faults',
        issues: issues.map(({ path, message }) => ({ path: path.join('.'), message })),
      });
    return stateOf(part);
  });
  app.delete<Params>('/control/:part', async (request, reply) => {
    const part = byName.get(request.params.part);
    if (!part) return unknown(reply);
    part.faults.reset();
    return reply.code(204).send();
  });
  app.get<Params>('/control/:part/requests', async (request, reply) => {
    const part = byName.get(request.params.part);
    return part ? { part: part.name, ...part.requests.view() } : unknown(reply);
  });
  app.delete<Params>('/control/:part/requests', async (request, reply) => {
    const part = byName.get(request.params.part);
    if (!part) return unknown(reply);
    part.requests.reset();
    return reply.code(204).send();
  });
};
