// The merchant's side of Waffo PSP: all POST, JSON, signed both ways, answers {code, msg, data}.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { applyFaults, noteRequest } from '../control/part.ts';
import { signRsaSha256, verifyRsaSha256 } from '../crypto/rsa-sha256.ts';
import { sameText } from '../crypto/same-text.ts';
import { headerOf, rawBodyOf, takeRawBodies } from '../http/raw-body.ts';
import { WaffoRefusal } from './codes.ts';
import type { Desk } from './desk.ts';
import { orderCancel, orderCreate, orderInquiry, orderRefund, parseFields, refundInquiry } from './fields.ts';
import { type Merchant, otherMerchant } from './merchant.ts';
import { acceptedRefundView, createdView, orderView, refundView } from './views.ts';

export const waffoApiRoutes = (app: FastifyInstance, desk: Desk) =>
  app.register(async (scope) => {
    takeRawBodies(scope);
    scope.addHook<string>('onSend', async (_request, reply, payload) => {
      const fault = desk.part.faults.take('answerSignature');
      if (fault?.kind !== 'absent')
        reply.header('x-signature', signRsaSha256(desk.privateKey, fault ? 'another body' : payload));
      return payload;
    });
    applyFaults(scope, {
      partOf: () => desk.part,
      renderFailure: (reply, status) => reply.code(status).send({ code: 'C0001', msg: 'System error', data: null }),
      now: desk.now,
    });
    scope.setErrorHandler((error, _request, reply) => {
      if (error instanceof WaffoRefusal)
        return reply.code(error.status).send({ code: error.code, msg: error.message, data: null });
      throw error;
    });

    const authorize = (request: FastifyRequest): Merchant => {
      const apiKey = headerOf(request, 'x-api-key');
      const merchant = desk.merchants.find((m) => sameText(m.apiKey, apiKey));
      if (!merchant) throw new WaffoRefusal('A0001');
      if (!verifyRsaSha256(merchant.publicKey, rawBodyOf(request), headerOf(request, 'x-signature')))
        throw new WaffoRefusal('A0002');
      if (headerOf(request, 'x-api-version') !== '1.0.0') throw new WaffoRefusal('A0003', 'X-API-VERSION');
      if (!headerOf(request, 'content-type').startsWith('application/json'))
        throw new WaffoRefusal('A0003', 'Content-Type');
      return merchant;
    };
    const own = (merchant: Merchant, merchantId: string) => {
      if (merchantId !== merchant.merchantId) throw new WaffoRefusal('A0004', 'merchantId');
    };
    const operation = (path: string, work: (merchant: Merchant, request: FastifyRequest) => object) =>
      scope.post(path, async (request: FastifyRequest, reply: FastifyReply) => {
        const merchant = authorize(request);
        noteRequest(request, { caller: merchant.merchantId });
        const requested = desk.part.faults.take('answer');
        if (requested && !requested.processed) throw new WaffoRefusal(requested.code);
        const data = work(merchant, request);
        if (requested) throw new WaffoRefusal(requested.code);
        return reply.send({ code: '0', msg: 'success', data });
      });

    operation('/api/v1/order/create', (merchant, request) => {
      const asked = parseFields(orderCreate, rawBodyOf(request));
      own(merchant, asked.merchantInfo.merchantId);
      noteRequest(request, { subject: asked.paymentRequestId });
      return createdView(desk.origin(), desk.orders.create(asked).order);
    });
    operation('/api/v1/order/inquiry', (merchant, request) => {
      const asked = parseFields(orderInquiry, rawBodyOf(request));
      noteRequest(request, { subject: asked.paymentRequestId ?? asked.acquiringOrderId ?? '' });
      const view = orderView(desk.origin(), desk.orders.find(merchant.merchantId, asked));
      return desk.part.faults.take('otherMerchant') ? { ...view, merchantInfo: otherMerchant } : view;
    });
    operation('/api/v1/order/cancel', (merchant, request) => {
      const asked = parseFields(orderCancel, rawBodyOf(request));
      own(merchant, asked.merchantId);
      noteRequest(request, { subject: asked.paymentRequestId ?? asked.acquiringOrderId ?? '' });
      if (desk.part.faults.take('tooLateToCancel')) throw new WaffoRefusal('A0034');
      return createdView(desk.origin(), desk.orders.cancel(merchant.merchantId, asked));
    });
    operation('/api/v1/order/refund', (merchant, request) => {
      const asked = parseFields(orderRefund, rawBodyOf(request));
      own(merchant, asked.merchantId);
      noteRequest(request, { subject: asked.refundRequestId });
      const { order, refund, fresh } = desk.orders.refund(merchant.merchantId, asked, 'MERCHANT');
      if (fresh) desk.settleLater(order, refund);
      return acceptedRefundView(order, refund);
    });
    operation('/api/v1/refund/inquiry', (merchant, request) => {
      const asked = parseFields(refundInquiry, rawBodyOf(request));
      const { order, refund } = desk.orders.findRefund(merchant.merchantId, asked);
      noteRequest(request, { subject: refund.refundRequestId });
      return refundView(order, refund);
    });
  });
