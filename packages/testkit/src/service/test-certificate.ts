// A certificate for tests of one machine: it signs itself, so whoever holds it is both sides of a mutual TLS connection and their authority.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type TestCertificate = { readonly key: string; readonly cert: string; readonly ca: string };

/** For 127.0.0.1; `name` is its common name, by which services are recognised. Made by the openssl program: Node issues none. */
export const createTestCertificate = (name: string): TestCertificate => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-certificate-'));
  const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, '-days', '2', ...subject, '-keyout', keyFile, '-out', certFile],
      { stdio: 'ignore' },
    );
    const cert = readFileSync(certFile, 'utf8');
    return { key: readFileSync(keyFile, 'utf8'), cert, ca: cert };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** The same as variables of a service. */
export const tlsVariables = ({ key, cert, ca }: TestCertificate): Record<string, string> => ({
  INTERNAL_TLS_KEY: key,
  INTERNAL_TLS_CERT: cert,
  INTERNAL_TLS_CA: ca,
});
