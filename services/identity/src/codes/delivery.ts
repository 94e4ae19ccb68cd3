// Hands codes to their senders after the answer was decided: sending neither delays nor changes it.
import { setImmediate } from 'node:timers/promises';
import { errorCode } from '@meridian/kit/error-code.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { Metrics } from '@meridian/kit/telemetry/metrics.ts';
import { serviceCounter } from '@meridian/kit/telemetry/service-metrics.ts';
import type { LoginMethod } from '@meridian/regions/profile.ts';
import type { CodeMessage, CodeSender, NoticeMessage } from './code-sender.ts';

/** Messages on their way at once. A provider that hangs must not fill the memory. */
const maxInFlight = 200;

/** `unanswered`: it may have been sent all the same. */
export type NoticeOutcome = 'taken' | 'refused' | 'unanswered';

export type Delivery = {
  /** Never throws and never waits. */
  readonly hand: (method: LoginMethod, message: CodeMessage) => void;
  /** What became of the message at its provider; never throws. */
  readonly notify: (method: LoginMethod, message: NoticeMessage) => Promise<NoticeOutcome>;
  /** Resolves when nothing is on its way any more. */
  readonly stop: () => Promise<void>;
};

/** A provider's own short word; it never holds the recipient (SendError). */
const reasonOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'reason' in error ? error.reason : 'unexpected';

export const createDelivery = (deps: {
  senders: Partial<Record<LoginMethod, CodeSender>>;
  log: Logger;
  metrics: Pick<Metrics, 'registry'>;
}): Delivery => {
  const { senders, log } = deps;
  const sent = serviceCounter(deps.metrics, {
    name: 'identity_codes_sent_total',
    help: 'One-time codes handed to a provider, by outcome; a falling ratio of used to sent codes is a sign of SMS pumping',
    labelNames: ['method', 'outcome'],
  });
  const told = serviceCounter(deps.metrics, {
    name: 'identity_notices_total',
    help: 'Notices to owners handed to a provider, by outcome; what is refused is tried again',
    labelNames: ['method', 'outcome'],
  });
  const running = new Set<Promise<void>>();

  const send = async (method: LoginMethod, message: CodeMessage) => {
    try {
      await senders[method]?.send(message);
      sent.inc({ method, outcome: 'taken' });
    } catch (error) {
      sent.inc({ method, outcome: 'failed' });
      log.error({ method, reason: reasonOf(error), codeId: message.codeId, err: error }, 'a code could not be sent');
    }
  };

  return {
    hand: (method, message) => {
      if (running.size >= maxInFlight) {
        sent.inc({ method, outcome: 'dropped' });
        log.error({ method, codeId: message.codeId }, 'a code was dropped: too many are on their way');
        return;
      }
      // What a sender does before it first waits would delay the answer, and tell a message from none.
      const one = setImmediate()
        .then(() => send(method, message))
        .finally(() => running.delete(one));
      running.add(one);
    },
    notify: async (method, message) => {
      const sender = senders[method];
      if (sender === undefined) return 'refused';
      const outcome = await sender.notify(message).then(
        () => 'taken' as const,
        (error: unknown) => {
          // Not the error itself: a provider's words may quote the recipient.
          log.warn({ method, code: errorCode(error), reason: reasonOf(error) }, 'a provider did not take a notice');
          return errorCode(error) === 'code_unanswered' ? ('unanswered' as const) : ('refused' as const);
        },
      );
      told.inc({ method, outcome });
      return outcome;
    },
    stop: async () => {
      await Promise.all(running);
      for (const sender of Object.values(senders)) sender.close();
    },
  };
};
