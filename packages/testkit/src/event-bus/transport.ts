// What a transport brings to the contract suite.
import type { EventBus } from '@meridian/kit/events/event-bus.ts';
import type { OwnServer } from './own-server.ts';

/** A module exporting `createBus(config)`: children that are killed have to make the bus themselves. */
export type BusModule = { createBus(config: unknown): EventBus };

export type Transport = {
  /** file: URL of a BusModule. */
  module: string;
  /** JSON value for `createBus`. */
  config: unknown;
  /** Declares topics, where the transport needs that before use. */
  declareTopics?(names: readonly string[]): Promise<void>;
  /** Breaks every connection to the transport at once. */
  disconnect(): Promise<unknown>;
  /** Kills the transport's server and starts it again. Absent when it lives on the suite's own PostgreSQL server. */
  restart?(): Promise<void>;
  close(): Promise<void>;
};

export type ContractOptions = {
  name: string;
  /** Opens the transport; `server` is a PostgreSQL server of the suite's own, for those that need one. */
  open(server: OwnServer): Promise<Transport>;
  /** How long to wait for what must happen; longer than a dead member keeps its partitions. Default 20 000 ms. */
  patienceMs?: number;
};
