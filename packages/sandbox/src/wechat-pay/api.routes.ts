// The merchant's side of WeChat Pay: Native orders, queries, closing, refunds.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { applyFaults, noteRequest } from '../control/part.ts';
import { rawBodyOf, takeRawBodies } from '../http/raw-body.ts';
import { refundView, signAnswers, transactionView } from './answers.ts';
import type { Desk } from './desk.ts';
import { closeOrder, nativeOrder, parseFields, refundRequest } from './fields.ts';
import { type Merchant, otherMerchant } from './merchant.ts';
import { WechatRefusal } from './refusal.ts';

type Handler = (merchant: Merchant, request: FastifyRequest, reply: FastifyReply) => unknown;

export const wechatApiRoutes = (app: FastifyInstance, desk: Desk) =>
  app.register(async (scope) => {
    takeRawBodies(scope);
    signAnswers(scope, desk);
    const refuse = (reply: FastifyReply, refusal: WechatRefusal) =>
      reply
        .code(refusal.status)
        .send({ code: refusal.code, message: refusal.message, ...(refusal.detail && { detail: refusal.detail }) });
    applyFaults(scope, {
      partOf: () => desk.part,
      renderFailure: (reply, status) =>
        reply
          .code(status)
          .send({ code: status === 429 ? 'FREQUENCY_LIMITED' : 'SYSTEM_ERROR', message: '系统异常，请稍后重试' }),
      now: desk.now,
    });
    scope.setErrorHandler((error, _request, reply) => {
      if (error instanceof WechatRefusal) return refuse(reply, error);
      throw error;
    });

    /** Verifies who asks, then whether a refusal was ordered, then does the work. */
    const signed = (handler: Handler) => async (request: FastifyRequest, reply: FastifyReply) => {
      const merchant = desk.authorize(request);
      noteRequest(request, { caller: merchant.mchId });
      const requested = desk.part.faults.take('answer');
      if (requested) throw new WechatRefusal(requested.code, 'Refused on request of the sandbox control');
      return handler(merchant, request, reply);
    };
    const own = (merchant: Merchant, mchid: unknown) => {
      if (mchid !== merchant.mchId)
        throw new WechatRefusal('PARAM_ERROR', '请求中的mchid与签名商户不一致', {
          field: '/mchid',
          value: mchid,
          issue: 'mchid',
          location: 'body',
        });
    };
    const param = (request: FastifyRequest, name: string) => (request.params as Record<string, string>)[name] ?? '';
    const query = (request: FastifyRequest, name: string) => (request.query as Record<string, unknown>)[name];

    scope.post(
      '/v3/pay/transactions/native',
      signed((merchant, request) => {
        const order = parseFields(nativeOrder, rawBodyOf(request));
        own(merchant, order.mchid);
        if (order.appid !== merchant.appId) throw new WechatRefusal('APPID_MCHID_NOT_MATCH', 'appid和mchid不匹配');
        noteRequest(request, { subject: order.out_trade_no });
        return { code_url: `weixin://wxpay/bizpayurl?pr=${desk.orders.place(order)}` };
      }),
    );
    scope.get(
      '/v3/pay/transactions/out-trade-no/:outTradeNo',
      signed((merchant, request) => {
        own(merchant, query(request, 'mchid'));
        noteRequest(request, { subject: param(request, 'outTradeNo') });
        const order = desk.orders.find(merchant.mchId, param(request, 'outTradeNo'));
        return transactionView(desk.part.faults.take('otherMerchant') ? { ...order, ...otherMerchant } : order);
      }),
    );
    scope.get(
      '/v3/pay/transactions/id/:transactionId',
      signed((merchant, request) => {
        own(merchant, query(request, 'mchid'));
        return transactionView(desk.orders.findByTransaction(merchant.mchId, param(request, 'transactionId')));
      }),
    );
    scope.post(
      '/v3/pay/transactions/out-trade-no/:outTradeNo/close',
      signed((merchant, request, reply) => {
        own(merchant, parseFields(closeOrder, rawBodyOf(request)).mchid);
        noteRequest(request, { subject: param(request, 'outTradeNo') });
        desk.orders.close(merchant.mchId, param(request, 'outTradeNo'));
        return reply.code(204).send();
      }),
    );
    scope.post(
      '/v3/refund/domestic/refunds',
      signed((merchant, request) => {
        const asked = parseFields(refundRequest, rawBodyOf(request));
        noteRequest(request, { subject: asked.out_refund_no });
        const { order, refund, fresh } = desk.orders.refund(merchant.mchId, asked);
        if (fresh) desk.settleLater(order, refund);
        return refundView(order, refund);
      }),
    );
    scope.get(
      '/v3/refund/domestic/refunds/:outRefundNo',
      signed((merchant, request) => {
        noteRequest(request, { subject: param(request, 'outRefundNo') });
        const { order, refund } = desk.orders.findRefund(merchant.mchId, param(request, 'outRefundNo'));
        return refundView(order, refund);
      }),
    );
  });
