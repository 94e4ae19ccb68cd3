// The environment variables that every service has; spread into its config schema.
import { serviceNames } from '@meridian/contracts/endpoint.ts';
import { z } from 'zod';
import {
  certificatePem,
  integer,
  json,
  list,
  listener,
  network,
  privateKeyPem,
  publicKeyPem,
  secret,
  tlsKeyPem,
  url,
} from '../config/values.ts';

const postgresUrl = secret.refine((value) => /^postgres(ql)?:\/\//.test(value), {
  message: 'must be a postgres:// address',
});

/** Brokers of a Kafka cluster; credentials are the service's certificate, so it holds no secret. */
const kafkaUrl = z.string().regex(/^kafka:\/\/[A-Za-z0-9.-]+:[0-9]{1,5}(,[A-Za-z0-9.-]+:[0-9]{1,5})*$/);

/** Address of a called service's internal listener, e.g. `BILLING_URL: serviceUrl`. */
export const serviceUrl = url('http', 'https');

const shared = {
  /** `embedded`: everything on this machine's loopback interface. `production`: encrypted and authenticated between machines, or no start. */
  MERIDIAN_MODE: z.enum(['embedded', 'production']),
  PUBLIC_LISTEN: listener,
  INTERNAL_LISTEN: listener,
  /**
   * This service's certificate (common name: the service's name), its key, and the private CA of the region. Server on both listeners,
   * client towards other services and Kafka. Production needs them; callers without a certificate of the CA are refused.
   */
  INTERNAL_TLS_KEY: tlsKeyPem.optional(),
  INTERNAL_TLS_CERT: certificatePem.optional(),
  INTERNAL_TLS_CA: certificatePem.optional(),
  /** This service's private key for calls to others: EC P-256, PEM. */
  SERVICE_KEY: privateKeyPem,
  /** JSON { service: public key in PEM } of the services that may call this one. */
  SERVICE_KEYS: json(z.partialRecord(z.enum(serviceNames), publicKeyPem)),
  /** Issuer of access tokens: the public origin of the region. */
  ISSUER: url('http', 'https'),
  /** Where identity publishes the public keys of access tokens. */
  JWKS_URL: url('http', 'https'),
  /** Addresses or CIDR blocks of the edge proxies whose X-Forwarded-For is believed. */
  TRUSTED_PROXIES: list(network).default([]),
  /**
   * Milliseconds from "not ready" to the closing of the listeners when the service stops, so that whoever distributes requests by readiness
   * sends no more. Without it: 5 s in production, none embedded.
   */
  STOP_PAUSE_MS: integer(0, 120_000).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
};

/** For a service without a database (the gateway). */
export const statelessVariables = shared;

export const platformVariables = {
  ...shared,
  DATABASE_URL: postgresUrl,
  /** Connections to the database. */
  DATABASE_POOL: integer(2, 100).default(8),
  /** kafka://host:port,host:port (production), or the postgres:// address of the event log's database (one machine). */
  EVENT_BUS_URL: z.union([postgresUrl, kafkaUrl]),
};

export type SharedConfig = Readonly<z.output<z.ZodObject<typeof shared>>>;
export type PlatformConfig = Readonly<z.output<z.ZodObject<typeof platformVariables>>>;
