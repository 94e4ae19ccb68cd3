#!/usr/bin/env bash
# Makes sure that a Docker engine answers: installs Debian's where there is none, with what the stand-in images and certificates need, and starts it.
# For a build machine with root; on a person's machine install Docker as its vendor says.
set -euo pipefail

run=${DOCKER_RUN:-/var/run}
log=${DOCKER_LOG:-/var/log/dockerd.log}
wait=${DOCKER_WAIT:-180} # seconds

answers() { timeout 10 docker info >/dev/null 2>&1; }

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
  # An engine that was killed leaves the number of its process behind. When another program bears it by now, the next engine waits for that one as if it
  # were its own containerd, and gives up after a quarter of a minute.
  for file in "$run"/docker.pid "$run"/docker/containerd/containerd.pid; do
    [ -s "$file" ] || continue
    case $(cat "/proc/$(cat "$file")/comm" 2>/dev/null) in
      dockerd | containerd) ;;
      *) echo "removing $file: its process is gone"; rm -f "$file" ;;
    esac
  done
  echo "starting the engine"
  setsid dockerd >"$log" 2>&1 </dev/null &
  end=$((SECONDS + wait))
  until answers || [ "$SECONDS" -ge "$end" ]; do sleep 1; done
fi
answers || { tail -n 20 "$log" >&2; echo "The Docker engine does not answer; above, the end of $log." >&2; exit 1; }
echo "Docker engine $(docker version --format '{{.Server.Version}}') answers"
