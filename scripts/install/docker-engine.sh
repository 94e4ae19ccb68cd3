#!/usr/bin/env bash
# Makes sure that a Docker engine answers: installs Debian's where there is none, with what the stand-in images and certificates need, and starts it.
# For a build machine with root; on a person's machine install Docker as its vendor says.
set -euo pipefail

answers() { docker info >/dev/null 2>&1; }

needed=(debootstrap maven openssl)
# A client alone starts nothing.
answers || needed+=(docker.io)
missing=()
for package in "${needed[@]}"; do
  program=${package/docker.io/dockerd}
  program=${program/maven/mvn}
  command -v "$program" >/dev/null || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] || { echo "Not installed: ${missing[*]}. Install them, or run this as root." >&2; exit 1; }
  echo "installing ${missing[*]}"
  apt-get -q update >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! answers; then
  [ "$(id -u)" = 0 ] || { echo "The Docker engine does not answer; starting it needs root." >&2; exit 1; }
  echo "starting the engine"
  setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
  for _ in $(seq 60); do answers && break; sleep 1; done
fi
answers || { echo "The Docker engine does not answer; see /var/log/dockerd.log." >&2; exit 1; }
echo "Docker engine $(docker version --format '{{.Server.Version}}') answers"
