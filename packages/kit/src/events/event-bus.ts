// What the platform asks of a transport. At least once, in order per key; nothing more may be relied upon.

export type EventRecord = {
  readonly topic: string;
  /** The account id: records of one key keep their order. */
  readonly key: string;
  readonly eventId: string;
  readonly payload: string;
};

/** A record as delivered. `partition` and `offset` are for logs only. */
export type DeliveredRecord = EventRecord & { readonly partition: number; readonly offset: bigint };

/** Resolving means "handled": only then may the transport advance the group. Throwing means "again": the same record is delivered later. */
export type RecordHandler = (record: DeliveredRecord, context: { readonly signal: AbortSignal }) => Promise<void>;

export type Subscription = {
  /** Resolves after the record in hand is handled; `signal` tells a handler that waits to give up. */
  stop(): Promise<void>;
};

export type Lag = {
  readonly topic: string;
  readonly partition: number;
  /** Records not yet handled by the group. */
  readonly records: bigint;
  /** Time the oldest of them was appended. */
  readonly oldest: Date | undefined;
};

export interface EventBus {
  /** Resolves when all records are durable, in their order per key. A repeated record may be stored twice or once. */
  publish(records: readonly EventRecord[]): Promise<void>;
  /** Joins `group`, a new group from the beginning. Members of a group share the partitions; a dead member's are taken over. */
  subscribe(options: {
    group: string;
    topics: readonly string[];
    handler: RecordHandler;
    /** Told when the member joins, and when it loses the transport and joins again by itself; a transport without groups tells nothing. */
    onMembership?: ((joined: boolean) => void) | undefined;
  }): Promise<Subscription>;
  /** Delivers everything to the group again. Call it while no member of the group runs. */
  seekToBeginning(group: string): Promise<void>;
  lag(group: string): Promise<Lag[]>;
  /** Throws when the transport cannot be reached. */
  health(): Promise<void>;
  /** Stops every subscription after the record in hand, at most `deadlineMs`, and disconnects. */
  close(deadlineMs: number): Promise<void>;
}
