// The sandbox as the embedded start runs it: the profiles' models, a small staff, real retry schedules.
import type { Profile } from '@meridian/regions/profile.ts';
import type { SandboxConfig, SandboxSecrets } from '@meridian/sandbox/config.ts';

const staff = [
  { sub: 'rita', name: 'Rita Reviewer', email: 'rita@operator.example', roles: ['reviewer'] },
  { sub: 'ravi', name: 'Ravi Reviewer', email: 'ravi@operator.example', roles: ['reviewer'] },
  { sub: 'fiona', name: 'Fiona Finance', email: 'fiona@operator.example', roles: ['finance'] },
  { sub: 'sam', name: 'Sam Support', email: 'sam@operator.example', roles: ['support'] },
  { sub: 'ada', name: 'Ada Admin', email: 'ada@operator.example', roles: ['admin', 'reviewer'] },
  { sub: 'norm', name: 'Norm Nobody', email: 'norm@operator.example', roles: [] },
];

export const sandboxConfig = (
  secrets: SandboxSecrets,
  ports: { http: number; smtp: number },
  profiles: readonly Profile[],
  dataDir: string | undefined,
  log: (line: string) => void,
): SandboxConfig => ({
  secrets,
  http: { port: ports.http },
  smtp: { port: ports.smtp },
  dataDir,
  now: () => new Date(),
  models: [...new Set(profiles.flatMap((p) => p.models.map((m) => m.model)))].map((id) => ({
    id,
    ownedBy: 'sandbox',
    contextTokens: 131_072,
    maxOutputTokens: 8_192,
  })),
  staff,
  notifications: { timeScale: 1, timeoutMs: 5_000 },
  log,
});
