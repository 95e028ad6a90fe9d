#!/bin/bash
# Real clients on the real server: makes and loads a demo city, serves it, and runs ogrinfo, QGIS, sqlite3, curl,
# gltf-validator, CesiumJS and a browser against it.
#
#     tests/clients.sh BIN_DIR [OUT_DIR]
set -euo pipefail
bin=$1
tests=$(cd "$(dirname "$0")" && pwd)
out=${2:-${CARGO_TARGET_DIR:-/tmp}/pictures}
mkdir -p "$out"
# shellcheck source=serve.sh
. "$tests/serve.sh"
serve_demo "$bin"

passed=0
failed=0
check() { # NAME COMMAND…
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
    fi
}

status_is() { # STATUS CURL-ARGUMENTS…
    local wanted=$1 got
    shift
    got=$(curl -s -o /dev/null -w '%{http_code}' "$@")
    [ "$got" = "$wanted" ] || { echo "      answered $got, not $wanted"; return 1; }
}

reading() { printf '{"datastream":"%s","time":"%s","value":1}' "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"; }
stream=$(sqlite3 "$city/city.gpkg" 'SELECT code FROM datastream LIMIT 1')

check "every collection: ogrinfo over HTTP, plain SQL and the generator count the same" \
    python3 "$tests/counts.py" "$url" "$city/city.gpkg" "$work/demo.truth.json"
check "a write without the key is refused" status_is 401 -X POST "$url/readings" -H 'Content-Type: application/json' -d "$(reading "$stream")"
check "a write from a foreign origin is refused, even with the key" \
    status_is 403 -X POST "$url/readings" -H 'Origin: http://elsewhere.example' -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -d "$(reading "$stream")"
check "a foreign host name is refused" status_is 421 -H 'Host: elsewhere.example' "$url/collections"
check "with the key it is taken" status_is 200 -X POST "$url/readings" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -d "$(reading "$stream")"
# The README's own commands, typed as they stand there but for the address and the place of the key.
readme() {
    awk -v begin="$1" 'index($0, begin) == 1 { on = 1 } on { print; if (!/\\$/) exit }' "$tests/../README.md" |
        sed "s#http://127.0.0.1:8080#$url#g; s#~/.cache/citytwin/cities/demo-village#$city#g" | bash
}
readme_hydrants() { [[ $(readme "curl 'http" 2>/dev/null) == *'"hydrant.'* ]]; }
readme_reading() { [[ $(readme 'curl -H "Auth' 2>/dev/null) == *'"accepted":1'* ]]; }
check "the README's curl reads hydrants" readme_hydrants
check "the README's reading is taken" readme_reading

# Other programs on a city's store, each check on a city of its own.
"$bin/citytwin" backup --city "$city" --to "$work/backup" >/dev/null
outside() { PYTHONDONTWRITEBYTECODE=1 python3 "$tests/outside/$1.py" "$bin" "$work/backup" "$work"; }
check "what QGIS, GDAL and sqlite3 edit is served, on the feed and in the history" outside edits
check "a load beside an edit session of QGIS: both go through, nothing is lost" outside beside_load
check "the store stays a valid GeoPackage, and lists its classes and nothing else" outside valid

"$tests/../.build/npm.sh" "$tests/tiles3d"
check "every glb passes gltf-validator" node "$tests/tiles3d/validate.mjs" "$url"
check "all tiles together hold the store's features, within 5 cm" node "$tests/tiles3d/compare.mjs" "$url"
check "CesiumJS loads the tileset and picks a known id" node "$tests/tiles3d/cesium.mjs" "$url" "$out/cesium.png"
"$tests/../.build/npm.sh" "$tests/browser"
check "the console in a browser" node "$tests/browser/run.mjs" --server "$url" --key "$key" --out "$out"

echo "pictures: $out"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
