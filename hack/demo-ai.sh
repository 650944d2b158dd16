#!/usr/bin/env bash
# Optional part of the demo: a small language model on this machine explains the root causes. Then the model is stopped, and the report
# is created without it. hack/demo.sh calls this script with KUBECONFIG and PATH set.
set -euo pipefail
cd "$(dirname "$0")/.."
MODEL=smollm2
step() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }

step "Starting a language model on this machine (AI=1)"
if [[ $NODE != real ]]; then
	echo "skipped: this part needs the local cluster with a real node" >&2
	exit 0
fi
BIN=$BIN hack/servers.sh ollama
# The node has its own network namespace. The model listens on the host's end of the veth pair.
node=$(kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
address=$(ip -4 -o route get "$node" | sed -n 's/.* src \([0-9.]*\).*/\1/p'):11434
home=$WORK/ollama
mkdir -p "$home"
export OLLAMA_HOST=$address OLLAMA_MODELS=$home/models OLLAMA_KEEP_ALIVE=30m OLLAMA_NOPRUNE=1
HOME=$home "$BIN/servers/ollama/ollama" serve >"$home/log" 2>&1 &
ollama=$!
stop() { kill "$ollama" 2>/dev/null && wait "$ollama" 2>/dev/null || true; }
trap stop EXIT
for _ in $(seq 100); do
	HOME=$home "$BIN/servers/ollama/ollama" list >/dev/null 2>&1 && break
	kill -0 "$ollama" || { tail -n 20 "$home/log" >&2; exit 1; }
	sleep 0.2
done
(cd "$BIN/servers/ollama" && HOME=$home ./ollama create $MODEL -f Modelfile >/dev/null 2>&1)
echo "$MODEL listens on http://$address as process $ollama; it demonstrates the integration, not the quality of explanations" >&2

step "Creating an AIProvider, and inspecting again with explanations"
kubectl apply --server-side --force-conflicts -f - >/dev/null <<YAML
apiVersion: kubeops.io/v1alpha1
kind: AIProvider
metadata: {name: local, namespace: shop}
spec:
  type: ollama
  model: $MODEL
  ollama: {url: "http://$address"}
  maxAnswerTokens: 500
  timeout: 5m
  budget: {daily: 100000}
YAML
kubectl -n shop wait --for=condition=Ready aiprovider/local --timeout=180s >/dev/null
inspect() { # PATCH: patch the Inspection and wait for its report
	kubectl -n shop patch inspection everything --type=merge -p "$1" >/dev/null
	request=$(date +%s.%N)
	kubectl -n shop annotate --overwrite inspection/everything "kubeops.io/requested-at=$request" >/dev/null
	kubectl -n shop wait --for="jsonpath={.status.lastHandledRequest}=$request" inspection/everything --timeout=120s >/dev/null
	kubectl -n shop wait --for=condition=Ready inspection/everything --timeout=60s >/dev/null
}
inspect '{"spec":{"ai":{"providerRef":{"name":"local"},"language":"en","maxExplanations":3}}}'
echo "the report is saved; the explanations take a minute or more" >&2
kubectl -n shop wait --for=condition=Explained inspection/everything --timeout=600s >/dev/null
explained() {
	kubectl -n shop get inspection everything -o jsonpath='Explained={.status.conditions[?(@.type=="Explained")].status}, {.status.conditions[?(@.type=="Explained")].reason}: {.status.conditions[?(@.type=="Explained")].message}{"\n"}requests {.status.explained.requests}, cached {.status.explained.cached}, tokens {.status.explained.tokens}{"\n"}'
}
report=$(kubectl -n shop get inspection everything -o jsonpath='{.status.lastReport}')
kubectl -n shop get inspectionreport "$report" -o jsonpath='{range .explanations[*]}{.id}  {.confidence}{.dropped}  {.summary}{"\n"}{end}'
explained
kubectl -n shop get aiproviders -o wide

step "Inspecting again: only changed findings are sent to the model"
inspect '{}'
kubectl -n shop wait --for=condition=Explained inspection/everything --timeout=60s >/dev/null
explained

step "Stopping the model and requesting Chinese: the report is created without explanations"
stop
inspect '{"spec":{"ai":{"language":"zh"}}}'
kubectl -n shop wait --for=condition=Explained=false inspection/everything --timeout=120s >/dev/null
explained
kubectl -n shop patch inspection everything --type=json -p '[{"op":"remove","path":"/spec/ai"}]' >/dev/null
kubectl -n shop delete aiprovider local >/dev/null
