#!/bin/bash
# Times vscan graph build beside its peers, in turn, on one process: nodes.cc
# with so many million nodes, and its core.
#
#	CHAP=…/chap PTRSCAN=…/libptrscan.so bench/graph/peers.sh [MILLIONS] [ROUNDS]
#
# CHAP is github.com/vmware/chap, built by its README with
# -DCMAKE_BUILD_TYPE=Release; PTRSCAN is libptrscan of
# github.com/kekeimiku/PointerSearcher-X at 869d4aa, the last open commit, built
# by cargo build --release (for Linux it needs no crates). What is not given is
# left out. Needs g++, gcc, gdb and GNU time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
millions=${1:-1} rounds=${2:-3}
dir=$(mktemp -d)
trap 'exec 3>&- || true; rm -rf "$dir"' EXIT
(cd "$here/../.." && CGO_ENABLED=0 go build -o "$dir/vscan" ./cmd/vscan)
g++ -O1 -o "$dir/nodes" "$here/nodes.cc"
gcc -O1 -o "$dir/ptrsx" "$here/ptrsx.c" -ldl
mkfifo "$dir/in"
"$dir/nodes" "$millions" <"$dir/in" >"$dir/pid" &
exec 3>"$dir/in"
until [ -s "$dir/pid" ]; do sleep 0.2; done
pid=$(cat "$dir/pid")
gcore -o "$dir/core" "$pid" >/dev/null 2>&1
core=$dir/core.$pid
echo "core: $(stat -c %s "$core") bytes"
cat "$core" >/dev/null # all read it from the page cache

timed() { # NAME COMMAND...
	/usr/bin/time -o "$dir/time" -f '%e s, %U s of processor, %M KiB' "${@:2}" >"$dir/out" 2>&1 || cat "$dir/out"
	echo "$1: $(cat "$dir/time")$([ -z "${show:-}" ] || echo "; $(grep -E "$show" "$dir/out" | tail -1)")"
}
for ((i = 0; i < rounds; i++)); do
	show=edges timed "vscan, two workers" "$dir/vscan" graph build "$core" -o "$dir/g"
	show=edges timed "vscan, one worker" "$dir/vscan" graph build --workers 1 "$core" -o "$dir/g"
	show= timed "vscan, who refers to the program" "$dir/vscan" graph to "$dir/g" nodes -m 3
	if [ -n "${CHAP:-}" ]; then # what it is asked makes no difference: it finds all references first
		show=allocations timed "chap, count leaked" "$CHAP" "$core" < <(echo count leaked)
	fi
	if [ -n "${PTRSCAN:-}" ]; then
		show=map timed "PointerSearcher-X, map in memory" "$dir/ptrsx" "$PTRSCAN" "$pid" map
		rm -f "$dir/p"
		show=file timed "PointerSearcher-X, to a file" "$dir/ptrsx" "$PTRSCAN" "$pid" file "$dir/p"
		show=load timed "PointerSearcher-X, from a file" "$dir/ptrsx" "$PTRSCAN" load "$dir/p"
	fi
done
ls -l "$dir/g" $([ ! -e "$dir/p" ] || echo "$dir/p") | awk '{print $5, "bytes", $NF}'
