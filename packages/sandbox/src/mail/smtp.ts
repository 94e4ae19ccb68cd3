// A real SMTP server that puts what it takes into the inbox. Authentication is required, and STARTTLS before it where a certificate is given.
import { setTimeout as sleep } from 'node:timers/promises';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { z } from 'zod';
import type { SandboxSecrets } from '../config.ts';
import { deliveryFaults, times } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';
import { sameText } from '../crypto/same-text.ts';
import { deliver } from '../inbox/deliver.ts';
import { codeIn, type Inbox } from '../inbox/inbox.ts';

const faults = z.strictObject({
  slowMs: z.number().int().min(0).max(120_000).optional(),
  /** Refuse the recipient with this SMTP reply code: 4xx may be retried, 5xx is final. */
  fail: z.strictObject({ status: z.number().int().min(400).max(599), times }).optional(),
  /** Accept, but never deliver to the inbox. */
  undelivered: z.strictObject({ times }).optional(),
  ...deliveryFaults,
});
type MailFaults = z.infer<typeof faults>;

export const createMailPart = () => createPart<MailFaults>('mail', 'Mail (SMTP)', faults);

const maxMessageBytes = 1024 * 1024;

class SmtpRefusal extends Error {
  readonly responseCode: number;
  constructor(responseCode: number, message: string) {
    super(message);
    this.responseCode = responseCode;
  }
}

export const createSmtpServer = ({
  part,
  inbox,
  secrets,
  now,
  log,
  host,
  tls,
}: {
  part: Part<MailFaults>;
  inbox: Inbox;
  secrets: SandboxSecrets;
  now: () => Date;
  log: (line: string) => void;
  host: string;
  tls?: { key: string; cert: string } | undefined;
}) => {
  const record = (status: number, outcome: 'answered' | 'failed_on_request', caller?: string) =>
    part.requests.add({
      at: now().toISOString(),
      method: 'SMTP',
      route: 'message',
      status,
      outcome,
      ...(caller && { caller }),
    });

  const server = new SMTPServer({
    authOptional: false,
    // Without a certificate nothing leaves the machine; with one, credentials are taken after STARTTLS only.
    ...(tls ? { ...tls, allowInsecureAuth: false } : { allowInsecureAuth: true, disabledCommands: ['STARTTLS'] }),
    size: maxMessageBytes,
    maxClients: 100,
    socketTimeout: 60_000,
    disableReverseLookup: true,
    banner: 'Meridian sandbox',
    onAuth({ username, password }, _session, done) {
      const found = Object.entries(secrets.regions).find(([, own]) => own.mail.user === username);
      if (!found || !sameText(found[1].mail.password, password ?? ''))
        return done(new SmtpRefusal(535, 'Authentication credentials invalid'));
      done(null, { user: found[0] });
    },
    onRcptTo(_address, session, done) {
      const fail = part.faults.take('fail');
      if (!fail) return done();
      record(fail.status, 'failed_on_request', session.user);
      done(new SmtpRefusal(fail.status, 'Refused on request of the sandbox control'));
    },
    onData(stream, session, done) {
      const take = async () => {
        await sleep(part.faults.current().slowMs ?? 0);
        const mail = await simpleParser(stream);
        if (stream.sizeExceeded) throw new SmtpRefusal(552, 'Message exceeds the maximum size');
        const text = (mail.text ?? '').trim();
        record(250, 'answered', session.user);
        if (part.faults.take('undelivered')) return;
        const message = {
          channel: 'mail',
          region: session.user ?? '',
          from: mail.from?.text ?? '',
          subject: mail.subject ?? null,
          text,
          code: codeIn(text) ?? codeIn(mail.subject ?? ''),
        } as const;
        deliver(
          inbox,
          part.faults.current(),
          session.envelope.rcptTo.map((recipient) => ({ ...message, to: recipient.address })),
        );
      };
      take().then(
        () => done(),
        (error: Error) => done(error),
      );
    },
  });
  server.on('error', (error) => log(`smtp: ${error.message}`));
  return {
    listen: (port: number) =>
      new Promise<number>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          const address = server.server.address();
          if (address && typeof address === 'object') resolve(address.port);
          else reject(new Error('the SMTP server has no port'));
        });
      }),
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
};
