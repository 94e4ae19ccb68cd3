// The rule set in force, in memory: swapped as a whole, so that no scan sees half of a change.
import type { Database } from '@meridian/kit/db/database.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { Schema } from '../db/schema.ts';
import { createLiteralMatcher } from '../matching/literal-matcher.ts';
import type { Matcher } from '../matching/matcher.ts';
import type { RuleSet } from './rule.ts';
import { findRuleSet, findSetVersion } from './rules.store.ts';

export type LoadedRules = RuleSet & { readonly matcher: Matcher };
export type LiveRules = {
  /** The set in force when it was last looked at. Throws before the first `refresh`. */
  readonly current: () => LoadedRules;
  /** Looks for a newer set; call it at least every 500 ms. */
  readonly refresh: () => Promise<void>;
};

export const createLiveRules = ({ db, log }: { db: Database<Schema>; log: Logger }): LiveRules => {
  let loaded: LoadedRules | undefined;
  return {
    current: () => {
      if (!loaded) throw new Error('no rules are loaded');
      return loaded;
    },
    refresh: async () => {
      const version = await findSetVersion(db.read);
      if (version === 0 || version === loaded?.version) return;
      const set = await findRuleSet(db.read, version);
      if (!set) return;
      loaded = { ...set, matcher: createLiteralMatcher(set.rules) };
      log.info({ version, rules: set.rules.length }, 'rules in force');
    },
  };
};
