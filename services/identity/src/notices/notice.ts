// What an account's owner is told, and how it is put. Nothing in a message says more than its reader could see when signed in.

export const noticeKinds = [
  'new_device',
  'contact_added',
  'contact_removed',
  'password_changed',
  'totp_on',
  'totp_off',
  'passkey_added',
  'passkey_removed',
  'login_linked',
  'login_unlinked',
  'recovery_started',
  'recovery_offered',
  'recovered',
  'sessions_ended',
  'phone_detached',
] as const;
export type NoticeKind = (typeof noticeKinds)[number];
export const noticeChannels = ['phone', 'email'] as const;
export type NoticeChannel = (typeof noticeChannels)[number];
export type Language = 'zh-CN' | 'en';

const what: Record<NoticeKind, Record<Language, string>> = {
  new_device: { en: 'a sign-in from a device not seen before', 'zh-CN': '您的账号在新设备上登录' },
  contact_added: { en: 'a phone number or e-mail address was added', 'zh-CN': '您的账号绑定了新的手机号或邮箱' },
  contact_removed: { en: 'a phone number or e-mail address was removed', 'zh-CN': '您的账号解绑了手机号或邮箱' },
  password_changed: { en: 'the password was changed', 'zh-CN': '您的账号密码已变更' },
  totp_on: { en: 'the authenticator app was switched on', 'zh-CN': '您的账号已开启身份验证器' },
  totp_off: { en: 'the authenticator app was switched off', 'zh-CN': '您的账号已关闭身份验证器' },
  passkey_added: { en: 'a passkey was added', 'zh-CN': '您的账号新增了通行密钥' },
  passkey_removed: { en: 'a passkey was removed', 'zh-CN': '您的账号删除了通行密钥' },
  login_linked: { en: 'another login was linked', 'zh-CN': '您的账号关联了第三方登录' },
  login_unlinked: { en: 'a linked login was removed', 'zh-CN': '您的账号解除了第三方登录' },
  recovery_started: { en: 'a recovery of the account was begun', 'zh-CN': '有人申请找回您的账号' },
  recovery_offered: { en: 'support began a recovery for you', 'zh-CN': '客服已为您发起账号找回' },
  phone_detached: {
    en: 'the phone number was removed: its new holder has signed in with it',
    'zh-CN': '您的账号手机号已被解绑：该号码的新持有人使用其登录',
  },
  sessions_ended: {
    en: 'our support team ended every session of the account',
    'zh-CN': '客服已退出您账号的所有登录',
  },
  recovered: { en: 'the account was recovered and every session ended', 'zh-CN': '您的账号已被找回，所有登录均已退出' },
};

/** What a message that carries a text of its own says to do with it. */
const next: Partial<Record<NoticeKind, Record<Language, (helpCentre: string, extra: string) => string>>> = {
  recovery_started: {
    en: (helpCentre, code) => `If this was not you, stop it with the code ${code} at ${helpCentre}`,
    'zh-CN': (helpCentre, code) => `如非本人操作，请前往 ${helpCentre} 输入 ${code} 终止找回`,
  },
  recovery_offered: {
    en: (helpCentre, token) => `If you asked for it, go on with ${token} at ${helpCentre}; otherwise do nothing`,
    'zh-CN': (helpCentre, token) => `如为本人申请，请前往 ${helpCentre} 输入 ${token} 继续；否则请忽略`,
  },
};

/**
 * What goes into one variable of an approved SMS template where the sentence above does not: it takes 35 characters and no address
 * (isv.PARAM_LENGTH_LIMIT, isv.PARAM_NOT_SUPPORT_URL).
 */
const brief: Partial<Record<NoticeKind, Partial<Record<Language, (extra: string) => string>>>> = {
  recovery_started: {
    en: (code) => `stop recovery: ${code}`,
    'zh-CN': (code) => `有人申请找回您的账号，终止码 ${code}`,
  },
  recovery_offered: {
    en: (token) => `recovery: ${token}`,
    'zh-CN': (token) => `客服已发起找回，口令 ${token}`,
  },
  new_device: { en: () => 'a sign-in from a new device' },
  contact_added: { en: () => 'a phone or e-mail was added' },
  contact_removed: { en: () => 'a phone or e-mail was removed' },
  totp_on: { en: () => 'the authenticator app is now on' },
  totp_off: { en: () => 'the authenticator app is now off' },
  phone_detached: { en: () => 'number removed: new holder uses it' },
  sessions_ended: { en: () => 'our support ended every session' },
  recovered: { en: () => 'account recovered, sessions ended' },
};

/** Time in UTC to the minute: the reader's zone is not known. */
export const noticeText = (
  kind: NoticeKind,
  language: Language,
  { at, helpCentre, extra }: { at: Date; helpCentre: string; extra?: string | undefined },
): { subject: string; text: string; brief: { what: string; time: string } } => {
  const more = extra === undefined ? undefined : next[kind]?.[language](helpCentre, extra);
  const time = `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const words = { brief: { what: brief[kind]?.[language]?.(extra ?? '') ?? what[kind][language], time } };
  return language === 'en'
    ? {
        ...words,
        subject: 'Security notice about your Meridian account',
        text: `${time}: ${what[kind].en}. ${more ?? `If this was not you, go to ${helpCentre}`}`,
      }
    : {
        ...words,
        subject: 'Meridian 账号安全提醒',
        text: `${what[kind]['zh-CN']}（${time}）。${more ?? `如非本人操作，请前往 ${helpCentre}`}`,
      };
};

/** Seconds before the next attempt, by the number of those that failed: a provider that is out for hours costs a notice nothing but time. */
export const noticeBackOff = (failed: number): number => [5, 30, 120][failed - 1] ?? (failed < 10 ? 600 : 3_600);

/** SMS without an answer, of one notice that no limit holds back: each may have arrived, and costs. The last leaves some three hours after the first. */
export const maxUnanswered = 12;

/** Seconds one attempt may take, longer than any provider's time-out: a notice whose sender crashed is due again after them. */
export const noticeLeaseSeconds = 60;

/** Seconds after which a notice held back by a limit asks again at the latest: an operator may have raised it. */
export const longestHoldSeconds = 600;

/** However long a limit stays full or a provider is out: older news help nobody. No outage of a weekend loses any. */
export const noticeLifeMs = 3 * 86_400_000;
