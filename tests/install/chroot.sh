#!/bin/bash
# Proves the README's two commands on a machine that has never been worked on: a fresh Debian 12 in a chroot, with
# git, make, Rust and Node brought in as a newcomer would have them, and a clone of this checkout's HEAD.
#
#     tests/install/chroot.sh [demo|test|both]      COLD=1: nothing is taken from this machine's caches
#
# Without COLD the compiled dependencies and cargo's downloads are lent, which still proves packages and steps.
set -euo pipefail
what=${1:-both}
here=$(cd "$(dirname "$0")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/citytwin
base=$cache/debian-12
root=$cache/chroot
port=${PORT:-8099}
[ "$(id -u)" = 0 ] || { echo "The chroot needs root" >&2; exit 2; }

# Everything is mounted in a namespace of its own, and every process in it ends with it.
if [ -z "${CITYTWIN_CHROOT:-}" ]; then
    CITYTWIN_CHROOT=1 exec unshare --mount --pid --fork --kill-child -- "$0" "$@"
fi

say() { printf '[%s] %s\n' "$(date +%H:%M:%S)" "$*"; }

if [ ! -e "$base/complete" ]; then
    say "debootstrap"
    rm -rf "$base"
    debootstrap --variant=minbase --include=ca-certificates,git,make bookworm "$base" >"$cache/debootstrap.log"
    touch "$base/complete"
fi
say "fresh root"
rm -rf "$root"
cp -a "$base" "$root"

# How packages are reached is this machine's affair, not the project's.
cp -rL /etc/apt/sources.list.d/*.sources "$root/etc/apt/sources.list.d/" 2>/dev/null && : >"$root/etc/apt/sources.list"
cp -r /etc/apt/apt.conf.d/99* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || true
mount -t tmpfs -o size=8g tmpfs "$root/tmp"

# Rust and Node, as a newcomer has them.
mkdir -p "$root/root/.rustup" "$root/root/.cargo/bin" "$root/usr/local/lib/node_modules"
mount --bind "${RUSTUP_HOME:-$HOME/.rustup}" "$root/root/.rustup"
mount --bind "${CARGO_HOME:-$HOME/.cargo}/bin" "$root/root/.cargo/bin"
for file in config.toml; do [ -e "${CARGO_HOME:-$HOME/.cargo}/$file" ] && cp "${CARGO_HOME:-$HOME/.cargo}/$file" "$root/root/.cargo/"; done
cp "$(readlink -f "$(command -v node)")" "$root/usr/local/bin/node"
cp -a "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$root/usr/local/lib/node_modules/npm"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
[ -e "$HOME/.npmrc" ] && cp "$HOME/.npmrc" "$root/root/.npmrc"

if [ -z "${COLD:-}" ]; then
    mkdir -p "$root/root/.cargo/registry" "$root/root/.cache/citytwin/target"
    mount --bind "${CARGO_HOME:-$HOME/.cargo}/registry" "$root/root/.cargo/registry"
    mount --bind "${CARGO_TARGET_DIR:-$cache/target}" "$root/root/.cache/citytwin/target"
    # rustc-web is unpacked from Debian's packages: lent too, since its path is part of what was compiled with it.
    [ -e "$cache/rustc-web/complete" ] && mkdir -p "$root/root/.cache/citytwin/rustc-web" && mount --bind "$cache/rustc-web" "$root/root/.cache/citytwin/rustc-web"
fi

git clone -q "file://$here" "$root/root/citytwin"
if [ -d "$here/../shared" ]; then
    mkdir -p "$root/root/shared"
    mount --rbind "$here/../shared" "$root/root/shared"
fi

inside() {
    env -i HOME=/root PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        ${CI:+CI=$CI} SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
        chroot "$root" bash -c "cd /root/citytwin && $1"
}

minutes() { awk -v s="$1" 'BEGIN {printf "%.1f", s / 60}'; }

demo() {
    say "make demo"
    local begin=$SECONDS state=''
    # In a process group of its own, so that it can be ended as Ctrl-C ends it.
    set -m
    inside "make demo LISTEN=127.0.0.1:$port" >"$cache/chroot-demo.log" 2>&1 &
    local pid=$!
    set +m
    until curl -fs -o /dev/null "http://127.0.0.1:$port/ready"; do
        kill -0 $pid 2>/dev/null || { tail -n 40 "$cache/chroot-demo.log"; say "make demo ended"; return 1; }
        sleep 1
    done
    curl -fs -o /dev/null -H 'Accept: text/html' "http://127.0.0.1:$port/"
    curl -fs "http://127.0.0.1:$port/collections/hydrant/items?limit=1" | grep -q '"hydrant\.'
    say "make demo: the map is open after $(minutes $((SECONDS - begin))) min"
    until [ "$state" = ready ]; do
        kill -0 $pid 2>/dev/null || { tail -n 40 "$cache/chroot-demo.log"; return 1; }
        state=$(curl -fs "http://127.0.0.1:$port/viewer/viewer-build.json" | sed -n 's/.*"state":"\([a-z]*\)".*/\1/p')
        [ "$state" != failed ] || { say "the web viewer failed to build"; tail -n 20 "$root/root/.cache/citytwin/target/web-build.log"; return 1; }
        sleep 2
    done
    say "make demo: the web viewer is ready after $(minutes $((SECONDS - begin))) min"
    kill -INT -- -$pid
    wait $pid 2>/dev/null || true
    ! curl -fs -o /dev/null "http://127.0.0.1:$port/ready" || { say "the server outlived Ctrl-C"; return 1; }
}

tests() {
    say "make test"
    local begin=$SECONDS
    inside "make test" >"$cache/chroot-test.log" 2>&1 || { tail -n 60 "$cache/chroot-test.log"; say "make test failed"; return 1; }
    grep -A 20 'Minutes per suite' "$cache/chroot-test.log"
    say "make test: $(minutes $((SECONDS - begin))) min"
}

case $what in
demo) demo ;;
test) tests ;;
*) demo && tests ;;
esac
