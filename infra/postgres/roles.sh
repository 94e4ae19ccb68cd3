#!/bin/bash
# Makes one service's database and its two roles, or gives them the passwords now in the mounted files. The image runs it on first start;
# `docker compose exec <service>-db /etc/meridian/roles.sh` runs it again after `npm run region -- rotate <id> databases`.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  install -o postgres -g postgres -m 0600 /run/secrets/* /run/meridian/
  exec gosu postgres "$0" "$@"
fi
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U postgres -d postgres \
  -v database="$DATABASE" -v owner="$OWNER" -v application="$APPLICATION" <<'SQL'
\set owner_password `cat /run/meridian/owner-password`
\set application_password `cat /run/meridian/application-password`
select format('create role %I', name) from unnest(array[:'owner', :'application']) as name
 where not exists (select from pg_roles where rolname = name) \gexec
alter role :"owner" login nosuperuser nocreatedb nocreaterole noreplication password :'owner_password';
alter role :"application" login nosuperuser nocreatedb nocreaterole noreplication noinherit password :'application_password';
select format('create database %I owner %I', :'database', :'owner')
 where not exists (select from pg_database where datname = :'database') \gexec
revoke all on database :"database" from public;
revoke all on database postgres from public;
grant connect on database :"database" to :"application";
\connect :"database"
-- Tables belong to the owner; the job that migrates says what the application may do with them.
alter schema public owner to :"owner";
revoke all on schema public from public;
SQL
