// The platform's metrics, declared once; a registry per service, so that several services fit in one process. Never label by account id.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** A registry of its own with every metric of kit declared. `processMetrics: false` leaves out Node's own (several services in one process). */
export const createMetrics = (options: { processMetrics?: boolean } = {}) => {
  const registry = new Registry();
  const registers = [registry];
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Gauge({ name, help, labelNames, registers });
  return {
    registry,
    /** For a service's own metrics, declared once when it starts. */
    counter,
    gauge,
    httpDuration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Duration of HTTP requests by route template',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    // Not labelled `job`: Prometheus takes that name for what it asks.
    jobFailing: gauge('background_job_failing', 'ALARM: 1 while the last run of a background job failed', ['name']),
    outboxDepth: gauge('outbox_depth', 'Events committed and not yet on the bus, counted up to 100 000', []),
    outboxOldestAge: gauge('outbox_oldest_age_seconds', 'Age of the oldest event not yet on the bus', []),
    relayLeader: gauge('relay_leader', '1 while this process relays the outbox', []),
    relayPublished: counter('relay_published_total', 'Events handed to the bus', []),
    relayFailures: counter('relay_publish_failures_total', 'Failed attempts to relay a batch', []),
    busFailures: counter(
      'bus_failures_total',
      'Questions to the bus that failed, by code: joining, publishing, asking for the lag',
      ['code'],
    ),
    consumerJoined: gauge('consumer_joined', '1 while the consumer is a member of its group; 0: it receives nothing', [
      'group',
    ]),
    eventsHandled: counter('events_handled_total', 'Events received by outcome', ['group', 'type', 'outcome']),
    eventsForeign: counter('events_foreign_region_total', 'ALARM: events of another region, refused', ['group']),
    eventGaps: counter(
      'events_sequence_gap_total',
      'ALARM: events held because an earlier one of the account is missing',
      ['group'],
    ),
    eventRetries: counter('events_transient_retries_total', 'Attempts at an event that failed for a transient cause', [
      'group',
    ]),
    eventsParked: counter(
      'events_parked_total',
      'Events parked because they cannot be applied; parked_events tells which wait',
      ['group', 'type'],
    ),
    parkedNow: gauge('parked_events', 'Events waiting in the parking lot', ['group', 'state']),
    eventAge: new Histogram({
      name: 'event_age_seconds',
      help: 'From the event being committed to its effect being committed',
      labelNames: ['group'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 60, 600],
      registers,
    }),
    eventsLag: gauge('consumer_lag_events', 'Events of a topic not yet handled by the group', ['group', 'topic']),
    eventsLagAge: gauge('consumer_oldest_unhandled_seconds', 'Age of the oldest event not yet handled', [
      'group',
      'topic',
    ]),
  };
};
