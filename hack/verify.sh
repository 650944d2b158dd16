#!/usr/bin/env bash
# Regenerates all generated files and fails if that changes one. Only generated files are compared, so other uncommitted changes do
# not matter.
set -euo pipefail
cd "$(dirname "$0")/.."

generated() {
	find api -name 'zz_generated.*' -print
	find config/crd/bases -name '*.yaml' -print
	echo config/rbac/role.yaml
	printf 'docs/%s.md\n' checks cli configuration fields reasons
	echo charts/kubeops/values.schema.json
	find charts/kubeops/templates/generated charts/kubeops/files -type f
	find config/components -name '*.json' -o -name '*.yaml'
}
digest() { generated | sort | xargs sha256sum; }

before=$(digest)
make --no-print-directory generate
after=$(digest)
if [[ $before != "$after" ]]; then
	diff <(echo "$before") <(echo "$after") | grep '^[<>]' | awk '{print $3}' | sort -u |
		sed 's/^/out of date: /' >&2
	echo "Run 'make generate' and commit the result." >&2
	exit 1
fi

unformatted=$(gofmt -l $(git ls-files -co --exclude-standard '*.go'))
if [[ -n $unformatted ]]; then
	echo "not formatted: $unformatted" >&2
	exit 1
fi
for module in . hack/chart hack/cluster hack/site hack/tools validator; do
	(cd "$module" && go mod tidy -diff >/dev/null) || { echo "$module: run 'go mod tidy' and commit the result." >&2; exit 1; }
done
echo "generated files, formatting and go.mod files are up to date"
