// Who carries codes for which login method. Typed over the profile's methods: a method without a sender does not compile.
import { parseConfig } from '@meridian/kit/config/config.ts';
import { secret, url } from '@meridian/kit/config/values.ts';
import type { Now } from '@meridian/kit/ids.ts';
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
  <T extends z.ZodObject>(variables: (mode: Mode) => T, make: (values: z.output<T>, deps: SenderDeps) => CodeSender) =>
  (env: Record<string, string | undefined>, mode: Mode): MakeSender => {
    const values = parseConfig(variables(mode), env);
    return (deps) => make(values, deps);
  };

type Mode = { readonly embedded: boolean };

const smsVariables = ({ embedded }: Mode) =>
  z.object({
    SMS_ENDPOINT: embedded ? url('http', 'https') : url('https'),
    SMS_ACCESS_KEY_ID: z.string().min(16).max(128),
    SMS_ACCESS_KEY_SECRET: secret,
    SMS_SIGN_NAME: z.string().min(2).max(40),
    SMS_TEMPLATE: z.string().min(3).max(40),
    SMS_NOTICE_TEMPLATE: z.string().min(3).max(40),
  });

const mailVariables = () =>
  z.object({
    /** Holds the password, so it counts as a secret. */
    SMTP_URL: secret.refine((value) => /^smtps?:\/\//.test(value), {
      message: 'must be an smtp:// or smtps:// address',
    }),
    MAIL_FROM: z.string().min(3).max(254),
  });

const senders: Record<LoginMethod, (env: Record<string, string | undefined>, mode: Mode) => MakeSender> = {
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

/** Reads what the methods need from the environment. Throws ConfigError naming what a method of the profile lacks. */
export const configureSenders = (
  methods: readonly LoginMethod[],
  env: Record<string, string | undefined>,
  mode: Mode,
): MakeSenders => Object.fromEntries(methods.map((method) => [method, senders[method](env, mode)]));
