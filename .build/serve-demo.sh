#!/bin/bash
# Serves the demo city while the web viewer builds behind it: serve-demo.sh CITYTWIN CITY_DIR LISTEN VIEWER_DIR LOG
# The build ends with the server; what it has compiled by then is there the next time.
citytwin=$1 city=$2 listen=$3 page=$4 log=$5
# In a group of its own, so that all of it can be ended, and not by the Ctrl-C that is meant for the server.
set -m
nice -n 19 node "$(dirname "$0")/web.mjs" "$page" >"$log" 2>&1 &
build=$!
set +m
trap : INT
"$citytwin" serve --city "$city" --listen "$listen" --simulate --viewer-dir "$page"
status=$?
kill -- -$build 2>/dev/null
exit $status
