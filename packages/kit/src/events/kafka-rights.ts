// Who may do what on a region's broker, declared as code: a service writes its own topic, reads those it listens to, and keeps its own place in them.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { topicOf } from '@meridian/contracts/event.ts';
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import type { KafkaAdmin } from './kafka-admin.ts';
import { allow, type Right } from './kafka-client.ts';

/** The rights of one service. Its principal is the common name of its certificate. */
const rightsOf = (region: string, service: ServiceName): Right[] => {
  const principal = `User:${service}`;
  const own = topicOf(region, service);
  const heard = listensTo[service].map((publisher) => topicOf(region, publisher));
  return [
    ...(['WRITE', 'DESCRIBE'] as const).map((operation) => ({ principal, topic: own, operation })),
    ...heard.flatMap((topic) => (['READ', 'DESCRIBE'] as const).map((operation) => ({ principal, topic, operation }))),
    // The consumer group bears the service's name.
    ...(heard.length > 0 ? [{ principal, group: service, operation: 'READ' as const }] : []),
  ];
};

/** Every right of a region; the gateway has none, as it neither publishes nor listens. */
export const rightsOfRegion = (region: string): Right[] =>
  (Object.keys(listensTo) as ServiceName[])
    .filter((service) => service !== 'gateway')
    .flatMap((service) => rightsOf(region, service));

/** Grants what is declared. Granting again changes nothing; what is no longer declared is not taken back. */
export const ensureRights = (admin: KafkaAdmin, rights: readonly Right[]): Promise<void> =>
  admin.ask('granting rights', (client) => allow(client, rights));
