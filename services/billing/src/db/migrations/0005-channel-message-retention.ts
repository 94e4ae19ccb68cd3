import { statements } from '@meridian/kit/db/statements.ts';
import type { Migration } from 'kysely/migration';

/** A message about an order of ours is erased with its account; one about none needs an end of its own. */
export const channelMessageRetention = (): Migration =>
  statements([
    'alter table channel_event add column keep_body_until timestamptz',
    `update channel_event e set keep_body_until = received_at + interval '90 days'
     where length(body) > 0 and not exists
       (select from recharge_order o where o.channel = e.channel and o.channel_order_no = e.order_no)`,
    'create index channel_event_keep_body_until on channel_event (keep_body_until) where keep_body_until is not null',
  ]);
