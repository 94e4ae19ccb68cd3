// Every certificate of one region, put where its container mounts it.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serviceNames } from '@meridian/contracts/endpoint.ts';
import type { Authority, Certificate } from './certificates.ts';
import { databaseNames, type RegionPlaces, storedServices } from './layout.ts';
import { writeAll } from './store.ts';

const both = ['serverAuth', 'clientAuth'] as const;

/** Names under which programs read their own certificate. */
const ofProgram = ({ key, cert }: Certificate, ca: string) => ({
  INTERNAL_TLS_KEY: key,
  INTERNAL_TLS_CERT: cert,
  INTERNAL_TLS_CA: ca,
});

/** Whether the certificate that browsers see came from elsewhere: then it is its owner's to renew, and there is no other copy of its key. */
const publicIsForeign = (places: RegionPlaces, authority: Authority): boolean => {
  const path = join(places.of('edge'), 'public.crt');
  if (!existsSync(path)) return false;
  const issuers = authority.bundle().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    const certificate = new X509Certificate(readFileSync(path));
    return !issuers.some((pem) => {
      const issuer = new X509Certificate(pem);
      return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    });
  } catch {
    return true; // what we issue can be read
  }
};

/** Issues all of them anew, but a public one from elsewhere, and answers whether there was one; `publicHosts` are the names of the region's public origins. */
export const issueCertificates = async (
  places: RegionPlaces,
  authority: Authority,
  publicHosts: readonly string[],
): Promise<{ keptPublic: boolean }> => {
  const ca = authority.bundle();
  const keptPublic = publicIsForeign(places, authority);
  for (const name of serviceNames) {
    const own = ofProgram(await authority.issue({ name, hosts: [name, 'localhost'], usage: both }), ca);
    writeAll(places.of(name), own);
  }
  for (const service of storedServices) {
    const { host } = databaseNames(service);
    const server = await authority.issue({ name: host, hosts: [host], usage: ['serverAuth'] });
    writeAll(places.of(host), { 'server.key': server.key, 'server.crt': server.cert, 'ca.crt': ca });
    const name = `${service}-migrate`;
    writeAll(places.of(name), ofProgram(await authority.issue({ name, hosts: [], usage: ['clientAuth'] }), ca));
  }
  const kafka = await authority.issue({ name: 'kafka', hosts: ['kafka', 'localhost'], usage: both });
  // Kafka reads key and certificate from one PEM file.
  writeAll(places.of('kafka'), { 'keystore.pem': kafka.key + kafka.cert, 'ca.crt': ca });
  const admin = await authority.issue({ name: 'kafka-admin', hosts: [], usage: ['clientAuth'] });
  writeAll(places.of('kafka-admin'), ofProgram(admin, ca));
  // Two certificates: the one clients see cannot be used to call services, the one services see proves nothing to clients.
  if (!keptPublic) {
    const open = await authority.issue({ name: publicHosts[0] as string, hosts: publicHosts, usage: ['serverAuth'] });
    writeAll(places.of('edge'), { 'public.key': open.key, 'public.crt': open.cert });
  }
  const edge = await authority.issue({ name: 'edge', hosts: [], usage: ['clientAuth'] });
  writeAll(places.of('edge'), { 'client.key': edge.key, 'client.crt': edge.cert, 'ca.crt': ca });
  await issueMonitoring(places, authority);
  return { keptPublic };
};

/** For the scraper of metrics: it may ask the internal listeners, and holds no name of a service. */
export const issueMonitoring = async (places: RegionPlaces, authority: Authority): Promise<void> => {
  const { key, cert } = await authority.issue({ name: 'prometheus', hosts: [], usage: ['clientAuth'] });
  writeAll(places.of('prometheus'), { 'client.key': key, 'client.crt': cert, 'ca.crt': authority.bundle() });
};

export const authorityFolder = (places: RegionPlaces) => join(places.folder, 'ca');
