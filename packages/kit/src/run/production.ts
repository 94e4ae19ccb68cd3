// What must hold between machines. Outside the embedded mode a service that finds less refuses to start and says why.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Agent, type Dispatcher } from 'undici';
import { ConfigError } from '../config/config.ts';
import type { PlatformConfig, SharedConfig } from './platform-variables.ts';

type Values = Readonly<Record<string, unknown>>;
type TlsConfig = Pick<SharedConfig, 'INTERNAL_TLS_KEY' | 'INTERNAL_TLS_CERT' | 'INTERNAL_TLS_CA'>;

/** A service's own certificate and key, and the private CA of its region, in PEM. */
export type RegionTls = { readonly key: string; readonly cert: string; readonly ca: string };

const tlsNames = ['INTERNAL_TLS_KEY', 'INTERNAL_TLS_CERT', 'INTERNAL_TLS_CA'] as const;

/** The TLS material of this service; undefined where none is configured. */
export const regionTls = (config: TlsConfig): RegionTls | undefined => {
  const { INTERNAL_TLS_KEY: key, INTERNAL_TLS_CERT: cert, INTERNAL_TLS_CA: ca } = config;
  return key && cert && ca ? { key, cert, ca } : undefined;
};

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The authority that issued `certificate`, among those in `ca`: while one is being replaced there are two. */
const issuerMistakes = (certificate: X509Certificate, ca: string, now: Date): string[] => {
  const issuer = (ca.match(pemBlock) ?? [])
    .map((pem) => new X509Certificate(pem))
    .find((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
  if (!issuer)
    return [
      'INTERNAL_TLS_CERT was not issued by the authority in INTERNAL_TLS_CA, so nobody in the region will believe it: npm run region -- rotate <id> certificates',
    ];
  return issuer.validToDate > now ? [] : [`the authority in INTERNAL_TLS_CA has expired on ${issuer.validTo}`];
};

const certificateMistakes = (service: string, config: TlsConfig, now: Date): string[] => {
  const missing = tlsNames.filter((name) => !config[name]);
  if (missing.length > 0)
    return missing.map((name) => `${name} is missing: production needs mutual TLS between services`);
  const [key, pem, ca] = tlsNames.map((each) => config[each]) as [string, string, string];
  const certificate = new X509Certificate(pem);
  const name = /(?:^|\n)CN=(.+)(?:\n|$)/.exec(certificate.subject)?.[1];
  return [
    ...(name === service ? [] : [`INTERNAL_TLS_CERT is the certificate of "${name}", not of "${service}"`]),
    ...(certificate.validToDate > now ? [] : [`INTERNAL_TLS_CERT has expired on ${certificate.validTo}`]),
    ...(certificate.checkPrivateKey(createPrivateKey(key))
      ? []
      : ['INTERNAL_TLS_KEY is not the key of INTERNAL_TLS_CERT']),
    ...issuerMistakes(certificate, ca, now),
  ];
};

/** Mistakes of a PostgreSQL address that does not prove who answers. The address itself holds the password and is not told. */
export const databaseMistakes = (name: string, address: string): string[] => {
  const { searchParams } = new URL(address);
  return [
    ...(searchParams.get('sslmode') === 'verify-full'
      ? []
      : [`${name} must end with sslmode=verify-full: production reaches its database by verified TLS`]),
    ...(searchParams.get('sslrootcert') ? [] : [`${name} must name the CA of the database: sslrootcert=<file>`]),
  ];
};

/** Plain http anywhere in the parsed configuration; addresses in nested values are data, not connections. */
const plainAddresses = (config: Values): string[] =>
  Object.entries(config)
    .filter(([, value]) => typeof value === 'string' && value.startsWith('http://'))
    .map(([name]) => `${name} must begin with https:// in production`);

const busMistakes = (address: string, tls: RegionTls | undefined): string[] => {
  if (!address.startsWith('kafka://'))
    return ['EVENT_BUS_URL must be a kafka:// address in production: the Postgres event log is for one machine'];
  return tls
    ? []
    : ['EVENT_BUS_URL: Kafka is reached by TLS with the certificate in INTERNAL_TLS_CERT, which is missing'];
};

/** In the embedded mode nothing may be reached from outside: plain HTTP is for the loopback interface only. */
const loopbackMistakes = ({ PUBLIC_LISTEN, INTERNAL_LISTEN }: SharedConfig): string[] =>
  Object.entries({ PUBLIC_LISTEN, INTERNAL_LISTEN })
    .filter(([, { host }]) => host !== '127.0.0.1' && host !== '::1')
    .map(([name, { host }]) => `${name}: the embedded mode listens on 127.0.0.1 or [::1] only, not on ${host}`);

/** Throws ConfigError naming everything that the mode of `config` forbids. */
export const assertMode = (service: string, config: SharedConfig & Partial<PlatformConfig>, now: Date): void => {
  const mistakes =
    config.MERIDIAN_MODE === 'embedded'
      ? loopbackMistakes(config)
      : [
          ...certificateMistakes(service, config, now),
          ...(config.DATABASE_URL ? databaseMistakes('DATABASE_URL', config.DATABASE_URL) : []),
          ...(config.EVENT_BUS_URL ? busMistakes(config.EVENT_BUS_URL, regionTls(config)) : []),
          ...plainAddresses(config),
        ];
  if (mistakes.length > 0) throw new ConfigError(mistakes);
};

/** Connections to services of the same region: shows our certificate, believes the region's CA alone. */
export const regionDispatcher = (tls: RegionTls | undefined): Dispatcher | undefined =>
  tls && new Agent({ connect: { ...tls, minVersion: 'TLSv1.2' }, connectTimeout: 3_000 });
