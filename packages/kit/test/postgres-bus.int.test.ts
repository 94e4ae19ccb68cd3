import { migratePostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { log } from '@meridian/testkit/event-bus/parts.ts';
import { eventBusContract } from '@meridian/testkit/event-bus-suite.ts';

eventBusContract({
  name: 'Postgres event log',
  // The bus lives on the suite's own server, so that killing that server kills the bus too.
  open: async (server) => {
    const url = await server.createDatabase('bus', (database) => migratePostgresBus({ url: database, log }));
    return {
      module: new URL('./postgres-bus-module.ts', import.meta.url).href,
      config: { url, leaseMs: 1_500 },
      disconnect: () => server.disconnect(url),
      close: async () => undefined,
    };
  },
});
