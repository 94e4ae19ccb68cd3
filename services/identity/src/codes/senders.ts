// Who carries codes for which login method. Typed over the profile's methods: a method without a sender does not compile.
import { createMistakes } from '@meridian/kit/config/mistakes.ts';
import { secret, url } from '@meridian/kit/config/values.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { parseParty } from '@meridian/kit/run/service-config.ts';
import type { LoginMethod, Profile } from '@meridian/regions/profile.ts';
import { z } from 'zod';
import type { CodeSender } from './code-sender.ts';
import { createMailSender } from './mail-smtp.ts';
import { createSmsSender } from './sms-aliyun.ts';

export type SenderDeps = {
  readonly now: Now;
  readonly language: Profile['languages'][number];
  readonly embedded: boolean;
};
/** Configured, not yet created: reading the environment comes first, connections later. */
export type MakeSender = (deps: SenderDeps) => CodeSender;

const sender =
  <T extends z.ZodObject>(variables: T, make: (values: z.output<T>, deps: SenderDeps) => CodeSender) =>
  (env: Record<string, string | undefined>): MakeSender => {
    const values = parseParty(variables, env);
    return (deps) => make(values, deps);
  };

const smsVariables = z.object({
  SMS_ENDPOINT: url('http', 'https'),
  SMS_ACCESS_KEY_ID: z.string().min(16).max(128),
  SMS_ACCESS_KEY_SECRET: secret,
  SMS_SIGN_NAME: z.string().min(2).max(40),
  SMS_TEMPLATE: z.string().min(3).max(40),
  SMS_NOTICE_TEMPLATE: z.string().min(3).max(40),
});

const mailVariables = z.object({
  /** Holds the password, so it counts as a secret. */
  SMTP_URL: secret.refine((value) => /^smtps?:\/\//.test(value), { message: 'must be an smtp:// or smtps:// address' }),
  MAIL_FROM: z.string().min(3).max(254),
});

const senders: Record<LoginMethod, (env: Record<string, string | undefined>) => MakeSender> = {
  phone_code: sender(smsVariables, (values, { now }) =>
    createSmsSender({
      endpoint: values.SMS_ENDPOINT,
      accessKeyId: values.SMS_ACCESS_KEY_ID,
      accessKeySecret: values.SMS_ACCESS_KEY_SECRET,
      signName: values.SMS_SIGN_NAME,
      template: values.SMS_TEMPLATE,
      noticeTemplate: values.SMS_NOTICE_TEMPLATE,
      now,
    }),
  ),
  email_code: sender(mailVariables, (values, { language, embedded }) =>
    createMailSender({ url: values.SMTP_URL, from: values.MAIL_FROM, language, requireTls: !embedded }),
  ),
};

export type MakeSenders = Partial<Record<LoginMethod, MakeSender>>;

/** Reads what the methods need from the environment. Throws ConfigError naming all that methods of the profile lack. */
export const configureSenders = (
  methods: readonly LoginMethod[],
  env: Record<string, string | undefined>,
): MakeSenders => {
  const mistakes = createMistakes();
  const made = methods.map((method) => [method, mistakes.attempt(() => senders[method](env))] as const);
  if (mistakes.any()) throw mistakes.error();
  return Object.fromEntries(made);
};
