#!/usr/bin/env bash
# Measures a continuous Inspection of PODS Pods, without controllers and kubelets: how long CHANGES changes take from the API server to the
# status, one after the other; memory; lists after the start; and how soon the status is right after an outage of a minute. See hack/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-$PWD/bin}
PODS=${PODS:-10000}
name=bench-continuous
cluster() { "$BIN/cluster" --root "$BIN" "$@"; }

kubeconfig=$(cluster up --name "$name" --node none --bare)
trap 'cluster down --name "$name" >/dev/null' EXIT
"$BIN"/kube/*/kubectl --kubeconfig "$kubeconfig" apply --server-side -f config/crd/bases >/dev/null
"$BIN/bench" load --kubeconfig "$kubeconfig" --pods "$PODS"
"$BIN/bench" continuous --kubeconfig "$kubeconfig" --pods "$PODS" --manager "$BIN/manager" --changes "${CHANGES:-200}"
