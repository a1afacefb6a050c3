#!/usr/bin/env bash
# Usage: epoch/model/check.sh [-short]. Checks the model of package epoch with
# spin: as it is there is no error, and with each planted mistake there is one.
# Needs spin and a C compiler, and says so where they are missing. Under a minute
# on 2 cores, and 1.3 GiB; with -short, without the largest models, half of that
# and 100 MiB.
set -euo pipefail
for tool in spin cc; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: there is no $tool here (Debian: apt-get install spin gcc)"
    exit 0
  fi
done
model=$(cd "$(dirname "$0")" && pwd)/epoch.pml
short=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check WANT NAME DEFINES... prints what spin makes of the model. WANT is 0 or 1
# errors; with the define LIVE it is about the formula, in fair executions.
check() {
  local want=$1 name=$2 begin=$SECONDS errors states
  shift 2
  local dir=$work/$name defines=("${@/#/-D}")
  local compile=(-DSAFETY -DCOLLAPSE) search=()
  if [[ " $* " == *" LIVE "* ]]; then
    compile=(-DNFAIR=3) search=(-a -f)
  fi
  # A mistake is found within seconds however the search was compiled.
  if [ "$want" = 0 ]; then compile+=(-O2); else compile+=(-O0); fi
  mkdir "$dir"
  cd "$dir"
  if ! spin -a "${defines[@]}" "$model" >spin.out 2>&1 || ! cc -w "${compile[@]}" -DMEMLIM=1500 -o pan pan.c 2>cc.out; then
    cat spin.out cc.out
    echo "$name: the model cannot be compiled"
    return 1
  fi
  ./pan -m200000 "${search[@]}" >pan.out 2>&1 || true
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out)
  states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out)
  printf '%-24s %-46s %9s states %3d s  %s\n' "$name" "$*" "${states:-no}" $((SECONDS - begin)) "errors: ${errors:-?}"
  if [ "${errors:-?}" != "$want" ] || grep -q 'Search not completed' pan.out && [ "$want" = 0 ]; then
    echo "$name: wanted $want errors of a complete search"
    grep -v unreached pan.out | head -n 40
    return 1
  fi
}

# run checks one after the other on each of two cores.
failed=0
jobs=0
run() {
  check "$@" &
  if ((++jobs == 2)); then
    wait -n || failed=1
    jobs=1
  fi
}

# As it is.
if [ "$short" != -short ]; then
  run 0 two-readers READERS=2 VERSIONS=3
  run 0 copies READERS=1 COPIES=2 VERSIONS=2 CLOSE=1
fi
run 0 two-pins READERS=1 PINS=2 VERSIONS=4
run 0 refresh READERS=1 REFRESHES=1 VERSIONS=4
run 0 close READERS=1 REFRESHES=1 VERSIONS=3 CLOSE=1
run 0 reclaimed-at-last READERS=1 REFRESHES=1 VERSIONS=3 LIVE

# With mistakes.
run 1 no-validate READERS=1 PINS=2 VERSIONS=3 NO_VALIDATE
run 1 settle-once READERS=1 REFRESHES=1 VERSIONS=3 CLOSE=1 SETTLE_ONCE
run 1 settle-silent READERS=1 REFRESHES=1 VERSIONS=3 SETTLE_SILENT
run 1 settle-counts-early READERS=1 REFRESHES=1 VERSIONS=3 SETTLE_COUNTS_EARLY
run 1 unpin-before-read READERS=1 PINS=2 VERSIONS=3 UNPIN_BEFORE_READ
run 1 unpin-silent READERS=1 VERSIONS=3 UNPIN_SILENT
run 1 unpin-counts-early READERS=1 VERSIONS=3 UNPIN_COUNTS_EARLY
run 1 blind-unpin READERS=1 COPIES=2 VERSIONS=3 BLIND_UNPIN
run 1 no-kick READERS=1 VERSIONS=3 NO_KICK
run 1 late-countdown READERS=1 PINS=2 VERSIONS=3 LATE_COUNTDOWN
run 1 no-rescan READERS=1 PINS=2 VERSIONS=3 NO_RESCAN
run 1 count-one-too-many READERS=1 VERSIONS=3 COUNT_ONE_TOO_MANY
run 1 late-max-death READERS=1 VERSIONS=4 LATE_MAX_DEATH
run 1 interval-off-by-one READERS=1 PINS=2 VERSIONS=3 INTERVAL_OFF_BY_ONE
run 1 list-after-scan READERS=1 REFRESHES=1 VERSIONS=4 LIST_AFTER_SCAN
run 1 tables-before-list READERS=2 VERSIONS=3 TABLES_BEFORE_LIST
run 1 reclaim-first READERS=1 PINS=2 VERSIONS=3 RECLAIM_FIRST
run 1 reaper-leaves-late READERS=1 VERSIONS=4 REAPER_LEAVES_LATE
run 1 close-frees-at-once READERS=1 REFRESHES=1 VERSIONS=3 CLOSE=1 CLOSE_FREES_AT_ONCE
run 1 close-keeps-cur READERS=1 REFRESHES=1 VERSIONS=3 CLOSE=1 CLOSE_KEEPS_CUR
run 1 lost-in-the-end READERS=1 VERSIONS=3 NO_KICK LIVE
while ((jobs-- > 0)); do
  wait -n || failed=1
done
if ((failed)); then
  exit 1
fi
echo "the model is right, and so is its test"
