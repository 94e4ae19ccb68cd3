// Every certificate of one region, put where its container mounts it.
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

/** Issues all of them anew; `publicHosts` are the names of the region's public origins. */
export const issueCertificates = async (
  places: RegionPlaces,
  authority: Authority,
  publicHosts: readonly string[],
): Promise<void> => {
  const ca = authority.bundle();
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
  const open = await authority.issue({ name: publicHosts[0] as string, hosts: publicHosts, usage: ['serverAuth'] });
  const edge = await authority.issue({ name: 'edge', hosts: [], usage: ['clientAuth'] });
  writeAll(places.of('edge'), {
    'public.key': open.key,
    'public.crt': open.cert,
    'client.key': edge.key,
    'client.crt': edge.cert,
    'ca.crt': ca,
  });
  await issueMonitoring(places, authority);
};

/** For the scraper of metrics: it may ask the internal listeners, and holds no name of a service. */
export const issueMonitoring = async (places: RegionPlaces, authority: Authority): Promise<void> => {
  const { key, cert } = await authority.issue({ name: 'prometheus', hosts: [], usage: ['clientAuth'] });
  writeAll(places.of('prometheus'), { 'client.key': key, 'client.crt': cert, 'ca.crt': authority.bundle() });
};

export const authorityFolder = (places: RegionPlaces) => join(places.folder, 'ca');
