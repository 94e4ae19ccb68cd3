// The life of a case: one pure transition table. The automation opens a case; only people decide it.

export type CaseState = 'open' | 'upheld' | 'overturned' | 'expired';
export type AppealStatus = 'none' | 'open' | 'upheld' | 'overturned';
export type Verdict = 'uphold' | 'overturn';

export type CaseFacts = {
  readonly state: CaseState;
  readonly appeal: AppealStatus;
  /** Staff who decided this case before. */
  readonly decidedBy: readonly string[];
};

export type CaseAction =
  | { readonly do: 'appeal' }
  | { readonly do: 'decide'; readonly verdict: Verdict; readonly staffId: string }
  /** The protection reached its end time. */
  | { readonly do: 'expire' };

export type CaseRefusal = 'appeal_open' | 'case_closed' | 'second_person_required' | 'case_not_decidable';

export type CaseStep =
  | { readonly refused: CaseRefusal }
  | { readonly refused?: undefined; readonly state: CaseState; readonly appeal: AppealStatus; readonly lifts: boolean };

const isClosed = (state: CaseState) => state === 'overturned' || state === 'expired';

const decide = ({ state, appeal, decidedBy }: CaseFacts, verdict: Verdict, staffId: string): CaseStep => {
  if (isClosed(state)) return { refused: 'case_closed' };
  // Upholding what is upheld decides nothing, unless an appeal asks for it.
  if (verdict === 'uphold' && state === 'upheld' && appeal !== 'open') return { refused: 'case_not_decidable' };
  // A person decides a case once: an appeal, or a change of mind, takes somebody else.
  if (decidedBy.includes(staffId)) return { refused: 'second_person_required' };
  return verdict === 'uphold'
    ? { state: 'upheld', appeal: appeal === 'open' ? 'upheld' : appeal, lifts: false }
    : { state: 'overturned', appeal: appeal === 'open' ? 'overturned' : appeal, lifts: true };
};

export const stepCase = (facts: CaseFacts, action: CaseAction): CaseStep => {
  const { state, appeal } = facts;
  switch (action.do) {
    case 'appeal':
      if (appeal === 'open') return { refused: 'appeal_open' };
      // One appeal per case: its decision is final.
      return isClosed(state) || appeal !== 'none'
        ? { refused: 'case_closed' }
        : { state, appeal: 'open', lifts: false };
    case 'decide':
      return decide(facts, action.verdict, action.staffId);
    case 'expire':
      // The end of a protection never answers an appeal, nor undoes a person's decision.
      return { state: state === 'open' && appeal !== 'open' ? 'expired' : state, appeal, lifts: true };
  }
};
