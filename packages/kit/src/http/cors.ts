/** What pages of a region's origins may send and read. The edge says the same of its own answers (scripts/generate/edge.ts). */
export const corsHeaders = {
  methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowed: ['authorization', 'content-type', 'idempotency-key', 'traceparent'],
  exposed: ['x-request-id', 'retry-after', 'idempotency-replayed', 'location', 'allow'],
};
