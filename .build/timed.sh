#!/bin/bash
# Runs a suite and writes down its minutes: timed.sh NAME COMMAND…; --begin forgets earlier ones, --report prints them.
set -u
sheet=${CARGO_TARGET_DIR:-/tmp}/minutes.tsv
if [ "$1" = --begin ]; then
    rm -f "$sheet"
    exit 0
fi
if [ "$1" = --report ]; then
    echo "Minutes per suite:"
    awk -F'\t' '{printf "  %6.1f  %s\n", $2 / 60, $1}' "$sheet"
    rm -f "$sheet"
    exit 0
fi
name=$1
shift
begin=$(date +%s)
"$@"
rc=$?
mkdir -p "$(dirname "$sheet")"
printf '%s\t%s\n' "$name" $(($(date +%s) - begin)) >>"$sheet"
[ $rc = 0 ] || echo "FAILED: $name" >&2
exit $rc
