// An event bus whose topics and groups carry a namespace, so that suites of a run can share one broker. Nobody on either side sees it.
import type { EventBus } from '@meridian/kit/events/event-bus.ts';

export const inNamespace = (namespace: string, name: string): string => `${namespace}.${name}`;

export const namespaced = (namespace: string, bus: EventBus): EventBus => {
  const inside = (name: string) => inNamespace(namespace, name);
  const outside = (name: string) => name.slice(namespace.length + 1);
  return {
    publish: (records) => bus.publish(records.map((record) => ({ ...record, topic: inside(record.topic) }))),
    subscribe: ({ group, topics, handler, onMembership }) =>
      bus.subscribe({
        onMembership,
        group: inside(group),
        topics: topics.map(inside),
        handler: (record, context) => handler({ ...record, topic: outside(record.topic) }, context),
      }),
    seekToBeginning: (group) => bus.seekToBeginning(inside(group)),
    lag: async (group) => (await bus.lag(inside(group))).map((lag) => ({ ...lag, topic: outside(lag.topic) })),
    health: () => bus.health(),
    close: (deadlineMs) => bus.close(deadlineMs),
  };
};
