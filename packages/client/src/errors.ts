// What a call can end with besides a declared answer. Branch on `code`.
import { type ProblemBody, problemBody } from '@meridian/contracts/problem.ts';

export type TransportCode = 'unreachable' | 'timeout' | 'bad_answer' | 'aborted';

/** No declared answer arrived. `unreachable` and `timeout` leave open whether the request took effect. */
export class TransportError extends Error {
  readonly code: TransportCode;
  /** Of an answer without a problem, such as a proxy's page. */
  readonly status: number | undefined;
  constructor(code: TransportCode, message: string, options?: ErrorOptions & { status?: number }) {
    super(message, options);
    this.name = 'TransportError';
    this.code = code;
    this.status = options?.status;
  }
}

/** The server refused with a problem. `code` is stable; `retryAfter` is in seconds. */
export class ProblemError extends Error {
  readonly code: string;
  readonly status: number;
  readonly problem: ProblemBody;
  readonly retryAfter: number | undefined;
  constructor(endpointId: string, problem: ProblemBody, retryAfter: number | undefined) {
    super(
      `${endpointId}: ${problem.status} ${problem.code}${problem.detail === undefined ? '' : `: ${problem.detail}`}`,
    );
    this.name = 'ProblemError';
    this.code = problem.code;
    this.status = problem.status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** From an answer with status 400 or more; one that is no problem (a proxy's page) is a TransportError. */
  static of(
    endpointId: string,
    answer: { status: number; headers: Readonly<Record<string, string>>; json: () => unknown },
  ): Error {
    const parsed = problemBody.safeParse(answer.json());
    if (!parsed.success)
      return new TransportError('bad_answer', `${endpointId} answered ${answer.status} without a problem`, {
        status: answer.status,
      });
    const seconds = Number(answer.headers['retry-after']);
    return new ProblemError(endpointId, parsed.data, Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined);
  }
}
