#!/bin/bash
# Writes server.properties from KAFKA_* variables by the official image's rule (KAFKA_A_B -> a.b, ___ -> -, __ -> _), formats the log folder once, runs the broker.
set -euo pipefail

properties=/opt/kafka/config/server.properties
: "${KAFKA_NODE_ID:=1}" "${KAFKA_PROCESS_ROLES:=broker,controller}" "${KAFKA_LISTENERS:=PLAINTEXT://:9092,CONTROLLER://:9093}"
: "${KAFKA_ADVERTISED_LISTENERS:=PLAINTEXT://localhost:9092}" "${KAFKA_CONTROLLER_LISTENER_NAMES:=CONTROLLER}"
: "${KAFKA_LISTENER_SECURITY_PROTOCOL_MAP:=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL}"
: "${KAFKA_CONTROLLER_QUORUM_VOTERS:=1@localhost:9093}" "${KAFKA_LOG_DIRS:=/var/lib/kafka/data}"
: "${KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR:=1}" "${KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR:=1}" "${KAFKA_TRANSACTION_STATE_LOG_MIN_ISR:=1}"
: "${KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR:=1}" "${KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR:=1}" "${KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS:=0}"
: "${CLUSTER_ID:=5L6g3nShT-eMCtK--X86sw}"
# Heap and the like are for the launcher, not for the broker's configuration.
not_settings='^KAFKA_(OPTS|HEAP_OPTS|JVM_PERFORMANCE_OPTS|LOG4J_OPTS|JMX_OPTS)$'

# The official entrypoint's rule (docker/resources/common-scripts/configure): a listener named SSL needs its keystore by these variables, or there is no start.
if [[ $KAFKA_ADVERTISED_LISTENERS == *"SSL://"* ]]; then
  for name in KAFKA_SSL_KEYSTORE_FILENAME KAFKA_SSL_KEY_CREDENTIALS KAFKA_SSL_KEYSTORE_CREDENTIALS; do
    [ -n "${!name:-}" ] || { echo >&2 "$name not set: a listener named SSL needs it"; exit 1; }
  done
fi

: > "$properties"
for name in $(compgen -v | grep '^KAFKA_' | grep -Ev "$not_settings" | sort); do
  key=${name#KAFKA_}
  key=$(printf %s "$key" | tr '[:upper:]' '[:lower:]' | sed 's/___/\x01/g; s/__/\x02/g; s/_/./g; s/\x01/-/g; s/\x02/_/g')
  printf '%s=%s\n' "$key" "${!name}" >> "$properties"
done

/opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t "$CLUSTER_ID" -c "$properties"
exec /opt/kafka/bin/kafka-server-start.sh "$properties"
