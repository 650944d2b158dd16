# Argo CD from its Go module: one binary, whose name picks the role of a process. It is run as processes of their own by tests and is no
# part of the product. manifests has what its cluster needs.
version=v2.14.21
bin=$PWD
if ! command -v git >/dev/null; then
	[[ $(id -u) == 0 ]] || { echo "install git" >&2; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends git
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
module=github.com/argoproj/argo-cd/v2
source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
sed -e 's,^module .*,module kubeops.io/kubeops/servers/argocd,' "$source/go.mod" >go.mod
cp "$source/go.sum" go.sum
chmod u+w go.mod go.sum
go mod edit -require "$module@$version"
CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath -ldflags "-s -w -X $module/common.version=${version#v}" -o "$bin/argocd" "$module/cmd"
mkdir -p "$bin/manifests"
cp "$source"/manifests/crds/*-crd.yaml "$bin/manifests/"
cp "$source"/manifests/base/config/*.yaml "$bin/manifests/"
chmod -R u+w "$bin/manifests"
"$bin/argocd" version --client --short
