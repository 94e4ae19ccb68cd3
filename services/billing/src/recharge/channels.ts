// Payment channels by the profile's names. A name without a module does not compile; a module without its secrets does not start.

import type { Now } from '@meridian/kit/ids.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { PaymentChannel, Profile } from '@meridian/regions/profile.ts';
import type { z } from 'zod';
import type { Channel } from './channel.ts';
import { createWaffo, waffoVariables } from './waffo/waffo.ts';
import { createWechatPay, wechatPayVariables } from './wechat-pay/wechat-pay.ts';

export type ChannelContext = {
  readonly now: Now;
  readonly log: Logger;
  readonly profile: Profile;
  /** Public address that the channel reports to. */
  readonly notifyUrl: string;
};

/** A channel's environment variables and how it is made from their parsed values. */
export type ChannelModule<V extends Record<string, z.ZodType> = Record<string, z.ZodType>> = {
  readonly variables: V;
  readonly create: (values: { readonly [K in keyof V]: z.output<V[K]> }, context: ChannelContext) => Channel;
};

/** Binds the values' type to the variables, and then forgets it. */
const channelModule = <V extends Record<string, z.ZodType>>(module: ChannelModule<V>) =>
  ({
    variables: module.variables as Record<string, z.ZodType>,
    // The values were parsed with these very variables (config.ts).
    create: (values: Readonly<Record<string, unknown>>, context: ChannelContext) =>
      module.create(values as Parameters<typeof module.create>[0], context),
  }) as const;

export const channelModules: { readonly [C in PaymentChannel]: ReturnType<typeof channelModule> } = {
  wechat_pay: channelModule({ variables: wechatPayVariables, create: createWechatPay }),
  waffo: channelModule({ variables: waffoVariables, create: createWaffo }),
};

export type Channels = ReadonlyMap<string, Channel>;

/** The channels of the region's profile. `values` holds the parsed variables of all of them. */
export const createChannels = (
  values: Readonly<Record<string, unknown>>,
  { profile, ...context }: Omit<ChannelContext, 'notifyUrl'>,
): Channels =>
  new Map(
    profile.payment.channels.map((name) => {
      const notifyUrl = `${profile.addresses.api}/v1/payments/notifications/${name}`;
      return [name, channelModules[name].create(values, { ...context, profile, notifyUrl })];
    }),
  );
