// Every way a request can fail below the handlers, as a declared problem.
import type { Socket } from 'node:net';
import {
  accountCancelled,
  bodyTooLarge,
  headersTooLarge,
  internalError,
  invalidInput,
  malformedBody,
  notFound,
  requestTimeout,
  unavailable,
  unsupportedMediaType,
  uriTooLong,
} from '@meridian/contracts/common.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';
import { isRefusal, type ProblemRenderer, Refusal } from './problems.ts';

const byCode: Readonly<Record<string, ProblemDefinition>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: bodyTooLarge,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: unsupportedMediaType,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: malformedBody,
  FST_ERR_CTP_EMPTY_JSON_BODY: malformedBody,
  FST_ERR_CTP_INVALID_JSON_BODY: malformedBody,
  FST_ERR_BAD_URL: invalidInput,
  FST_ERR_MAX_PARAM_LENGTH: uriTooLong,
  FST_ERR_NOT_FOUND: notFound,
  FST_ERR_HANDLER_TIMEOUT: unavailable,
  // The client went away while sending: nobody reads the answer, but it is not our fault either.
  ECONNRESET: malformedBody,
  // Thrown by the fence of an account, which knows nothing of HTTP.
  account_cancelled: accountCancelled,
  // A service we need, or the database, cannot be reached: the caller may try again.
  unreachable: unavailable,
  timeout: unavailable,
  unavailable,
  ECONNREFUSED: unavailable,
  '57P01': unavailable, // admin_shutdown
  '57P03': unavailable, // cannot_connect_now
  '53300': unavailable, // too_many_connections
  '57014': unavailable, // query_canceled (statement timeout)
  '55P03': unavailable, // lock_not_available
};

const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** The refusal that stands for `error`; an unknown error is `internal_error` and never shows its text. */
export const refusalOf = (error: unknown): Refusal => {
  if (isRefusal(error)) return error;
  const definition = byCode[codeOf(error) ?? ''] ?? internalError;
  return new Refusal(definition, definition === unavailable ? { retryAfter: 1 } : {});
};

const byParserCode: Readonly<Record<string, ProblemDefinition>> = {
  ERR_HTTP_REQUEST_TIMEOUT: requestTimeout,
  HPE_HEADER_OVERFLOW: headersTooLarge,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: bodyTooLarge,
};

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

/** What Node's HTTP parser refuses never becomes a request; the answer is written on the bare socket and the connection closed. */
export const createClientErrorHandler =
  (render: ProblemRenderer, nextId: () => string) =>
  (error: Error, socket: Socket): void => {
    // A reset, or an answer already begun: there is nobody to write to, or it would land in the middle of that answer.
    const message = '_httpMessage' in socket ? (socket._httpMessage as { headersSent?: boolean } | null) : null;
    const begun = message?.headersSent === true;
    if (codeOf(error) === 'ECONNRESET' || !socket.writable || begun) {
      socket.destroy();
      return;
    }
    const requestId = nextId();
    const { status, headers, body } = render(
      byParserCode[codeOf(error) ?? ''] ?? invalidInput,
      { detail: undefined },
      requestId,
    );
    const lines = Object.entries({
      ...headers,
      'x-request-id': requestId,
      'content-length': String(Buffer.byteLength(body)),
      connection: 'close',
    });
    socket.end(
      `HTTP/1.1 ${status} ${reasons[status] ?? 'Bad Request'}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
    );
    // A client that never closes its half must not keep the socket.
    socket.setTimeout(1_000, () => socket.destroy());
  };
