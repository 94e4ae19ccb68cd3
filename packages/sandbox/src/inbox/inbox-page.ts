import { html } from '../http/html.ts';
import type { Page } from '../http/page.ts';
import type { InboxMessage } from './inbox.ts';

const entry = (message: InboxMessage) => html`<li class="card" id="${message.id}">
<h2>${message.channel === 'sms' ? 'SMS' : 'Mail'} to ${message.to}</h2>
<p class="meta"><span>from ${message.from}</span><span>region ${message.region}</span><time datetime="${message.at}">${message.at.replace('T', ' ').slice(0, 19)} UTC</time></p>
${message.code && html`<p class="code" aria-label="Code ${[...message.code].join(' ')}">${message.code}</p>`}
${message.subject && html`<p><strong>${message.subject}</strong></p>`}
<p class="text">${message.text}</p>
</li>`;

export const inboxPage = (messages: InboxMessage[], to: string): Page => ({
  title: to ? `Inbox of ${to}` : 'Inbox',
  head: html`<noscript><meta http-equiv="refresh" content="5"></noscript><script src="/inbox/refresh.js" defer></script>`,
  body: html`<h1>Inbox</h1>
<p class="quiet">Every SMS and mail that Meridian sent, newest first. The list refreshes by itself.</p>
<form method="get" action="/inbox" role="search"><label for="to">Number or address</label><input id="to" name="to" type="search" value="${to}" autocomplete="off"><button>Show</button>${to && html`<a href="/inbox">Show all</a>`}</form>
<div id="messages" aria-live="polite">${messages.length === 0 ? html`<p class="card">Nothing here yet. Ask Meridian for a code and it appears within two seconds.</p>` : html`<ul class="cards">${messages.map(entry)}</ul>`}</div>`,
});

/** Replaces the list when it has changed; waits while the page is hidden or text is selected. */
export const inboxScript = `setInterval(async () => {
  if (document.hidden || String(getSelection())) return;
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(5000) });
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('messages');
    const shown = document.getElementById('messages');
    if (fresh && fresh.innerHTML !== shown.innerHTML) shown.innerHTML = fresh.innerHTML;
  } catch {
    // The sandbox is restarting: the next round tries again.
  }
}, 2000);
`;
