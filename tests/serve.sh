# Sourced: a demo city on a free port, for scripts that test with real clients. Sets $url, $city, $key, $work.

work=$(mktemp -d)
city=$work/city
server_pid=

end_server() {
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap end_server EXIT

serve_demo() { # BIN_DIR [SERVE-ARGUMENTS…]
    local bin=$1 port
    shift
    "$bin/citytwin" demo --size village --seed 1 --out "$work/demo.gpkg" >"$work/demo.log"
    "$bin/citytwin" load "$work/demo.gpkg" "$work/demo.dem.tif" --city "$city" --source demo >"$work/load.log" 2>&1 || { cat "$work/load.log"; return 1; }
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    url=http://127.0.0.1:$port
    "$bin/citytwin" serve --city "$city" --listen "127.0.0.1:$port" --simulate "$@" >"$work/serve.log" 2>&1 &
    server_pid=$!
    for _ in $(seq 150); do
        curl -fs -o /dev/null "$url/ready" && break
        kill -0 "$server_pid" 2>/dev/null || { cat "$work/serve.log"; return 1; }
        sleep 0.2
    done
    key=$(cat "$city/admin.key")
}
