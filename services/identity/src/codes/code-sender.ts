// The port of everything that carries a code to a person.

export type CodeMessage = { readonly to: string; readonly code: string; readonly codeId: string };

/** A message about the account, already in the person's language. */
export type NoticeMessage = {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** For a channel whose sentence is a template approved beforehand: what happened, with a code if it has one, and when. */
  readonly brief: { readonly what: string; readonly time: string };
  readonly id: string;
};

export type CodeSender = {
  /** As `send`, for a message without a code. */
  readonly notify: (message: NoticeMessage) => Promise<void>;
  /** Resolves when the provider took the message. Rejects with a SendError; never retried, a person simply asks again. */
  readonly send: (message: CodeMessage) => Promise<void>;
  readonly close: () => void;
};

/**
 * `reason` is the provider's own short word, e.g. "isv.BUSINESS_LIMIT_CONTROL"; it never holds the recipient. `unanswered`: a message that costs
 * reached the provider, who may have sent it all the same.
 */
export class SendError extends Error {
  readonly code: 'code_not_sent' | 'code_unanswered';
  readonly reason: string;
  constructor(reason: string, { unanswered = false, ...options }: ErrorOptions & { unanswered?: boolean } = {}) {
    super(`the provider did not take the message: ${reason}`, options);
    this.name = 'SendError';
    this.code = unanswered ? 'code_unanswered' : 'code_not_sent';
    this.reason = reason;
  }
}
