// The page that a provider shows to a person who asked there that we delete their data. It says nothing about who they are.
import type { CancellationState } from '../db/schema.ts';

type Language = 'zh-CN' | 'en';
export type Deletion = {
  readonly requestedAt: Date;
  /** The login is the only way into an account, which is cancelled then. */
  readonly endsAt: Date | null;
  readonly sagaId: string | null;
  readonly status: CancellationState | null;
};
export type DeletionState = 'login_deleted' | 'waiting' | 'account_deleting' | 'account_deleted';

export const stateOf = ({ endsAt, sagaId, status }: Deletion): DeletionState => {
  if (sagaId !== null) return status === 'erased' ? 'account_deleted' : 'account_deleting';
  return endsAt === null ? 'login_deleted' : 'waiting';
};

const day = (at: Date | null) => at?.toISOString().slice(0, 10) ?? '';
const texts: Record<DeletionState, Record<Language, (endsAt: string) => string>> = {
  login_deleted: {
    en: () => 'Done. What we had from this login is deleted.',
    'zh-CN': () => '已完成：我们从该登录方式获得的数据已删除。',
  },
  waiting: {
    en: (at) =>
      `This login is the only way into an account. The account and its data will be deleted on ${at}, unless its owner adds another way to sign in before; then only what came from this login is deleted.`,
    'zh-CN': (at) =>
      `该登录方式是账号的唯一登录方式。账号及其数据将于 ${at} 删除；若账号所有者在此之前添加其他登录方式，则仅删除来自该登录方式的数据。`,
  },
  account_deleting: {
    en: () => 'The account is closed; its data is being deleted.',
    'zh-CN': () => '账号已注销，数据正在删除。',
  },
  account_deleted: {
    en: () => 'Done. The account and its data are deleted; only what the law demands is kept.',
    'zh-CN': () => '已完成：账号及其数据已删除，仅保留法律要求保留的部分。',
  },
};

export const deletionPage = (deletion: Deletion, language: Language, helpCentre: string): string => {
  const title = language === 'en' ? 'Deletion of your data' : '数据删除';
  const asked = language === 'en' ? 'Asked for on' : '申请日期';
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1><p>${asked} ${day(deletion.requestedAt)}.</p><p>${texts[stateOf(deletion)][language](day(deletion.endsAt))}</p><p><a href="${helpCentre}">${helpCentre}</a></p></body></html>\n`;
};
