// One HTTP operation declared as data. Server, client, OpenAPI document and the shared endpoint suite are all made from it.
import type { z } from 'zod';
import type { ProblemDefinition } from './problem.ts';

export type ServiceName = 'identity' | 'verification' | 'billing' | 'key-issuance' | 'moderation' | 'gateway';
export const serviceNames = ['identity', 'verification', 'billing', 'key-issuance', 'moderation', 'gateway'] as const;

export const staffRoles = ['reviewer', 'finance', 'support', 'admin'] as const;
export type StaffRole = (typeof staffRoles)[number];

/**
 * Who may call: nobody proven, an end user, staff with one of the roles, named services, a sender whose message is signed, or a machine
 * that cannot sign service tokens and proves itself by its client certificate alone. The certificate's common name is the name of a
 * service, or begins with it and a dot ("gateway.edge-1"); where the listener has no mutual TLS (embedded mode, loopback only) a service
 * token in `x-meridian-service-token` stands for it.
 */
export type EndpointAuth =
  | { readonly kind: 'none' }
  /** `introspect`: identity is asked about the token for every request, so a session that was ended a moment ago is refused at once. */
  | { readonly kind: 'user'; readonly introspect?: true }
  | { readonly kind: 'staff'; readonly roles: readonly StaffRole[] }
  | { readonly kind: 'service'; readonly callers: readonly ServiceName[] }
  | { readonly kind: 'certificate'; readonly callers: readonly ServiceName[] }
  | { readonly kind: 'signature'; readonly scheme: string };

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type EndpointDefinition = {
  readonly id: string;
  readonly service: ServiceName;
  readonly method: HttpMethod;
  /** Path template with `{name}` parameters, e.g. `/v1/keys/{keyId}`. `/internal/v1` paths live on the internal listener. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly auth: EndpointAuth;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** JSON body schema; `'raw'` hands the untouched bytes to the handler (signed notifications). */
  readonly body?: z.ZodType | 'raw';
  /** Success answers by status. `null` means an empty body; `'stream'` a body the handler writes itself. */
  readonly answers: { readonly [status: number]: z.ZodType | null | 'stream' };
  /** Problems this endpoint may answer with, besides those every endpoint of its auth kind can (see common.ts). */
  readonly problems: readonly ProblemDefinition[];
  /** Flood guard per caller address. Limits that guard codes or money are counted in Postgres by the service instead. */
  readonly limit?: { readonly max: number; readonly windowSeconds: number };
  /** Requires an `Idempotency-Key` header: same key and body replays the answer, another body is 422, a twin in flight 409. */
  readonly idempotent?: true;
  /** Largest accepted body in bytes; default 64 KiB. */
  readonly maxBodyBytes?: number;
};

/** Declares an endpoint, keeping the literal types for the handler and the client. */
export const endpoint = <const E extends EndpointDefinition>(definition: E): E => definition;

export const isInternal = (e: EndpointDefinition) => e.path.startsWith('/internal/');
