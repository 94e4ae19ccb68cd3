// Reaching a container stack on this machine: names below .localhost are this machine (RFC 6761, section 6.3), which not every resolver knows, and
// the certificates are signed by private authorities.
import { lookup as resolve } from 'node:dns';
import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { Agent, setGlobalDispatcher } from 'undici';

/** Resolves names below .localhost to this machine, all others as usual. */
export const lookupLocalhost: LookupFunction = (host, options, done) => {
  if (!host.endsWith('.localhost')) return resolve(host, options, done);
  return options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
};

const splitPem = (text: string) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];

/** For this whole process: the built-in fetch, undici and everything above them. `caFile` holds further trusted authorities in PEM. */
export const reachStack = (caFile: string | undefined): void => {
  if (caFile !== undefined) {
    const added = splitPem(readFileSync(caFile, 'utf8'));
    if (added.length === 0) throw new Error(`${caFile} holds no certificate`);
    setDefaultCACertificates([...getCACertificates('default'), ...added]);
  }
  setGlobalDispatcher(new Agent({ connect: { lookup: lookupLocalhost } }));
};
