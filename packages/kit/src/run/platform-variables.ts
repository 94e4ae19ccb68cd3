// The environment variables that every service has; spread into its config schema.
import { serviceNames } from '@meridian/contracts/endpoint.ts';
import { z } from 'zod';
import { integer, json, list, listener, network, privateKeyPem, publicKeyPem, secret, url } from '../config/values.ts';

const postgresUrl = secret.refine((value) => /^postgres(ql)?:\/\//.test(value), {
  message: 'must be a postgres:// address',
});

/** Address of a called service's internal listener, e.g. `BILLING_URL: serviceUrl`. */
export const serviceUrl = url('http', 'https');

const shared = {
  /** `embedded`: everything on this machine's loopback interface. */
  MERIDIAN_MODE: z.enum(['embedded']),
  PUBLIC_LISTEN: listener,
  INTERNAL_LISTEN: listener,
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
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
};

/** For a service without a database (the gateway). */
export const statelessVariables = shared;

export const platformVariables = {
  ...shared,
  DATABASE_URL: postgresUrl,
  /** Connections to the database. */
  DATABASE_POOL: integer(2, 100).default(8),
  /** Database of the Postgres event log. */
  EVENT_BUS_URL: postgresUrl,
};

export type SharedConfig = { readonly [K in keyof typeof shared]: z.output<(typeof shared)[K]> };
export type PlatformConfig = {
  readonly [K in keyof typeof platformVariables]: z.output<(typeof platformVariables)[K]>;
};
