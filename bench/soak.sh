#!/usr/bin/env bash
# Runs all that is long for a time (SOAK=1h): tests at full length, the concurrent ones
# under the race detector, the differential checks, fuzz targets in turn, and tests that
# draw at random with one new seed after another. A failure does not end it: its log is
# kept in soak/ with the line that runs it again, the summary at the end names it, and the
# exit status is 1.
set -uo pipefail
cd "$(dirname "$0")/.."

GO=${GO:-go}
SOAK=${SOAK:-1h}
case $SOAK in
  *h) total=$((${SOAK%h} * 3600)) ;;
  *m) total=$((${SOAK%m} * 60)) ;;
  *s) total=${SOAK%s} ;;
  *) echo "SOAK=$SOAK: want a time, as 1h, 20m or 90s" >&2; exit 2 ;;
esac
begin=$SECONDS
logs=soak/$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$logs"
jobs=0 cut=0
failed=()
running=
trap 'echo interrupted; [ -z "$running" ] || kill "$running"; summary; exit 1' INT TERM

# left PERCENT: the seconds until so much of the time is over.
left() { echo $((total * $1 / 100 - (SECONDS - begin))); }

# seed is a new one each time.
seed() { od -An -N6 -tu8 /dev/urandom | tr -d ' '; }

# job UNTIL NAME COMMAND...: runs a command until so many percent of the time are over.
# What is cut short has not failed, unless it had told of a failure before.
job() {
  local until=$1 name=$2 seconds status log
  shift 2
  seconds=$(left "$until")
  ((seconds > 1)) || { cut=$((cut + 1)); return; }
  jobs=$((jobs + 1))
  log=$logs/$(printf %04d $jobs)-$(tr -c 'A-Za-z0-9.\n' _ <<<"$name").log
  echo "$(date -u +%H:%M:%S) $name"
  { echo "$*"; echo; } >"$log"
  timeout --kill-after=60 "$seconds" "$@" >>"$log" 2>&1 & # it has a process group of its own, and ends all of it
  running=$!
  wait "$running"
  status=$? running=
  if ((status == 124 || status == 137)) && ! grep -q '^--- FAIL\|^FAIL\|^panic:' "$log"; then
    cut=$((cut + 1)) status=0
  elif ((status != 0)) && grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then
    status=0 # go test ends so at times when the time of a fuzz target is over
  fi
  if ((status != 0)); then
    failed+=("$log: $name")
    echo "         failed, see $log"
    grep -m1 'again: \|Failing input\|-rapid.seed=' "$log"
  else
    rm "$log"
  fi
}

summary() {
  echo
  echo "$jobs jobs in $((SECONDS - begin)) s, $cut cut short or left out for lack of time, ${#failed[@]} failed"
  ((${#failed[@]} == 0)) || printf '  %s\n' "${failed[@]}"
  rmdir "$logs" 2>/dev/null || :
}

s=$(seed)
job 40 "tests at full length, VSCAN_SEED=$s" env VSCAN_LONG=1 VSCAN_SEED="$s" "$GO" test -count=1 -timeout=2h ./...
job 40 "tests of vscan-parquet at full length" env VSCAN_LONG=1 VSCAN_SEED="$s" "$GO" -C cmd/vscan-parquet test -count=1 -timeout=2h ./...
s=$(seed)
job 55 "race, VSCAN_SEED=$s" env VSCAN_SEED="$s" make race
job 65 "differential checks" make check

targets=()
for dir in $(grep -rl '^func Fuzz' --include=*_test.go . | xargs -n1 dirname | sort -u); do
  for target in $(grep -h '^func Fuzz' "$dir"/*_test.go | sed 's/func \([A-Za-z0-9_]*\).*/\1/'); do
    targets+=("$dir $target")
  done
done
for i in "${!targets[@]}"; do
  read -r dir target <<<"${targets[i]}"
  seconds=$(($(left 85) / (${#targets[@]} - i)))
  ((seconds > 0)) || seconds=1
  job 90 "$target" "$GO" -C "$dir" test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" -fuzzminimizetime 100x
done

random=$("$GO" list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | sed -n 's, .*vscan/internal/testenv.*,,p')
while (($(left 100) > 1)); do
  s=$(seed)
  # shellcheck disable=SC2086 # a list of packages
  job 100 "draws of VSCAN_SEED=$s" env VSCAN_SEED="$s" "$GO" test -count=1 -timeout=1h $random
done

summary
((${#failed[@]} == 0))
