// Topics declared as code: one per publishing service. Never created by being named, never grown.
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { topicOf } from '@meridian/contracts/event.ts';

export type TopicDeclaration = {
  readonly name: string;
  /** Part of the ordering contract: never change it; declare a new topic instead. */
  readonly partitions: number;
  /** -1: for ever. */
  readonly retentionMs: number;
  readonly cleanup: 'delete';
};

/** Bounds how many members of one service's group can work side by side. */
export const topicPartitions = 12;

const publishers: readonly ServiceName[] = serviceNames.filter((name) => name !== 'gateway');

/** The topics of one region. Events carry ids only, so they may be kept for ever, and a service added later reads them from the beginning. */
export const topicsOf = (region: string): TopicDeclaration[] =>
  publishers.map((service) => ({
    name: topicOf(region, service),
    partitions: topicPartitions,
    retentionMs: -1,
    cleanup: 'delete',
  }));

/** The broker's settings of a topic. With three or more replicas two must have a record before it counts as stored. */
export const topicSettings = (topic: TopicDeclaration, replicas: number): Record<string, string> => ({
  'cleanup.policy': topic.cleanup,
  'retention.ms': String(topic.retentionMs),
  'retention.bytes': '-1',
  'min.insync.replicas': replicas >= 3 ? '2' : '1',
  'unclean.leader.election.enable': 'false',
});
