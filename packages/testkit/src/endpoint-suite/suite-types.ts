import type { EndpointDefinition, ServiceName, StaffRole } from '@meridian/contracts/endpoint.ts';

type Awaitable<T> = T | Promise<T>;

/** Bearer tokens for the running service. See test-issuer.ts, which mints them all. */
export type SuiteTokens = {
  readonly user: string;
  readonly expiredUser?: string;
  readonly otherUser?: string;
  readonly foreignRegionUser?: string;
  readonly staffWith: (roles: readonly StaffRole[]) => Awaitable<string>;
  readonly foreignRegionStaff?: string;
  readonly service: (caller: ServiceName) => Awaitable<string>;
  readonly foreignRegionService?: (caller: ServiceName) => Awaitable<string>;
};

/** What a valid request of an endpoint needs beyond what its schemas say. */
export type Sample = {
  /** Ids of things that exist and belong to `tokens.user`. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses to accept for an id that does not exist; default 404, or 421 for an endpoint that declares region_mismatch. */
  readonly unknownId?: readonly number[];
  /** Statuses to accept for another account's id; default 404 alone. */
  readonly otherAccount?: readonly number[];
};

export type SuiteRunning = {
  readonly publicUrl: string;
  readonly internalUrl?: string;
  readonly tokens: SuiteTokens;
  /** The state that refused requests must not change: see database-snapshot.ts. */
  readonly snapshot: () => Promise<unknown>;
  readonly sampleOf?: (endpoint: EndpointDefinition) => Sample | undefined;
  readonly stop: () => Promise<void>;
  /** For a service with an error format of its own (the gateway): the code and request id in such a body, or undefined. */
  readonly readRefusal?: (body: unknown) => { readonly code: string; readonly requestId: string } | undefined;
};

export type Group = 'shape' | 'http' | 'credentials' | 'ids';

/** One request that must be refused, and how. */
export type Case = {
  readonly group: Group;
  readonly what: string;
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer;
  readonly expected: readonly number[];
  readonly code?: string;
  /** Every mistake must be named below this pointer. */
  readonly pointer?: string;
  readonly allow?: string;
};

export type Verdict = { readonly group: Group; readonly what: string; readonly failure?: string };
