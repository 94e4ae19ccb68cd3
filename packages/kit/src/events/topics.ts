// Topics declared as code: one per publishing service. Never created by being named, never grown.
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { topicOf } from '@meridian/contracts/event.ts';
import { listensTo } from '@meridian/contracts/events/listeners.ts';

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

/** The topics of one region. Events carry ids only, so they are kept for ever, and a service added later reads them from the beginning; what
 * they tell of erased accounts: docs/operations.md. */
export const topicsOf = (region: string): TopicDeclaration[] =>
  publishers.map((service) => ({
    name: topicOf(region, service),
    partitions: topicPartitions,
    retentionMs: -1,
    cleanup: 'delete',
  }));

/** The service that alone may write a topic; undefined for topics that are not declared. */
export const publisherOf = (region: string, topic: string): ServiceName | undefined =>
  publishers.find((service) => topicOf(region, service) === topic);

/** Consumer groups that read a topic of the region: each bears its service's name. */
export const groupsOf = (region: string, topic: string): ServiceName[] =>
  serviceNames.filter((service) => listensTo[service].some((publisher) => topicOf(region, publisher) === topic));

/**
 * The broker's settings of a topic. With three or more replicas two must have a record before it counts as stored. A batch that somebody compressed is
 * stored as if it were not: consumers know gzip alone, and could not get past another.
 */
export const topicSettings = (topic: TopicDeclaration, replicas: number): Record<string, string> => ({
  'cleanup.policy': topic.cleanup,
  'retention.ms': String(topic.retentionMs),
  'retention.bytes': '-1',
  'min.insync.replicas': replicas >= 3 ? '2' : '1',
  'unclean.leader.election.enable': 'false',
  'compression.type': 'uncompressed',
});
