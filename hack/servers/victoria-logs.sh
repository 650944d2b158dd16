# VictoriaLogs (single server) from its Go module, as one binary. It is run as a process of its own by tests and is no part of the product.
version=v1.52.1
bin=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
source=$(go mod download -json "github.com/VictoriaMetrics/VictoriaLogs@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
# Its own go.mod, so that the dependencies are those that it is released with.
sed -e 's,^module .*,module kubeops.io/kubeops/servers/victoria-logs,' "$source/go.mod" >go.mod
cp "$source/go.sum" go.sum
chmod u+w go.mod go.sum
go mod edit -require "github.com/VictoriaMetrics/VictoriaLogs@$version"
# Without a version of its own, the server reports an empty one.
build=github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo
CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath -ldflags "-s -w -X $build.Version=victoria-logs-20260801-000000-tags-$version-0-g0000000" \
	-o "$bin/victoria-logs" github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs
"$bin/victoria-logs" -version
