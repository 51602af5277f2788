#!/bin/sh
# Gets the peers that vscan is measured against, as far as they can be had
# here: ripgrep, yara and gdb from Debian, and the program hs built against
# Hyperscan and against Vectorscan. Their -dev packages cannot be installed
# side by side, so both are unpacked into a folder. What cannot be had is left
# out, and the benchmarks say so.
set -u
cd "$(dirname "$0")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vscan-bench
mkdir -p "$cache"

if command -v apt-get >/dev/null; then
	sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
	for tool in rg:ripgrep yara:yara gcore:gdb gcc:gcc; do
		command -v "${tool%%:*}" >/dev/null || $sudo apt-get install -y -qq --no-install-recommends "${tool#*:}" >/dev/null ||
			echo "no ${tool#*:}: left out"
	done
fi

build() { # NAME PACKAGE...
	name=$1
	shift
	dir=$cache/$name
	[ -x "$cache/hs-$name" ] && [ "$cache/hs-$name" -nt hs/hs.c ] && return
	mkdir -p "$dir" && (cd "$dir" && apt-get download -qq "$@" && for deb in ./*.deb; do dpkg -x "$deb" .; done) &&
		lib=$(dirname "$(find "$dir" -name libhs.so.5 | head -1)") &&
		gcc -O2 -Wall -I"$dir/usr/include/hs" -o "$cache/hs-$name" hs/hs.c -L"$lib" -Wl,-rpath,"$lib" -lhs ||
		echo "no $name: left out"
}
build vectorscan libvectorscan-dev libvectorscan5
build hyperscan libhyperscan-dev libhyperscan5
ls "$cache"
