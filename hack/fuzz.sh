#!/usr/bin/env bash
# Runs the fuzz targets, each for FUZZTIME of wall time (default 10m) with one worker, JOBS of them at once (default 1). TARGETS is an
# extended regular expression on "FOLDER TARGET", such as 'internal/redact Fuzz' (default: all).
#
# Prints one line for each target: what it ran, the inputs that reached new code, the peak of the worker's memory after a quarter of the
# time with new inputs and at the end, and the result:
#   ok      no input failed, and memory did not grow
#   grows   after that quarter the peak of memory grew by more than half of it and more than 64 MiB, and it also grows if the inputs that
#           reached new code run 100 times instead of once. (Otherwise the engine grew, which mutates and minimizes inputs.)
#   crash   an input failed; it is in testdata/fuzz of the package, where `go test` runs it from now on
#   hung    an input of the test itself ran for 10 s, which Go does not allow, or its process was killed. Repeat it on an idle machine
#   broken  the target could not be built or run
# Fails unless all are ok. Binaries, inputs of earlier runs and logs are in FUZZDIR (default bin/fuzz).
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-$PWD/bin}
export FUZZTIME=${FUZZTIME:-10m} FUZZDIR=${FUZZDIR:-$BIN/fuzz}
mkdir -p "$FUZZDIR"
FUZZDIR=$(cd "$FUZZDIR" && pwd)

# targets prints the folder and the name of each fuzz target.
targets() {
	git grep --untracked -E '^func Fuzz[A-Za-z0-9_]+\(' -- '*_test.go' | sed -E 's|/[^/]*_test\.go:func (Fuzz[A-Za-z0-9_]+).*| \1|' |
		sort -u | { grep -E -- "${TARGETS:-}" || true; }
}

# build compiles the tests of a package once for each change of it, one package at a time: the compiler uses all cores.
build() {
	local folder=$1 binary=$2
	(
		flock 9
		cd "$folder"
		# The packages of the validator are compiled with -trimpath, and those of the project are not: tests find their files by paths.
		[[ $folder == validator* ]] && export GOFLAGS=-trimpath
		go test -c -fuzz=Fuzz -o "$binary" .
	) 9>"$FUZZDIR/.build"
}

# peak prints the highest resident memory of a fuzz worker so far in MiB, or nothing without /proc.
peak() {
	local worker
	for worker in $(cat "/proc/$1/task/"*/children 2>/dev/null || true); do
		awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$worker/status" 2>/dev/null || true
	done | sort -n | tail -n 1
}

# watch samples the peak of the workers of a process until it ends, and writes that of the first quarter and that of all. The quarter starts
# when the inputs of the test and of earlier runs were run.
watch() {
	local process=$1 file=$2 log=$3 quarter=0 all=0 now=0 start=''
	while kill -0 "$process" 2>/dev/null; do
		now=$(peak "$process")
		((${now:-0} > all)) && all=$now
		[[ -z $start ]] && grep -q 'now fuzzing' "$log" && start=$SECONDS
		((SECONDS - ${start:-$SECONDS} <= QUARTER)) && quarter=$all
		echo "$quarter $all" >"$file"
		sleep 1
	done
}

