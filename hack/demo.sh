#!/usr/bin/env bash
# Starts a local cluster, installs the operator, deploys a small shop that fails in many ways, and prints the report. With
# KUBEOPS_USE_KUBECONFIG=1 it uses the cluster in $KUBECONFIG instead. With PIPELINE=1 it shows a Pipeline instead of the shop.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-$PWD/bin}
NAME=${NAME:-demo}
WORK=$BIN/demo
mkdir -p "$WORK"

step() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }
cluster() { "$BIN/cluster" --root "$BIN" "$@"; }

node=existing
if [[ ${KUBEOPS_USE_KUBECONFIG:-} == 1 ]]; then
	step "Using the cluster in ${KUBECONFIG:?set KUBECONFIG to a cluster that the demo can write to}"
	command -v kubectl >/dev/null || PATH=$(cluster build):$PATH
else
	step "Starting a local Kubernetes cluster"
	KUBE=$(cluster build)
	PATH=$KUBE:$PATH
	KUBECONFIG=$(cluster up --name "$NAME")
	export KUBECONFIG
	node=$(cluster status --name "$NAME" -o json | sed -n 's/.*"node": *"\([a-z]*\)".*/\1/p')
fi

if [[ ${PIPELINE:-} == 1 ]]; then
	[[ $node == real ]] || { echo "ERROR: PIPELINE=1 needs a local cluster with a real node (Linux, root)" >&2; exit 1; }
	BIN=$BIN NAME=$NAME hack/demo-pipeline.sh start
	cat <<TEXT

Next steps
  export KUBECONFIG=$KUBECONFIG PATH=$BIN:$KUBE:\$PATH     # for the commands above
  make demo-down                                          # remove the cluster, and stop the servers
TEXT
	exit 0
fi

# overlay FOLDER BASE MORE writes a kustomization that extends one of this repository.
overlay() {
	mkdir -p "$WORK/$1"
	printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../../%s]\n%s\n' "$2" "$3" >"$WORK/$1/kustomization.yaml"
}

step "Installing KubeOps: CRDs, RBAC and the manager"
if [[ $node == real ]]; then
	# The image tag is a hash of the binary, so only a changed manager is rolled out.
	tag=$(sha256sum "$BIN/manager" | cut -c1-12)
	cluster load-image --name "$NAME" "kubeops.local/manager:$tag" --binary "$BIN/manager"
	overlay kubeops config/default "images: [{name: kubeops.local/manager, newTag: \"$tag\"}]"
	kubectl apply --server-side -k "$WORK/kubeops" >/dev/null
	kubectl -n kubeops-system rollout status deployment/kubeops-manager --timeout=120s
else
	# These nodes cannot load the image, so the manager runs as a local process.
	overlay kubeops config/default "replicas: [{name: kubeops-manager, count: 0}]"
	kubectl apply --server-side -k "$WORK/kubeops" >/dev/null
	"$BIN/manager" --leader-elect=false --metrics-bind-address=127.0.0.1:0 --health-probe-bind-address=127.0.0.1:0 \
		>"$WORK/manager.log" 2>&1 &
	manager=$!
	trap 'kill $manager 2>/dev/null || true' EXIT
	echo "the manager runs as process $manager; log: $WORK/manager.log" >&2
fi
kubectl wait --for=condition=Established crd/inspections.kubeops.io crd/inspectionreports.kubeops.io --timeout=30s >/dev/null

step "Deploying a small shop, most of it broken (config/samples/demo)"
images=""
if [[ $node == existing ]]; then
	images='images: [{name: kubeops.local/busybox, newName: busybox, newTag: "1"}]'
fi
overlay shop config/samples/demo "$images"
kubectl apply --server-side -k "$WORK/shop" >/dev/null
if [[ $node == simulated ]]; then
	echo "simulated Pods neither crash nor pull images, so only failures that need no real node are found" >&2
else
	echo "waiting for the failures to appear" >&2
	kubectl -n shop wait --for=condition=Progressing=false --timeout=180s \
		deployment/{cart,recommendations,checkout,reviews} >/dev/null
	kubectl -n shop-batch wait --for=condition=Progressing=false --timeout=180s deployment/resizer >/dev/null
	kubectl -n shop wait --for=condition=Available=false --timeout=60s deployment/{payment,search} >/dev/null
	kubectl -n shop wait --for=condition=Failed job/invoices --timeout=120s >/dev/null
	kubectl -n shop rollout status deployment/web --timeout=60s >/dev/null
fi

step "Inspecting"
request=$(date +%s.%N)
kubectl -n shop annotate --overwrite inspection/everything "kubeops.io/requested-at=$request" >/dev/null
kubectl -n shop wait --for="jsonpath={.status.lastHandledRequest}=$request" inspection/everything --timeout=120s >/dev/null
kubectl -n shop wait --for=condition=Ready inspection/everything --timeout=60s >/dev/null
kubectl get inspections,inspectionreports -A
echo
"$BIN/kubeops" report -n shop everything

if [[ ${AI:-} == 1 ]]; then
	NODE=$node BIN=$BIN WORK=$WORK hack/demo-ai.sh
fi

step "Starting the dashboard beside the cluster, without sign-in and on this machine only"
BIN=$BIN hack/demo-dashboard.sh start

cat <<TEXT

Next steps
  export KUBECONFIG=$KUBECONFIG PATH=$(dirname "$(command -v kubectl)"):\$PATH
  kubectl -n shop get configmap cart-config -o yaml       # fix the first root cause ...
  kubectl -n shop patch configmap cart-config -p '{"data":{"DATABASE_URL":"postgres://cart-db/cart"}}'
  bin/kubeops inspect -n shop                             # ... and see its symptoms disappear
  kubectl explain inspection.spec                         # all fields of an Inspection
  bin/kubeops checks                                      # all checks
  make demo AI=1                                          # root causes explained by a small local language model
  make demo-down                                          # remove the cluster, and stop the dashboard
TEXT
