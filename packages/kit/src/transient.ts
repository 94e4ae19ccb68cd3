// Is it worth trying again? Transient faults pass by themselves; everything else is decided by a person.
import { errorCause, errorCode, errorMessage } from './error-code.ts';

// Classes 08 connection, 28 authorization (a password that is being rotated), 40 rollback, 53 resources, 57 operator intervention (shutdown,
// statement timeout), 58 system; 25P03 idle in transaction, 55P03 lock not available, 55006 object in use: https://www.postgresql.org/docs/18/errcodes-appendix.html
const transientState = /^(08|28|40|53|57|58)[0-9A-Z]{3}$|^25P03$|^55P03$|^55006$/;
const transientCode = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
  'unavailable',
  'topic_missing',
  'not_trusted',
  'rate_limited',
  'request_timeout',
  'event_transient',
]);
/**
 * OpenSSL's and Node's codes when one side refuses the other's certificate, or does not speak TLS at all: Certificates are mended
 * while services run. https://nodejs.org/docs/latest-v24.x/api/tls.html#x509-certificate-error-codes
 */
export const tlsCode =
  /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO)/;
// pg reports these without a code.
const transientText =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|Cannot use a pool after calling end)/;

/** Whether the same attempt may succeed later, by the error's code or that of its causes. */
export const isTransient = (error: unknown): boolean => {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 5; depth += 1) {
    const code = errorCode(at);
    if (code !== undefined && (transientCode.has(code) || transientState.test(code) || tlsCode.test(code))) return true;
    if (transientText.test(errorMessage(at))) return true;
    at = errorCause(at);
  }
  return false;
};
