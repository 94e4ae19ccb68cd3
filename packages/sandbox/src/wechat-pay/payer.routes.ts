// What the payer's phone would show after scanning the QR code. Works without scripts.
import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { html } from '../http/html.ts';
import { sendPage } from '../http/page.ts';
import type { Desk } from './desk.ts';
import type { Order } from './orders.ts';

const yuan = (fen: number) => `¥${(fen / 100).toFixed(2)}`;
const facts = (order: Order) =>
  html`<dl><dt>Order</dt><dd><code>${order.out_trade_no}</code></dd><dt>Merchant</dt><dd>${order.mchid}</dd><dt>For</dt><dd>${order.description}</dd></dl>`;

export const wechatPayerRoutes = (app: FastifyInstance, desk: Desk) =>
  app.register(async (scope) => {
    await scope.register(formbody);
    const show = (reply: FastifyReply, pr: string, canceled = false) => {
      const found = desk.orders.byCode(pr);
      if (!found)
        return sendPage(
          reply,
          {
            title: 'Unknown code',
            body: html`<h1>Unknown code</h1><p>No order has this QR code. <a href="/wechat-pay">Orders waiting for payment</a></p>`,
          },
          404,
        );
      const { order, payable, expired } = found;
      const state =
        order.state === 'SUCCESS'
          ? 'Paid'
          : order.state === 'CLOSED'
            ? 'Closed by the merchant'
            : expired
              ? 'Expired: this code can no longer be paid'
              : canceled
                ? 'Not paid: you left the payment'
                : 'Waiting for you';
      return sendPage(reply, {
        title: `${state} ${yuan(order.amount.total)}`,
        body: html`<h1>WeChat Pay</h1>
<section class="card" aria-labelledby="amount"><p class="amount" id="amount">${yuan(order.amount.total)}</p><p role="status"><strong>${state}</strong></p>${facts(order)}
${payable && html`<form method="post" action="/wechat-pay/pay/${pr}"><button name="action" value="pay">Pay</button><button class="second" name="action" value="cancel">Cancel</button></form>`}</section>`,
      });
    };

    scope.get('/wechat-pay', async (_request, reply) => {
      const open = desk.orders.open();
      return sendPage(reply, {
        title: 'WeChat Pay',
        body: html`<h1>WeChat Pay</h1><p>Orders waiting for payment. Opening one is what scanning its QR code would be.</p>
${open.length === 0 ? html`<p class="card">None at the moment. Start a recharge in Meridian and it appears here.</p>` : html`<ul class="cards">${open.map(({ order, token }) => html`<li class="card"><h2><a href="/wechat-pay/pay/${token}">${yuan(order.amount.total)}: ${order.description}</a></h2><p class="meta"><code>${order.out_trade_no}</code><span>merchant ${order.mchid}</span></p></li>`)}</ul>`}`,
      });
    });
    scope.get<{ Params: { pr: string } }>('/wechat-pay/pay/:pr', async (request, reply) =>
      show(reply, request.params.pr),
    );
    scope.post<{ Params: { pr: string }; Body: { action?: string } | undefined }>(
      '/wechat-pay/pay/:pr',
      async (request, reply) => {
        const { pr } = request.params;
        const found = desk.orders.byCode(pr);
        if (request.body?.action !== 'pay' || !found?.payable)
          return show(reply, pr, request.body?.action === 'cancel');
        desk.pay(found.order);
        return reply.redirect(`/wechat-pay/pay/${pr}`, 303);
      },
    );
  });
