// The provider's own page: who are you, do you allow it. GET shows it, POST is the choice. Works without scripts.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { noteRequest } from '../control/part.ts';
import { html } from '../http/html.ts';
import { sendPage } from '../http/page.ts';
import { type LoginPerson, loginPeople, loginPerson } from './people.ts';

export type Parameters = Record<string, unknown>;
export type Checked<R> =
  | { kind: 'ok'; request: R }
  /** The app or its address is in doubt: nothing is sent back there. */
  | { kind: 'refused'; reason: string }
  | { kind: 'back'; to: URL };

type Options<R> = {
  path: string;
  title: string;
  check: (parameters: Parameters) => Checked<R>;
  /** `person` is undefined when the person refused. */
  finish: (reply: FastifyReply, request: R, person: LoginPerson | undefined) => FastifyReply | Promise<FastifyReply>;
};

export const textOf = (parameters: Parameters, name: string) => {
  const value = parameters[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** The address with parameters added; undefined ones are left out. */
export const withQuery = (address: string, parameters: Record<string, string | undefined>) => {
  const url = new URL(address);
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
};
export const sendBack = (reply: FastifyReply, to: URL) =>
  reply.header('cache-control', 'no-store').redirect(to.href, 303);

export const loginPage = <R>(scope: FastifyInstance, { path, title, check, finish }: Options<R>) => {
  const turnDown = (reply: FastifyReply, checked: Exclude<Checked<R>, { kind: 'ok' }>) =>
    checked.kind === 'back'
      ? sendBack(reply, checked.to)
      : sendPage(reply, { title, body: html`<h1>${title}</h1><p class="warn">${checked.reason}</p>` }, 400);

  scope.get<{ Querystring: Parameters }>(path, async (request, reply) => {
    const checked = check(request.query);
    if (checked.kind !== 'ok') return turnDown(reply, checked);
    const carried = Object.entries(request.query).filter((entry) => typeof entry[1] === 'string');
    return sendPage(reply, {
      title,
      body: html`<h1>${title}</h1><p>Who are you?</p>
<form method="post" action="${path}">${carried.map(([name, value]) => html`<input type="hidden" name="${name}" value="${String(value)}">`)}
${loginPeople.map((person) => html`<button name="person" value="${person.key}">${person.name}<br><small>${person.email ?? 'no e-mail'}${person.email !== null && !person.emailVerified && ', not verified'}</small></button>`)}
<button class="second" name="person" value="">Refuse</button></form>
<p class="quiet">Somebody new? Send <code>person-1</code>, <code>person-2</code>, … as <code>person</code>.</p>`,
    });
  });
  scope.post<{ Body: Parameters | undefined }>(path, async (request: FastifyRequest, reply) => {
    const body = (request.body ?? {}) as Parameters;
    const checked = check(body);
    if (checked.kind !== 'ok') return turnDown(reply, checked);
    const person = loginPerson(body.person);
    if (person) noteRequest(request, { subject: person.key });
    return finish(reply, checked.request, person);
  });
};
