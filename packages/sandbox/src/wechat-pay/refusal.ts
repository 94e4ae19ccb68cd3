// WeChat Pay's error answers: {code, message, detail?} with the HTTP status of the vendor's tables
// (https://pay.weixin.qq.com/doc/v3/merchant/4012556398 and the pages of each operation).

const statuses = {
  PARAM_ERROR: 400,
  INVALID_REQUEST: 400,
  APPID_MCHID_NOT_MATCH: 400,
  MCH_NOT_EXISTS: 400,
  ORDER_CLOSED: 400,
  ORDERPAID: 400,
  SIGN_ERROR: 401,
  NO_AUTH: 403,
  NOT_ENOUGH: 403,
  OUT_TRADE_NO_USED: 403,
  RULE_LIMIT: 403,
  TRADE_ERROR: 403,
  ORDER_NOT_EXIST: 404,
  RESOURCE_NOT_EXISTS: 404,
  FREQUENCY_LIMITED: 429,
  SYSTEM_ERROR: 500,
} as const;
export type WechatCode = keyof typeof statuses;
export const wechatCodes = Object.keys(statuses) as [WechatCode, ...WechatCode[]];

export type RefusalDetail = { field?: string; value?: unknown; issue?: string; location: string };

export class WechatRefusal extends Error {
  readonly code: WechatCode;
  readonly status: number;
  readonly detail: RefusalDetail | undefined;
  constructor(code: WechatCode, message: string, detail?: RefusalDetail) {
    super(message);
    this.code = code;
    this.status = statuses[code];
    this.detail = detail;
  }
}
