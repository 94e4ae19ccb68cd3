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
  'recovered',
] as const;
export type NoticeKind = (typeof noticeKinds)[number];
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
  recovered: { en: 'the account was recovered and every session ended', 'zh-CN': '您的账号已被找回，所有登录均已退出' },
};

/** Time in UTC to the minute: the reader's zone is not known. */
export const noticeText = (
  kind: NoticeKind,
  language: Language,
  { at, helpCentre }: { at: Date; helpCentre: string },
): { subject: string; text: string } => {
  const time = `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return language === 'en'
    ? {
        subject: 'Security notice about your Meridian account',
        text: `${time}: ${what[kind].en}. If this was not you, go to ${helpCentre}`,
      }
    : {
        subject: 'Meridian 账号安全提醒',
        text: `${what[kind]['zh-CN']}（${time}）。如非本人操作，请前往 ${helpCentre}`,
      };
};

/** Seconds before the next attempt, by the number of those made; undefined: given up. */
export const noticeBackOff = (attempts: number): number | undefined => [5, 30, 120, 600][attempts - 1];
