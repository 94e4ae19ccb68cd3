#!/bin/bash
# Hands the mounted secrets to the server's own user, then starts the image's entrypoint with TLS on.
set -euo pipefail
install -d -o postgres -g postgres -m 0700 /run/meridian
install -o postgres -g postgres -m 0600 /run/secrets/* /run/meridian/
exec docker-entrypoint.sh postgres \
  -c hba_file=/etc/meridian/pg_hba.conf \
  -c ssl=on -c ssl_min_protocol_version=TLSv1.2 \
  -c ssl_cert_file=/run/meridian/server.crt -c ssl_key_file=/run/meridian/server.key -c ssl_ca_file=/run/meridian/ca.crt \
  -c password_encryption=scram-sha-256 \
  -c shared_buffers="${SHARED_BUFFERS:-64MB}" -c max_connections=60
