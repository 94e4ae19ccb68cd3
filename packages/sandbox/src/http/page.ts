// The one layout of every page: semantic, readable without scripts, light and dark.
import type { FastifyReply } from 'fastify';
import { type Html, html } from './html.ts';

const style = html`<style>
:root { color-scheme: light dark; --ground: #fbfaf7; --text: #1d2227; --quiet: #5a6470; --line: #d9d6cd; --card: #ffffff; --accent: #0b5d7a; --accent-text: #ffffff; --warn: #8a3b00; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181b; --text: #e8e6e1; --quiet: #a4adb6; --line: #343b41; --card: #1c2226; --accent: #7cc7e2; --accent-text: #06222d; --warn: #ffb27a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.6 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
header, main, footer { max-width: 56rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; padding-top: 1.25rem; padding-bottom: .75rem; border-bottom: 1px solid var(--line); }
header strong { letter-spacing: .02em; } nav { display: flex; flex-wrap: wrap; gap: 0 1rem; }
footer { padding-top: 2rem; padding-bottom: 2rem; color: var(--quiet); font-size: .875rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.75rem 0 .5rem; } h2 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; }
a { color: var(--accent); } a:focus-visible, button:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.quiet { color: var(--quiet); } .warn { color: var(--warn); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.25rem; margin: .75rem 0; }
.card h2, .card h3 { margin: 0 0 .25rem; } .card p { margin: .25rem 0; }
.cards { list-style: none; padding: 0; margin: 1rem 0; }
.amount, .code { font-size: 2rem; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; }
.code { letter-spacing: .12em; }
.meta { display: flex; flex-wrap: wrap; gap: 0 1rem; color: var(--quiet); font-size: .9rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .75rem 0; } dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; align-items: center; }
button { font: inherit; font-weight: 600; padding: .6rem 1.4rem; border-radius: .5rem; border: 1px solid var(--accent); background: var(--accent); color: var(--accent-text); cursor: pointer; }
button.second { background: transparent; color: var(--accent); }
input[type=text], input[type=search] { font: inherit; padding: .5rem .75rem; border: 1px solid var(--quiet); border-radius: .5rem; background: var(--card); color: var(--text); min-width: 16rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.scroll { overflow-x: auto; } code { font: .9em/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
</style>`;

export type Page = { title: string; lang?: 'en' | 'zh-CN'; head?: Html; body: Html };

export const page = ({ title, lang = 'en', head, body }: Page) =>
  html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Meridian sandbox</title>
${style}${head}
</head>
<body>
<header><strong>Meridian sandbox</strong><nav aria-label="Parts"><a href="/">Overview</a><a href="/inbox">Inbox</a><a href="/wechat-pay">WeChat Pay</a><a href="/waffo">Waffo</a><a href="/real-name">Real-name</a><a href="/oidc">Staff</a><a href="/control">Control</a></nav></header>
<main>${body}</main>
<footer>A stand-in for development and tests. No message leaves this machine and no money moves.</footer>
</body>
</html>`;

/** Sends a page; nothing on it may be framed, cached, or loaded from elsewhere. */
export const sendPage = (reply: FastifyReply, content: Page, status = 200) =>
  reply
    .code(status)
    .header('content-type', 'text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .header(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    .send(page(content).text);
