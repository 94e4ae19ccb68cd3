// Who may do what on a region's broker, declared as code: a service writes its own topic, reads those it listens to, and keeps its own place in them.
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { topicOf } from '@meridian/contracts/event.ts';
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import type { KafkaAdmin } from './kafka-admin.ts';
import { allow, type Right, removeRules, rulesOf } from './kafka-client.ts';

/** The common name of a service's certificate. */
const principalOf = (service: ServiceName) => `User:${service}`;

/** The rights of one service. */
const rightsOf = (region: string, service: ServiceName): Right[] => {
  const principal = principalOf(service);
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

/**
 * Grants what is declared and takes away what is not, so that a right that an earlier version needed ends with it. Only rules about the services'
 * principals are looked at, and of topics only those of this region: what else the broker's administrator grants is theirs. Answers how many went.
 */
export const ensureRights = async (admin: KafkaAdmin, region: string, rights = rightsOfRegion(region)) => {
  await admin.ask('granting rights', (client) => allow(client, rights));
  return admin.ask('revoking rights', async (client) => {
    const found = (
      await Promise.all(serviceNames.map((service) => rulesOf(client, principalOf(service), rights)))
    ).flat();
    const surplus = found.filter(({ kept, name }) => !kept && (name.startsWith(`${region}.`) || !name.includes('.')));
    if (surplus.length > 0) await removeRules(client, surplus);
    return surplus.length;
  });
};
