import type { Binaries } from './binaries.ts';

export type ServerSettings = { durable: boolean; socketDir: string };

/** Command line of the server. All settings are given here: postgresql.conf stays as initdb wrote it. */
export function serverArguments(cluster: string, settings: ServerSettings): string[] {
  const values: Record<string, string> = {
    listen_addresses: '',
    unix_socket_directories: settings.socketDir,
    unix_socket_permissions: '0700',
    ...SMALL,
    ...QUIET,
    ...(settings.durable ? {} : FORGETFUL),
  };
  return ['-D', cluster, ...asArguments(values)];
}

const asArguments = (values: Record<string, string>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

/** Arguments of a server in a container, for tests only. */
export const forgetfulSettings = (): string[] => asArguments({ ...SMALL, ...QUIET, ...FORGETFUL });

/** For one machine that also runs everything else: few processes, little memory touched, short plans. */
const SMALL = {
  max_connections: '200',
  shared_buffers: '32MB',
  work_mem: '4MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '256MB',
  jit: 'off',
  huge_pages: 'off',
  io_method: 'sync',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  autovacuum_max_workers: '1',
  autovacuum_worker_slots: '2',
} as const;

/** No statement, value or key reaches the log: they may be personal data. */
const QUIET = {
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
} as const;

/** For tests: kill -9 of the server loses the last commits, a crash of the machine everything. */
const FORGETFUL = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } as const;

/** Environment of PostgreSQL's programs: PG* variables of the caller must not reach them. */
export function serverEnvironment(binaries: Binaries): Record<string, string> {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', ...binaries.env };
}
