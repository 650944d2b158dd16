# Loki from its Go module, as one binary. It is run as a process of its own by tests and is no part of the product.
version=v3.7.8
bin=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
source=$(go mod download -json "github.com/grafana/loki/v3@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
# Its own go.mod, less what stands only in its repository: the module's zip lacks pkg/push, which is a module of its own.
sed -e 's,^module .*,module kubeops.io/kubeops/servers/loki,' -e '/^ignore /d' -e '/^replace github.com\/grafana\/loki\/pkg\/push /d' \
	"$source/go.mod" >go.mod
cp "$source/go.sum" go.sum
chmod u+w go.mod go.sum
go mod edit -require "github.com/grafana/loki/v3@$version"
build=github.com/grafana/loki/v3/pkg/util/build
# Revision must not be empty: an empty build info counts as none.
CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath \
	-ldflags "-s -w -X $build.Version=${version#v} -X $build.Revision=module -X $build.Branch=release" \
	-o "$bin/loki" github.com/grafana/loki/v3/cmd/loki
"$bin/loki" --version
