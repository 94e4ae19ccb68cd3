import { expect, test } from '@jest/globals';
import { deletionPage, stateOf } from './deletion-page.ts';

const requestedAt = new Date('2026-11-01T10:00:00Z');
const endsAt = new Date('2026-11-15T10:00:00Z');

test.each([
  [{ endsAt: null, sagaId: null, status: null }, 'login_deleted'],
  [{ endsAt, sagaId: null, status: null }, 'waiting'],
  [{ endsAt: null, sagaId: 'sag', status: 'cancelling' as const }, 'account_deleting'],
  [{ endsAt: null, sagaId: 'sag', status: 'erased' as const }, 'account_deleted'],
])('%j is %s', (given, state) => {
  expect(stateOf({ requestedAt, ...given })).toBe(state);
});

test.each(['en', 'zh-CN'] as const)('the page in %s names both days and the help centre', (language) => {
  const page = deletionPage({ requestedAt, endsAt, sagaId: null, status: null }, language, 'https://help.example');
  for (const text of ['2026-11-01', '2026-11-15', 'https://help.example', `lang="${language}"`])
    expect(page).toContain(text);
});
