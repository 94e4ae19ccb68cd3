// Runs a sandbox as a program, or draws secrets for one:
//   node main.ts new-secrets cn global > secrets.json
//   SANDBOX_SECRETS_FILE=secrets.json SANDBOX_HTTP_PORT=4080 SANDBOX_SMTP_PORT=4025 node main.ts
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { exampleModels } from './models.ts';
import { exampleStaff } from './oidc/staff.ts';
import { startSandbox } from './sandbox.ts';
import { createSandboxSecrets } from './secrets.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const environment = z.object({
  SANDBOX_SECRETS_FILE: z.string().min(1),
  SANDBOX_HTTP_PORT: port,
  SANDBOX_SMTP_PORT: port,
  /** 1 keeps the vendors' real retry schedules. */
  SANDBOX_TIME_SCALE: z.coerce.number().positive().max(10).default(1),
});

const run = async () => {
  const env = environment.parse(process.env);
  const sandbox = await startSandbox({
    secrets: JSON.parse(await readFile(env.SANDBOX_SECRETS_FILE, 'utf8')),
    http: { port: env.SANDBOX_HTTP_PORT },
    smtp: { port: env.SANDBOX_SMTP_PORT },
    now: () => new Date(),
    models: exampleModels,
    staff: exampleStaff,
    notifications: { timeScale: env.SANDBOX_TIME_SCALE, timeoutMs: 5000 },
    log: (line) => console.error(line),
  });
  console.log(`Sandbox: ${sandbox.origin}  SMTP: ${sandbox.smtp.host}:${sandbox.smtp.port}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      sandbox.stop().then(
        () => process.exit(0),
        (error: Error) => {
          console.error(error.message);
          process.exit(1);
        },
      );
    });
};

const [command, ...regions] = process.argv.slice(2);
if (command === 'new-secrets')
  console.log(JSON.stringify(await createSandboxSecrets(regions.length > 0 ? regions : undefined), null, 2));
else await run();
