// The page around the interactive API reference of one region.
const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

export const referencePage = (region: { id: string; name: string }, services: readonly string[]) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Meridian API reference: ${escapeHtml(region.name)}</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<style>
  body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
  header { padding: 1rem 1.5rem; background: #14202e; color: #fff; }
  header h1 { margin: 0; font-size: 1.25rem; }
  header p { margin: .25rem 0 0; opacity: .85; }
  .swagger-ui .topbar { background: #24364b; }
  .swagger-ui .topbar .link { display: none; }
</style>
</head>
<body>
<header>
  <h1>Meridian API reference: ${escapeHtml(region.name)}</h1>
  <p>Region <code>${escapeHtml(region.id)}</code>. Pick a service at the right: ${services.map(escapeHtml).join(', ')}.</p>
</header>
<main id="reference"></main>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/swagger-ui-standalone-preset.js"></script>
<script src="/docs/page.js"></script>
</body>
</html>
`;
