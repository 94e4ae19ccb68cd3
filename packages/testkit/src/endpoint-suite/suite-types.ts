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

type Refusal = { readonly status: number; readonly code: string };

/** How a sender proves itself to an endpoint with `signature` auth. The sample's headers, query and raw body are a right sender's. */
export type Signature = {
  /** Those of the sample's headers and query that carry the proof; each is needed. */
  readonly headers?: readonly string[];
  readonly query?: readonly string[];
  /** The proof is over the bytes of the body; without it, over what they say. */
  readonly overBytes?: true;
  readonly refusal: Refusal;
  /** Proofs that are right in themselves, of somebody else or of something else. */
  readonly foreign: readonly {
    readonly what: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: string;
    /** Where it differs. */
    readonly refusal?: Refusal;
  }[];
};

/** What a valid request of an endpoint needs beyond what its schemas say. */
export type Sample = {
  /** Ids of things that exist and belong to `tokens.user`. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signature?: Signature;
  /** Statuses of the answer to an id in the address that does not exist; default 404 alone. A success is an answer that tells nothing. */
  readonly unknownId?: readonly number[];
  /** Statuses of the answer to another account's id in the address; default 404 alone. */
  readonly otherAccount?: readonly number[];
  /** Statuses of the answer to an id in the body, by its JSON pointer, that does not exist or is another account's; default 404 alone. */
  readonly bodyIds?: Readonly<Record<string, readonly number[]>>;
  /** Ids that belong to no account, by JSON pointer, with the reason. They are not tried. */
  readonly notOwned?: Readonly<Record<string, string>>;
  /** Members of the body that are right for `tokens.otherUser`, such as proofs; one id of `tokens.user` is then put among them. */
  readonly otherBody?: Readonly<Record<string, unknown>>;
  /** Parts of the snapshot in which refused tries of this endpoint are booked on purpose. */
  readonly books?: readonly string[];
};

export type SuiteRunning = {
  /** Whose ids are looked up here; those of any other are refused. */
  readonly region: string;
  readonly publicUrl: string;
  readonly internalUrl?: string;
  readonly tokens: SuiteTokens;
  /** The state that refused requests must not change: see database-snapshot.ts. */
  readonly snapshot: () => Promise<Readonly<Record<string, unknown>>>;
  /** Whether an id stands anywhere in the state: see database-snapshot.ts. */
  readonly holds?: (id: string) => Promise<boolean>;
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
