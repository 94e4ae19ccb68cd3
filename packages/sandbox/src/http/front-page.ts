import { html } from './html.ts';
import type { Page } from './page.ts';

const parts: { href: string; name: string; about: string }[] = [
  {
    href: '/inbox',
    name: 'Inbox',
    about: 'Codes and notices that Meridian sent by SMS (Aliyun SendSms) and mail (SMTP).',
  },
  {
    href: '/wechat-pay',
    name: 'WeChat Pay',
    about: 'Native orders waiting for a payer. API v3: /v3/pay/transactions, /v3/refund.',
  },
  { href: '/waffo', name: 'Waffo', about: 'Checkouts waiting for a payer. API: /api/v1/order, /api/v1/refund.' },
  { href: '/real-name', name: 'Real-name registry', about: 'Aliyun Id2MetaVerify, and the people it knows.' },
  { href: '/oidc', name: 'Staff', about: "The operator's OpenID provider: reviewers, finance, support, admin." },
  { href: '/model', name: 'Model upstream', about: 'OpenAI-compatible: /v1/models, /v1/chat/completions.' },
  { href: '/control', name: 'Control', about: 'Make any part slow, failing, or wrong; see what was asked of it.' },
];

export const frontPage = (regions: string[]): Page => ({
  title: 'Overview',
  body: html`<h1>The outside world, on this machine</h1>
<p>Every outside party that Meridian talks to, speaking its real protocol and checking every signature. Serves the regions ${regions.join(' and ')}.</p>
<ul class="cards">${parts.map((part) => html`<li class="card"><h2><a href="${part.href}">${part.name}</a></h2><p>${part.about}</p></li>`)}</ul>`,
});
