// The tables of the Postgres event log, in a schema of their own.
import type { Migration } from 'kysely/migration';
import { statements } from '../db/statements.ts';

const log = statements([
  // The partition count is part of the ordering contract: fixed when the topic is first used.
  'create table bus.topic (topic text primary key, partitions integer not null check (partitions > 0))',
  'create table bus.head (topic text not null, part integer not null, next bigint not null, primary key (topic, part))',
  // Never pruned, like the topics of Kafka (topics.ts): a group that comes later reads from the beginning.
  `create table bus.log (
         topic text not null,
         part integer not null,
         off bigint not null,
         event_id text not null,
         key text not null,
         payload text not null,
         at timestamptz not null default clock_timestamp(),
         primary key (topic, part, off),
         unique (topic, event_id)
       )`,
  `create table bus.group_offset (
         grp text not null, topic text not null, part integer not null, off bigint not null,
         primary key (grp, topic, part)
       )`,
  `create table bus.lease (
         grp text not null, topic text not null, part integer not null, owner text not null, until timestamptz not null,
         primary key (grp, topic, part)
       )`,
  `create table bus.member (
         grp text not null, topic text not null, owner text not null, until timestamptz not null,
         primary key (grp, topic, owner)
       )`,
]);

export const busMigrations: Record<string, Migration> = { 'bus/0001-log': log };
