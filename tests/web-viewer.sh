#!/bin/bash
# The web viewer in a real browser on the real server: tests/web-viewer.sh BIN_DIR VIEWER_DIR [OUT_DIR]
set -euo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
out=${3:-${CARGO_TARGET_DIR:-/tmp}/pictures}
mkdir -p "$out"
# shellcheck source=serve.sh
. "$tests/serve.sh"
serve_demo "$1" --viewer-dir "$2"
"$tests/../.build/npm.sh" "$tests/browser"
node "$tests/browser/run.mjs" --server "$url" --key "$key" --out "$out" --viewer
