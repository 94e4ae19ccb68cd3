// Every way a request can fail below the handlers, as a declared problem.
import type { IncomingMessage } from 'node:http';
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
import { isTransient } from '../transient.ts';
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
  // Thrown by the fence of an account, which knows nothing of HTTP.
  account_cancelled: accountCancelled,
  // A service we need cannot be reached: the caller may try again.
  unreachable: unavailable,
  timeout: unavailable,
};

const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/**
 * The refusal that stands for `error`: `unavailable` for what passes by itself, of the database above all. Any other unknown error is
 * `internal_error`; neither shows its text.
 */
export const refusalOf = (error: unknown, request?: IncomingMessage): Refusal => {
  if (isRefusal(error)) return error;
  const code = codeOf(error);
  // The client went away while sending: nobody reads the answer, but it is not our fault either.
  if (code === 'ECONNRESET' && request?.complete === false) return new Refusal(malformedBody);
  const definition = byCode[code ?? ''] ?? (isTransient(error) ? unavailable : internalError);
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