# fuzz runs one target and prints its line.
fuzz() {
	local folder=$1 target=$2 place=$FUZZDIR/$1 result=ok failed=0 process executions new quarter=0 all=0
	local log=$place/$target.log
	mkdir -p "$place"
	if ! build "$folder" "$place/fuzz.test" >"$place/build.log" 2>&1; then
		echo "$folder $target: broken, see $place/build.log"
		return 1
	fi
	(
		cd "$folder"
		exec "$place/fuzz.test" -test.run='^$' -test.fuzz="^$target\$" -test.fuzztime="$FUZZTIME" -test.fuzzcachedir="$place/corpus" \
			-test.parallel=1 -test.timeout=0
	) >"$log" 2>&1 &
	process=$!
	watch "$process" "$place/$target.peak" "$log"
	wait "$process" || failed=1
	read -r quarter all <"$place/$target.peak" || true
	executions=$(sed -nE 's/.*execs: ([0-9]+).*/\1/p' "$log" | tail -n 1)
	new=$(sed -nE 's/.*new interesting: ([0-9]+).*/\1/p' "$log" | tail -n 1)
	if grep -q 'process hung or terminated' "$log" && passesAlone "$folder" "$place" "$target"; then
		result=hung
	elif grep -q 'Failing input written to\|^--- FAIL\|^panic: ' "$log" && ! isEndOfTime "$log"; then
		result=crash
	elif [[ $failed == 1 ]] && ! isEndOfTime "$log" || [[ -z $executions ]]; then
		result=broken
	elif grew "$quarter" "$all" && growsAgain "$place" "$target"; then
		result=grows
	fi
	printf '%-90s %12s executions %6s new  %5s MiB, %5s MiB at the end  %s\n' "$folder $target" "${executions:-0}" "${new:-0}" \
		"$quarter" "$all" "$result"
	[[ $result == ok ]]
}

# passesAlone runs the inputs that are in testdata/fuzz of a target, among them one during which its process was killed: after 10 s, which a
# busy machine needs for anything.
passesAlone() {
	(cd "$1" && exec "$2/fuzz.test" -test.run="^$3\$" -test.timeout=1m) >"$2/$3.alone.log" 2>&1
}

# grew reports whether a peak grew by more than half and more than 64 MiB.
grew() {
	(($2 - $1 > 64 && 2 * $2 > 3 * $1))
}

# growsAgain reports whether memory grows with the number of runs of the same inputs, or whether that cannot be decided.
growsAgain() {
	local once often
	once=$(peakOf "$1" "$2" 1) && often=$(peakOf "$1" "$2" 100) || return 0
	grew "$once" "$often"
}

# peakOf prints the peak of memory in MiB of a process that runs the inputs of a target as often as the third argument says. It fails if the
# process does, such as that of a target that reads files of its package.
peakOf() {
	local folder=$1/repeat process now=0 highest=0
	rm -rf "$folder"
	mkdir -p "$folder/testdata/fuzz"
	cp -r "$1/corpus/$2" "$folder/testdata/fuzz/" || return 1
	(cd "$folder" && exec "$1/fuzz.test" -test.run="^$2\$" -test.count="$3") >"$folder/log" 2>&1 &
	process=$!
	while kill -0 "$process" 2>/dev/null; do
		now=$(awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$process/status" 2>/dev/null) || true
		((${now:-0} > highest)) && highest=$now
		sleep 0.05
	done
	wait "$process" || return 1
	echo "$highest"
}

# isEndOfTime reports whether a target failed only since its time was over while an input ran, which Go reports as a failure without one:
# https://go.dev/issue/75804.
isEndOfTime() {
	grep -q '^ *context deadline exceeded$' "$1" && ! grep -q 'Failing input written to\|^panic: ' "$1"
}

# seconds converts a duration such as 1h, 10m or 20s.
seconds() {
	awk -v d="$1" 'BEGIN {
		if (d !~ /^([0-9]+[hms])+$/) exit 1
		while (match(d, /^[0-9]+[hms]/)) {
			unit = substr(d, RLENGTH, 1)
			total += substr(d, 1, RLENGTH - 1) * (unit == "h" ? 3600 : unit == "m" ? 60 : 1)
			d = substr(d, RLENGTH + 1)
		}
		print total
	}'
}

length=$(seconds "$FUZZTIME") || { echo "FUZZTIME must be a duration such as 10m or 20s" >&2; exit 2; }
export QUARTER=$((length / 4))
export -f build peak watch fuzz passesAlone grew growsAgain peakOf isEndOfTime
list=$(targets)
[[ -n $list ]] || { echo "TARGETS matches no fuzz target" >&2; exit 2; }
xargs -P "${JOBS:-1}" -L 1 bash -c 'set -euo pipefail; fuzz "$@"' fuzz <<<"$list" || exit 1
