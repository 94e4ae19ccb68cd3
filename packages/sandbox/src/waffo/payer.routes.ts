// Waffo's checkout as the payer sees it. Works without scripts.
import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { html } from '../http/html.ts';
import { sendPage } from '../http/page.ts';
import type { Desk } from './desk.ts';
import type { Order } from './orders.ts';

const money = (order: Order) => `${order.orderCurrency} ${order.orderAmount}`;
const states = { AUTHORIZATION_REQUIRED: 'Waiting for you', PAY_SUCCESS: 'Paid', ORDER_CLOSE: 'Closed' };

export const waffoPayerRoutes = (app: FastifyInstance, desk: Desk) =>
  app.register(async (scope) => {
    await scope.register(formbody);
    const notFound = (reply: FastifyReply) =>
      sendPage(
        reply,
        {
          title: 'Unknown order',
          body: html`<h1>Unknown order</h1><p>There is no such checkout. <a href="/waffo">Orders waiting for payment</a></p>`,
        },
        404,
      );
    const show = (reply: FastifyReply, order: Order) => {
      const back =
        order.status === 'PAY_SUCCESS'
          ? order.successRedirectUrl
          : order.status === 'ORDER_CLOSE'
            ? (order.cancelRedirectUrl ?? order.failedRedirectUrl)
            : undefined;
      return sendPage(reply, {
        title: `${states[order.status]} ${money(order)}`,
        body: html`<h1>Waffo checkout</h1>
<section class="card" aria-labelledby="amount"><p class="amount" id="amount">${money(order)}</p><p role="status"><strong>${states[order.status]}</strong></p>
<dl><dt>Order</dt><dd><code>${order.merchantOrderId}</code></dd><dt>Merchant</dt><dd>${order.merchantInfo.merchantId}</dd><dt>For</dt><dd>${order.orderDescription}</dd></dl>
${order.status === 'AUTHORIZATION_REQUIRED' && html`<form method="post" action="/waffo/pay/${order.acquiringOrderId}"><button name="action" value="pay">Pay</button><button class="second" name="action" value="cancel">Cancel</button><button class="second" name="action" value="decline">Let the card be declined</button></form>`}
${back && html`<p><a href="${back}">Back to the merchant</a></p>`}</section>`,
      });
    };

    scope.get('/waffo', async (_request, reply) => {
      const open = desk.orders.open();
      return sendPage(reply, {
        title: 'Waffo',
        body: html`<h1>Waffo</h1><p>Orders waiting for payment.</p>
${open.length === 0 ? html`<p class="card">None at the moment. Start a recharge in Meridian and it appears here.</p>` : html`<ul class="cards">${open.map((order) => html`<li class="card"><h2><a href="/waffo/pay/${order.acquiringOrderId}">${money(order)}: ${order.orderDescription}</a></h2><p class="meta"><code>${order.merchantOrderId}</code><span>merchant ${order.merchantInfo.merchantId}</span></p></li>`)}</ul>`}`,
      });
    });
    scope.get<{ Params: { id: string } }>('/waffo/pay/:id', async (request, reply) => {
      const order = desk.orders.byAcquiringId(request.params.id);
      return order ? show(reply, order) : notFound(reply);
    });
    scope.post<{ Params: { id: string }; Body: { action?: string } | undefined }>(
      '/waffo/pay/:id',
      async (request, reply) => {
        const order = desk.orders.byAcquiringId(request.params.id);
        if (!order) return notFound(reply);
        const action = request.body?.action;
        if (order.status === 'AUTHORIZATION_REQUIRED') {
          if (action === 'pay') desk.pay(order);
          if (action === 'cancel') desk.fail(order, { code: 'B0005', message: 'The user cancelled' });
          if (action === 'decline') desk.fail(order, { code: 'C0005', message: 'Rejected by the payment channel' });
        }
        return reply.redirect(`/waffo/pay/${order.acquiringOrderId}`, 303);
      },
    );
  });
