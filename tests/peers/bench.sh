#!/usr/bin/env bash
# Index, items page and load beside PostGIS: starts a cluster of its own in a temporary folder, runs the comparison, stops the cluster.
# Arguments go to the comparison (--part, --rows, --rounds, --seed …; see --help). The figures also lie in bench.json of the target folder.
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=$(ls -d /usr/lib/postgresql/15/bin 2>/dev/null) || { echo "postgresql-15 is missing: apt-get install postgresql-15-postgis-3" >&2; exit 2; }
here=tests/peers
work=$(mktemp -d "${TMPDIR:-/tmp}/citytwin-bench.XXXXXX")
data=$work/data
user=$(id -un)
as=()
if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root; Debian's package brought a user for it.
    user=postgres
    as=(runuser -u postgres --)
    chown postgres "$work"
fi

end() {
    [ ! -f "$data/postmaster.pid" ] || "${as[@]}" "$bin/pg_ctl" -D "$data" -m fast -w stop >/dev/null || true
    rm -rf "$work"
}
trap end EXIT

(cd "$work" && "${as[@]}" "$bin/initdb" -D "$data" -A trust -E UTF8 --locale=C.UTF-8 >"$work/initdb.log")
cat "$here/postgis.conf" >>"$data/postgresql.conf"
(cd "$work" && "${as[@]}" "$bin/pg_ctl" -D "$data" -l "$data/server.log" -o "-k $work" -w start >/dev/null) || { cat "$data/server.log" >&2; exit 2; }

target=${CARGO_TARGET_DIR:-target}
server=()
[ ! -x "$target/debug/citytwin" ] || server=(--server "$target/debug/citytwin")
cargo run -q --locked -p citytwin-peers -- --socket "$work" --user "$user" --report "$target/bench.json" "${server[@]}" "$@"
