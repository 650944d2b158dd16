#!/usr/bin/env bash
# Benchmarks inspections of large clusters without controllers and kubelets against a baseline; see hack/bench. SIZES are numbers of
# Pods. Each size gets its own cluster, which is removed afterwards (KEEP=1 keeps it for the next run). AGAINST is the path of another
# build of kubeops, measured in the same rounds; ROUNDS is their number.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-$PWD/bin}
SIZES=${SIZES:-1000 10000 50000}
OUT=$BIN/bench-results
mkdir -p "$OUT"
cluster() { "$BIN/cluster" --root "$BIN" "$@"; }
step() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }

results=()
for pods in $SIZES; do
	name=bench-$pods
	step "$pods Pods"
	kubeconfig=$(cluster up --name "$name" --node none --bare)
	trap '[[ ${KEEP:-} == 1 ]] || cluster down --name "$name" >/dev/null' EXIT
	"$BIN/bench" load --kubeconfig "$kubeconfig" --pods "$pods"
	"$BIN/bench" measure --kubeconfig "$kubeconfig" --pods "$pods" --kubeops "$BIN/kubeops" --against "${AGAINST:-}" --rounds "${ROUNDS:-3}" \
		--out "$OUT/$pods.json"
	results+=("$OUT/$pods.json")
	[[ ${KEEP:-} == 1 ]] || cluster down --name "$name" >/dev/null
	trap - EXIT
done
step "Results (also as JSON in $OUT)"
"$BIN/bench" table "${results[@]}"
