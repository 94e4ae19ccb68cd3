// Runs a sandbox as a program, or draws secrets for one:
//   node main.ts new-secrets cn global > secrets.json
//   SANDBOX_SECRETS_FILE=secrets.json SANDBOX_HTTP_PORT=4080 SANDBOX_SMTP_PORT=4025 node main.ts
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { exampleModels } from './models.ts';
import { exampleStaff } from './oidc/staff.ts';
import { startSandbox } from './sandbox.ts';
import { createSandboxSecrets } from './secrets.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const path = z.string().min(1);
const environment = z.object({
  SANDBOX_SECRETS_FILE: path,
  SANDBOX_HTTP_PORT: port,
  SANDBOX_SMTP_PORT: port,
  /** A folder of its own, where payments outlive a restart. */
  SANDBOX_DATA_DIR: path.optional(),
  /** 1 keeps the vendors' real retry schedules. */
  SANDBOX_TIME_SCALE: z.coerce.number().positive().max(10).default(1),
  SANDBOX_HOST: z.string().min(1).optional(),
  SANDBOX_ORIGIN: z.url({ protocol: /^https?$/ }).optional(),
  SANDBOX_TLS_KEY_FILE: path.optional(),
  SANDBOX_TLS_CERT_FILE: path.optional(),
  /** JSON { models?, staff?, redirectUris?, apiOrigins? }: what the outside world holds. */
  SANDBOX_WORLD_FILE: path.optional(),
});
const world = z.strictObject({
  models: z
    .array(
      z.strictObject({ id: z.string(), ownedBy: z.string(), contextTokens: z.number(), maxOutputTokens: z.number() }),
    )
    .default(exampleModels),
  staff: z
    .array(z.strictObject({ sub: z.string(), name: z.string(), email: z.string(), roles: z.array(z.string()) }))
    .default(exampleStaff),
  /** By region: where the provider may send staff back to. */
  redirectUris: z.record(z.string(), z.array(z.url())).default({}),
  /** By region: the public origin below which login providers call back. */
  apiOrigins: z.record(z.string(), z.url()).default({}),
});

const run = async () => {
  const env = environment.parse(process.env);
  const { redirectUris, ...there } = world.parse(
    env.SANDBOX_WORLD_FILE ? JSON.parse(readFileSync(env.SANDBOX_WORLD_FILE, 'utf8')) : {},
  );
  const { SANDBOX_TLS_KEY_FILE: key, SANDBOX_TLS_CERT_FILE: cert } = env;
  const sandbox = await startSandbox({
    secrets: JSON.parse(readFileSync(env.SANDBOX_SECRETS_FILE, 'utf8')),
    http: { port: env.SANDBOX_HTTP_PORT },
    smtp: { port: env.SANDBOX_SMTP_PORT },
    host: env.SANDBOX_HOST,
    origin: env.SANDBOX_ORIGIN,
    ...(key && cert && { tls: { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') } }),
    dataDir: env.SANDBOX_DATA_DIR,
    now: () => new Date(),
    ...there,
    redirectUris,
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
