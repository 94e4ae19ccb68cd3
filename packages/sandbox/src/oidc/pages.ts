import type { StaffPerson } from '../config.ts';
import { html } from '../http/html.ts';
import type { Page } from '../http/page.ts';
import type { Client } from './authorization-request.ts';

const rolesOf = (person: StaffPerson) => (person.roles.length > 0 ? person.roles.join(', ') : 'no role');

/** `fields` are the parameters of the request, sent back with the choice. */
export const choosingPage = (staff: StaffPerson[], fields: (readonly [string, unknown])[]): Page => ({
  title: 'Staff sign-in',
  body: html`<h1>Staff sign-in</h1><p>Who are you today?</p>
<form method="post" action="/oidc/authorize">${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${String(value)}">`)}
${staff.map((person) => html`<button name="person" value="${person.sub}">${person.name}<br><small>${rolesOf(person)}</small></button>`)}
<button class="second" name="person" value="">Do not sign in</button></form>`,
});

export const refusedPage = (reason: string): Page => ({
  title: 'Sign-in refused',
  body: html`<h1>Sign-in refused</h1><p>${reason}</p>`,
});

export const staffPage = (staff: StaffPerson[], issuer: string, clients: Client[]): Page => ({
  title: 'Staff',
  body: html`<h1>Staff</h1><p>The operator's OpenID provider. Issuer: <code>${issuer}</code>, <a href="/oidc/.well-known/openid-configuration">discovery document</a>.</p>
<div class="scroll"><table><thead><tr><th scope="col">Person</th><th scope="col">Subject</th><th scope="col">Roles</th></tr></thead><tbody>${staff.map((person) => html`<tr><th scope="row">${person.name}</th><td><code>${person.sub}</code></td><td>${rolesOf(person)}</td></tr>`)}</tbody></table></div>
<h2>Clients</h2><ul>${clients.map((client) => html`<li><code>${client.clientId}</code> ${client.redirectUris.size === 0 ? html`<span class="warn">no redirect URI registered</span>` : [...client.redirectUris].map((uri) => html`<br><code>${uri}</code>`)}</li>`)}</ul>`,
});
