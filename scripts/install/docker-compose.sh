#!/usr/bin/env bash
# Makes sure that `docker compose` (version 2) is there. Debian bookworm carries 1.29 alone, which does not know the files of this project:
# the plug-in of Debian trixie is one program without dependencies, so it is taken from there, from the mirror this machine installs from.
# Needs root for the system's folder; otherwise it goes into the user's own plug-in folder.
set -euo pipefail

suite=trixie
package=docker-compose

if docker compose version --short 2>/dev/null | grep -qE '^v?[2-9]'; then
  echo "docker compose $(docker compose version --short): present"
  exit 0
fi

mirror() {
  local files=()
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do [ -f "$file" ] && files+=("$file"); done
  sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+\/debian)\/?[[:space:]]*$/\1/p; s/^deb[[:space:]]+(\[[^]]*\][[:space:]]*)?([^[:space:]]+\/debian)\/?[[:space:]].*/\2/p' "${files[@]}" | head -n 1
}

from=$(mirror)
[ -n "$from" ] || { echo "No Debian mirror is named in /etc/apt: install Docker Compose 2 by hand (docs/operations.md)." >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt fetches as a user of its own
mkdir -p "$work"/{lists/partial,cache/archives/partial,deb}
: > "$work/status"
# A list of its own: the machine's sources stay as they are, and nothing else can come from the newer suite.
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $from $suite main" > "$work/sources.list"
options=(-q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists"
  -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)")

echo "fetching $package of Debian $suite"
apt-get "${options[@]}" update >/dev/null
(cd "$work/deb" && apt-get "${options[@]}" download "$package" >/dev/null)
dpkg -x "$work"/deb/*.deb "$work/files"
plugin=$(find "$work/files" -type f -name docker-compose -path '*cli-plugins*' | head -n 1)
[ -n "$plugin" ] || { echo "The package $package of $suite holds no plug-in for docker." >&2; exit 1; }
target=/usr/local/lib/docker/cli-plugins
[ -w /usr/local/lib ] || target=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
install -D -m 0755 "$plugin" "$target/docker-compose"
echo "docker compose $(docker compose version --short): installed in $target"
