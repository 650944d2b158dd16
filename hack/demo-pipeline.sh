#!/usr/bin/env bash
# Part of the demo: `start` installs KubeOps with the components that a Pipeline needs on the cluster in $KUBECONFIG, and shows a Git push
# that becomes running Pods, and a bad one that is rolled back. Its servers stay after the script; `stop` ends them.
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=$BIN/demo
NAME=${NAME:-demo}
mkdir -p "$WORK"

# Servers of an earlier run may belong to another cluster. Their id may belong to another process by now.
pid=$(cat "$WORK/pipeline.pid" 2>/dev/null || true)
if [[ -n $pid && -e /proc/$pid ]] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "demo-pipeline --bin"; then
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
fi
rm -f "$WORK/pipeline.pid"
[[ $1 == start ]] || exit 0

step() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }

step "Installing KubeOps with the components webhooks and argocd"
BIN=$BIN hack/servers.sh hudson docker-registry prometheus loki redis argocd
go build -o "$BIN/demo-pipeline" ./internal/testkit/line/demo
images=""
for program in manager argocd-provider; do
	# The image tag is a hash of the binary, so only a changed one is rolled out.
	tag=$(sha256sum "$BIN/$program" | cut -c1-12)
	"$BIN/cluster" --root "$BIN" load-image --name "$NAME" "kubeops.local/$program:$tag" --binary "$BIN/$program"
	images+="- {name: kubeops.local/$program, newTag: \"$tag\"}"$'\n'
done
mkdir -p "$WORK/kubeops"
cat >"$WORK/kubeops/kustomization.yaml" <<TEXT
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../../config/default]
components: [../../../config/components/webhooks, ../../../config/components/argocd]
images:
$images
TEXT
kubectl apply --server-side -k "$WORK/kubeops" >/dev/null
kubectl -n kubeops-system rollout status deployment/kubeops-manager --timeout=180s
kubectl delete namespace line line-shop argocd --ignore-not-found >/dev/null # of an earlier run
kubectl delete crd applications.argoproj.io applicationsets.argoproj.io appprojects.argoproj.io --ignore-not-found >/dev/null

KUBEOPS_BIN=$BIN nohup "$BIN/demo-pipeline" --bin="$BIN" --kubeconfig="$KUBECONFIG" </dev/null >"$WORK/pipeline.log" 2>&1 &
pid=$!
echo $pid >"$WORK/pipeline.pid"
# The output is shown until the servers wait for make demo-down, or the program ends.
tail -n +1 -f --pid=$pid "$WORK/pipeline.log" | sed '/^The servers of the pipeline run/q' || true # tail ends by a signal
kill -0 $pid 2>/dev/null || exit 1
