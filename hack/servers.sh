#!/usr/bin/env bash
# Downloads or builds the servers that the tests use, once, into bin/servers: `hack/servers.sh [NAME...]`. hack/servers has one script per
# server. It runs in a temporary folder, which is moved into place only if the script succeeds. Without names, servers are left out whose
# script says "Only for make test-full".
set -euo pipefail
cd "$(dirname "$0")"
BIN=${BIN:-$PWD/../bin}
SERVERS=$BIN/servers
mkdir -p "$SERVERS"
SERVERS=$(cd "$SERVERS" && pwd)
names=("$@")
if [[ ${#names[@]} == 0 ]]; then
	for script in $(grep -L '^# Only for make test-full' servers/*.sh); do names+=("$(basename "$script" .sh)"); done
fi
for name in "${names[@]}"; do
	script=$PWD/servers/$name.sh
	[[ -f $script ]] || { echo "unknown server $name; available:" servers/*.sh >&2; exit 2; }
	# A changed script rebuilds its server.
	stamp=$(sha256sum "$script" | cut -c1-16)
	[[ $(cat "$SERVERS/$name/.stamp" 2>/dev/null) == "$stamp" ]] && continue
	echo "Installing $name into bin/servers (once)" >&2
	rm -rf "$SERVERS/.$name"
	mkdir -p "$SERVERS/.$name"
	(cd "$SERVERS/.$name" && bash -euo pipefail "$script" >"$SERVERS/$name.log" 2>&1) || {
		echo "Installing $name failed; last lines of bin/servers/$name.log:" >&2
		tail -n 20 "$SERVERS/$name.log" >&2
		exit 1
	}
	echo "$stamp" >"$SERVERS/.$name/.stamp"
	rm -rf "${SERVERS:?}/$name"
	mv "$SERVERS/.$name" "$SERVERS/$name"
done
