// A region's private certification authority and the certificates of its machines, made by the openssl program: Node can read X.509 and
// cannot issue it, and openssl is on every Debian, in every Git for Windows and on macOS. Keys are P-256.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../images/run-command.ts';

export type Certificate = { readonly key: string; readonly cert: string };
export type Issued = {
  /** Common name: services are recognised by it. */
  readonly name: string;
  /** Host names and addresses under which a server may be reached. */
  readonly hosts: readonly string[];
  readonly usage: readonly ('serverAuth' | 'clientAuth')[];
};

/** Days; see docs/operations.md, "Rotation". */
const caDays = 3650;
const leafDays = 397;

const openssl = (...args: string[]) => run('openssl', args, { timeoutMs: 30_000 });

const withFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-certificates-'));
  chmodSync(folder, 0o700);
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const newKey = (path: string) =>
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path);

export type Authority = {
  /** What everyone in the region trusts: the current CA, and while one is being replaced the old one too. */
  readonly bundle: () => string;
  readonly issue: (what: Issued) => Promise<Certificate>;
};

/** Opens the CA in `folder`, making it on first use. Its key never leaves that folder, and no container mounts it. */
export const openAuthority = async (folder: string, region: string): Promise<Authority> => {
  const [keyFile, certFile, oldFile] = [join(folder, 'ca.key'), join(folder, 'ca.crt'), join(folder, 'old-ca.crt')];
  if (!existsSync(certFile)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await newKey(keyFile);
    chmodSync(keyFile, 0o600);
    const made = new Date().toISOString().slice(0, 19);
    const subject = `/O=Meridian/OU=${region}/CN=Meridian ${region} private CA ${made}`;
    const constraints = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign'];
    const extensions = constraints.flatMap((text) => ['-addext', text]);
    await openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      keyFile,
      '-days',
      String(caDays),
      '-subj',
      subject,
      ...extensions,
      '-out',
      certFile,
    );
  }
  return {
    bundle: () => readFileSync(certFile, 'utf8') + (existsSync(oldFile) ? readFileSync(oldFile, 'utf8') : ''),
    issue: ({ name, hosts, usage }) =>
      withFolder(async (work) => {
        const [key, request, cert, extensions] = ['key', 'csr', 'crt', 'ext'].map((file) => join(work, file)) as [
          string,
          string,
          string,
          string,
        ];
        const names = hosts.map((host) => (/^[0-9.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`));
        const lines = [
          'basicConstraints=critical,CA:FALSE',
          'keyUsage=critical,digitalSignature',
          `extendedKeyUsage=${usage.join(',')}`,
          ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
        ];
        writeFileSync(extensions, lines.join('\n'));
        await newKey(key);
        await openssl('req', '-new', '-key', key, '-subj', `/CN=${name}`, '-out', request);
        await openssl(
          'x509',
          '-req',
          '-in',
          request,
          '-CA',
          certFile,
          '-CAkey',
          keyFile,
          '-set_serial',
          `0x${await serial()}`,
          '-days',
          String(leafDays),
          '-extfile',
          extensions,
          '-out',
          cert,
        );
        return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
      }),
  };
};

/** 16 random bytes with the sign bit clear, as RFC 5280 asks. */
const serial = async () => (await openssl('rand', '-hex', '16')).trim().replace(/^./, '4');

/** First half of replacing a CA: the old one stays trusted, a new one issues from now on. */
export const retireAuthority = (folder: string): void => {
  renameSync(join(folder, 'ca.crt'), join(folder, 'old-ca.crt'));
  rmSync(join(folder, 'ca.key'));
};

/** Second half, once every certificate of the old one is replaced and everything has been restarted. */
export const forgetRetired = (folder: string): void => rmSync(join(folder, 'old-ca.crt'));
