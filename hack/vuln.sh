#!/usr/bin/env bash
# Compares the code with a database of known vulnerabilities, and fails if one is found. GOVULNDB is the database: https://vuln.go.dev
# by default, or file:///FOLDER for a copy of it (https://vuln.go.dev/vulndb.zip, unpacked), which needs no network.
#
# What is shipped is analysed by function: a vulnerability counts if the code can call it. Kubernetes for local clusters is
# analysed by package, since its call graph needs more memory than a development machine has to spare.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-$PWD/bin}
database=${GOVULNDB:-https://vuln.go.dev}
"$BIN/govulncheck" -db "$database" ./cmd/...
cd hack/cluster
"$BIN/govulncheck" -db "$database" -scan package ./...
