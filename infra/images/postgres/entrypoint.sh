#!/bin/bash
# First start: makes the cluster by the official image's variables (POSTGRES_PASSWORD, _USER, _DB, _INITDB_ARGS, _HOST_AUTH_METHOD and their _FILE forms),
# runs /docker-entrypoint-initdb.d/*.{sh,sql}. Every start: runs the command as user postgres.
set -euo pipefail

from_file() {
  local name=$1 file_name="${1}_FILE"
  if [ -n "${!file_name:-}" ]; then export "$name"="$(<"${!file_name}")"; fi
}

if [ "${1:0:1}" = '-' ]; then set -- postgres "$@"; fi

if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
  install -d -o postgres -g postgres -m 0700 "$PGDATA"
  find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
  chown postgres /var/run/postgresql
  exec gosu postgres "$0" "$@"
fi

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB POSTGRES_INITDB_ARGS; do from_file "$name"; done
  method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
    echo >&2 'Error: the database is not initialised and POSTGRES_PASSWORD is not set.'
    exit 1
  fi
  user=${POSTGRES_USER:-postgres}
  db=${POSTGRES_DB:-$user}
  # shellcheck disable=SC2086 -- the arguments are a list on purpose
  initdb --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") --auth-local=trust --auth-host="$method" ${POSTGRES_INITDB_ARGS:-} -D "$PGDATA"
  printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
  # Only the socket until everything is in place: nobody outside sees a half-made database.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' $(printf '%q ' "${@:2}")" -w start
  export PGUSER=$user PGPASSWORD=${POSTGRES_PASSWORD:-}
  if [ "$db" != postgres ]; then psql -v ON_ERROR_STOP=1 --no-password -d postgres -c "create database \"$db\""; fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) psql -v ON_ERROR_STOP=1 --no-password -d "$db" -f "$file" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGUSER PGPASSWORD
  echo 'PostgreSQL init process complete; ready for start up.'
fi

exec "$@"
