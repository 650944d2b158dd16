#!/usr/bin/env bash
# Part of the demo: `start` serves the dashboard beside the cluster in $KUBECONFIG and prints its address, `stop` ends it. It stays after
# the script, and reads as the user of the kubeconfig.
set -euo pipefail
WORK=$BIN/demo
mkdir -p "$WORK"

# One of an earlier run may have another binary or cluster. Its id may belong to another process by now.
pid=$(cat "$WORK/dashboard.pid" 2>/dev/null || true)
if [[ -n $pid ]] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "manager dashboard --insecure-local"; then
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
fi
rm -f "$WORK/dashboard.pid" "$WORK/dashboard.address"
[[ $1 == start ]] || exit 0

port=8090
if (: </dev/tcp/127.0.0.1/$port) 2>/dev/null; then
	port=0 # any free one
fi
nohup "$BIN/manager" dashboard --insecure-local --query-backends --bind-address=127.0.0.1:$port \
	</dev/null >"$WORK/dashboard.address" 2>"$WORK/dashboard.log" &
echo $! >"$WORK/dashboard.pid"
for _ in $(seq 200); do
	grep -q http "$WORK/dashboard.address" && break
	kill -0 $! || { tail -n 20 "$WORK/dashboard.log" >&2; exit 1; }
	sleep 0.1
done
cat "$WORK/dashboard.address"
