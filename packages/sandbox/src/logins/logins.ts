// All login providers, in one call.
import type { FastifyInstance } from 'fastify';
import { alipayRoutes } from './alipay/alipay.routes.ts';
import { appleRoutes } from './apple/apple.routes.ts';
import { facebookRoutes } from './facebook/facebook.routes.ts';
import { googleRoutes } from './google/google.routes.ts';
import { qqRoutes } from './qq/qq.routes.ts';
import type { StandInDeps } from './stand-in.ts';
import { wechatRoutes } from './wechat/wechat.routes.ts';
import { weiboRoutes } from './weibo/weibo.routes.ts';
import { xiaomiRoutes } from './xiaomi/xiaomi.routes.ts';

/** Mounts every stand-in and answers their parts, for the switchboard. */
export const loginRoutes = async (app: FastifyInstance, deps: StandInDeps) => [
  await xiaomiRoutes(app, deps),
  await wechatRoutes(app, deps),
  await weiboRoutes(app, deps),
  await qqRoutes(app, deps),
  await alipayRoutes(app, deps),
  await appleRoutes(app, deps),
  await googleRoutes(app, deps),
  await facebookRoutes(app, deps),
];
