// Codes by e-mail over SMTP, in the first language of the region's profile.
import { createTransport } from 'nodemailer';
import { type CodeSender, SendError } from './code-sender.ts';

export type MailOptions = {
  /** smtp://user:password@host:port, or smtps:// for TLS from the first byte. */
  readonly url: string;
  readonly from: string;
  readonly language: 'zh-CN' | 'en';
  /** Whether smtp:// must be upgraded by STARTTLS before credentials are sent. */
  readonly requireTls: boolean;
};

type Text = { readonly subject: string; readonly text: (code: string) => string };

const texts: Record<MailOptions['language'], Text> = {
  en: {
    subject: 'Your Meridian code',
    text: (code) =>
      `Your code is ${code}\n\nIt is valid for 5 minutes. Never give it to anybody. If you did not ask for it, ignore this message.\n`,
  },
  'zh-CN': {
    subject: '您的 Meridian 验证码',
    text: (code) => `您的验证码是 ${code}\n\n5 分钟内有效，请勿泄露给他人。如非本人操作，请忽略本邮件。\n`,
  },
};

export const createMailSender = (options: MailOptions): CodeSender => {
  const transport = createTransport({
    url: options.url,
    pool: true,
    maxConnections: 2,
    connectionTimeout: 5_000,
    greetingTimeout: 5_000,
    socketTimeout: 10_000,
    requireTLS: options.requireTls,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const { subject, text } = texts[options.language];
  const mail = async (to: string, about: string, body: string) => {
    await transport
      // RFC 3834: no auto-responder shall answer a code.
      .sendMail({
        from: options.from,
        to: { name: '', address: to },
        subject: about,
        text: body,
        headers: { 'Auto-Submitted': 'auto-generated' },
      })
      .catch((cause: unknown) => {
        const reason = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'unknown';
        // Not as `cause`: an SMTP error quotes the recipient.
        throw new SendError(reason);
      });
  };
  return {
    send: ({ to, code }) => mail(to, subject, text(code)),
    notify: (notice) => mail(notice.to, notice.subject, notice.text),
    close: () => transport.close(),
  };
};
