// The one port through which identity speaks with accounts elsewhere. What differs between providers ends here.
import type { FederatedLogin } from '@meridian/regions/profile.ts';

/** What one login needs to remember on our side between going and coming back. Single use, bound to the browser session by the flow. */
export type LoginFlow = {
  /** Exactly as registered at the provider; one path per provider, so that no answer can be taken for another's (mix-up). */
  readonly redirectUri: string;
  readonly state: string;
  /** For providers that have one: OpenID Connect Core, section 3.1.2.1. */
  readonly nonce: string;
  /** For providers that have PKCE (RFC 7636). */
  readonly codeVerifier: string;
};

/** Kinds of identifiers. `openid`, `open_id`, `user_id` and Apple's `sub` are per app or team; the others hold across apps. */
export type SubjectKind = 'unionid' | 'openid' | 'open_id' | 'user_id' | 'uid' | 'sub';

/** The key of a linked login is all four together, never an address: an id of another kind is another id, even if it looks the same. */
export type SubjectId = {
  readonly provider: FederatedLogin;
  readonly app: string;
  readonly kind: SubjectKind;
  readonly value: string;
};

export type ProvenLogin = {
  /** At least one. All belong to the same person; the first is the one that holds across apps, where there is one. */
  readonly subjectIds: readonly [SubjectId, ...SubjectId[]];
  /** As the person calls themself there; unproven text. */
  readonly displayName?: string;
  /** `verified` only where the provider proves it: Google and Apple, in a signed claim. Anything else owns nothing. */
  readonly email?: {
    readonly value: string;
    readonly verified: boolean;
    readonly privateRelay?: boolean;
    /** False: verified there once, but the provider does not run the mailbox, which may have another owner by now. */
    readonly authoritative?: boolean;
  };
  /** To be kept sealed and given to `revoke` when the login is unlinked: Apple's refresh token, Weibo's and Facebook's access token. */
  readonly revocationToken?: string;
};

/** What a provider tells us without being asked. */
export type PushEvent = {
  readonly kind:
    | 'revoked' // the person took back what they allowed our app
    | 'closed' // the account there is gone
    | 'info_modified' // name or picture were cleaned by the provider
    | 'email_changed' // the relay address began or ceased to forward
    | 'deletion_requested'; // the person asks us to delete their data; the answer must name a status page
  readonly subjectIds: readonly [SubjectId, ...SubjectId[]];
  /** When it happened, by the provider's clock. */
  readonly at: Date;
  /** Unique per event where the provider says one; repeats carry the same. */
  readonly id?: string;
};
export type PushRequest = {
  readonly method: 'GET' | 'POST';
  readonly query: Readonly<Record<string, string>>;
  /** The body as it came, at most 16 KiB. */
  readonly body: string;
};
export type PushAnswer = { readonly contentType: string; readonly body: string };
export type Push =
  /** The provider checks that the address is ours: answer, nothing happened. */
  | { readonly kind: 'handshake'; readonly answer: PushAnswer }
  /** No events: genuine, but of a sort that concerns nobody here. */
  | { readonly kind: 'events'; readonly events: readonly PushEvent[]; readonly answer: PushAnswer };

export type LoginProvider = {
  readonly name: FederatedLogin;
  /** Our app's public id there. */
  readonly app: string;
  /** How the answer comes: 'form_post' is a cross-site POST, on which browsers send no SameSite=Lax cookie. */
  readonly callback: 'query' | 'form_post';
  /** Where to send the browser. Throws LoginError `provider_unavailable`. */
  readonly authorizeUrl: (flow: LoginFlow) => Promise<URL>;
  /** Turns the parameters of the answer into a proven person. Throws LoginError. A code is used up by the first call. */
  readonly exchange: (parameters: Readonly<Record<string, string>>, flow: LoginFlow) => Promise<ProvenLogin>;
  /** Ends what the person allowed our app. A token that is ended already is no error. Throws LoginError. */
  readonly revoke?: (revocationToken: string) => Promise<void>;
  /** Verifies and reads a push. Throws LoginError `invalid_callback` for whatever is not provably the provider's. */
  readonly parsePush?: (request: PushRequest) => Promise<Push>;
};

/** All that can go wrong, for the flows. */
export type LoginErrorCode =
  | 'denied_by_user' // the person refused; offer the other ways in
  | 'provider_unavailable' // no answer, or a 5xx: try again later
  | 'invalid_callback' // the answer is not one to this flow, or its code is used, expired or foreign: start again
  | 'provider_error'; // the provider refused us or said what cannot be trusted: somebody must look

export class LoginError extends Error {
  readonly code: LoginErrorCode;
  readonly provider: FederatedLogin;
  /** The provider's own code or our name for the check that failed; safe to log. */
  readonly reason: string;
  constructor(provider: FederatedLogin, code: LoginErrorCode, reason: string, options?: ErrorOptions) {
    // What a provider calls its error comes from outside: only what looks like a code is kept.
    const safe = /^-?[A-Za-z0-9_.-]{1,60}$/.test(reason) ? reason : 'unreadable';
    super(`login by ${provider}: ${code} (${safe})`, options);
    this.code = code;
    this.provider = provider;
    this.reason = safe;
  }
}
