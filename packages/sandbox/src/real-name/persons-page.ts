import { html } from '../http/html.ts';
import type { Page } from '../http/page.ts';
import { testPerson, testPersons } from './test-persons.ts';

const outcomes = { match: 'matches', mismatch: 'does not match', not_found: 'no record' };

export const personsPage = (): Page => ({
  title: 'Real-name registry',
  body: html`<h1>Real-name registry</h1>
<p>The registry answers Aliyun's <code>Id2MetaVerify</code>. These people are made by rule; use them to try verification.</p>
<div class="scroll"><table><thead><tr><th scope="col">Name</th><th scope="col">Identity number</th><th scope="col">Answer</th><th scope="col">Remark</th></tr></thead>
<tbody>${[
    ...testPersons,
    ...[10, 11, 12, 13, 14].map((n) => ({
      ...testPerson(n),
      outcome: 'match' as const,
      about: `Person ${n} of the rule`,
    })),
  ].map(
    (person) =>
      html`<tr><td lang="zh-CN">${person.name}</td><td><code>${person.idNumber}</code></td><td>${outcomes[person.outcome]}</td><td>${person.about}</td></tr>`,
  )}</tbody></table></div>`,
});
