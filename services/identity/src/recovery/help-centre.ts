// Every failure of a sign-in, a registration or a recovery leads to the help centre: added where problems are rendered, so that none is forgotten.
import { leadsToHelpCentre } from '@meridian/contracts/identity-recovery.ts';
import { type ProblemRenderer, renderProblem } from '@meridian/kit/http/problems.ts';

const codes: ReadonlySet<string> = new Set(leadsToHelpCentre.map((problem) => problem.code));

export const renderWithHelpCentre =
  (helpCentre: string): ProblemRenderer =>
  (definition, members, requestId) =>
    renderProblem(definition, codes.has(definition.code) ? { ...members, helpCentre } : members, requestId);
