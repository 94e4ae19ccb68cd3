// A message of a provider: verified by its client, acted on once, answered the same each time.
import type { IdentityDeps } from '../deps.ts';
import { deletionAnswer } from '../providers/facebook-push.ts';
import type { LoginProvider, PushAnswer, PushEvent, PushRequest } from '../providers/login-provider.ts';
import { endLogins } from './end-login.ts';
import { insertDeletion, recordPush } from './login-push.store.ts';
import { hashOf, type LoginSecrets } from './login-secrets.ts';

export type PushReader = LoginProvider & Required<Pick<LoginProvider, 'parsePush'>>;

/** By the provider's own id of the event, else by what it says: a provider that repeats itself may encrypt and sign anew. */
const hashOfEvent = (secrets: LoginSecrets, provider: string, event: PushEvent): string =>
  event.id === undefined
    ? secrets.pushHash(
        provider,
        event.kind,
        event.at.toISOString(),
        ...event.subjectIds.flatMap(({ kind, value }) => [kind, value]),
      )
    : secrets.pushHash(provider, 'id', event.id);

/** Throws LoginError for whatever is not provably the provider's. */
export const receivePush = async (
  deps: IdentityDeps,
  provider: PushReader,
  request: PushRequest,
): Promise<PushAnswer> => {
  const push = await provider.parsePush(request);
  if (push.kind === 'handshake') return push.answer;
  let answer = push.answer;
  for (const event of push.events) {
    const pushHash = hashOfEvent(deps.loginSecrets, provider.name, event);
    const confirmationCode = deps.loginSecrets.confirmationCode(pushHash);
    await deps.db.transaction(async (tx) => {
      if (!(await recordPush(tx, pushHash, deps.now()))) return;
      const [ended] = await endLogins(tx, deps, event);
      if (event.kind === 'deletion_requested')
        await insertDeletion(tx, {
          confirmationHash: hashOf(confirmationCode),
          provider: provider.name,
          requestedAt: deps.now(),
          accountId: ended?.endsAt ? ended.accountId : null,
          endsAt: ended?.endsAt ?? null,
        });
    });
    if (event.kind === 'deletion_requested')
      answer = deletionAnswer(
        `${deps.region.profile.addresses.api}/v1/logins/deletions/${confirmationCode}`,
        confirmationCode,
      );
  }
  return answer;
};
