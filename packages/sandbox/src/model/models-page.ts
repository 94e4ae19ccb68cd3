import type { ModelConfig } from '../config.ts';
import { html } from '../http/html.ts';
import type { Page } from '../http/page.ts';

export const modelsPage = (models: ModelConfig[], origin: string): Page => ({
  title: 'Model upstream',
  body: html`<h1>Model upstream</h1>
<p>Base URL <code>${origin}/v1</code>. What it says is decided by the last user message: <code>write 50 words</code>, <code>写50个字</code>, <code>say: hello</code>; anything else is echoed.</p>
<div class="scroll"><table><thead><tr><th scope="col">Model</th><th scope="col">Context</th><th scope="col">Longest answer</th></tr></thead>
<tbody>${models.map((model) => html`<tr><th scope="row"><code>${model.id}</code></th><td>${model.contextTokens} tokens</td><td>${model.maxOutputTokens} tokens</td></tr>`)}</tbody></table></div>`,
});
