#!/bin/sh
# A compiler for wasm32-unknown-unknown, in the cache: prints the shell lines that select it.
#
# Where rustup has the target installed, that is used as it is. Elsewhere Debian's rustc-web (the compiler that its
# browsers are built with) is downloaded and unpacked, never installed, and std is built from its source.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/citytwin
if [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] && command -v rust-lld >/dev/null 2>&1; then
    exit 0
fi
dir=$cache/rustc-web
if [ ! -x "$dir/usr/bin/rustc" ] || [ ! -e "$dir/complete" ]; then
    echo "Unpacking Debian's rustc-web into the cache (500 MB, once)" >&2
    rm -rf "$dir" "$dir.part"
    mkdir -p "$dir.part/debs"
    runtime=$(apt-cache depends rustc-web libstd-rust-web-dev | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p' | head -n 1)
    (cd "$dir.part/debs" && apt-get download -q rustc-web libstd-rust-web-dev "$runtime" rust-web-src >/dev/null 2>&1) || {
        echo "Debian's rustc-web could not be downloaded; run apt-get update and try again" >&2
        exit 2
    }
    for package in "$dir.part"/debs/*.deb; do dpkg -x "$package" "$dir.part"; done
    rm -r "$dir.part/debs"
    touch "$dir.part/complete"
    mv "$dir.part" "$dir"
fi
cat <<SH
export RUSTC="$dir/usr/bin/rustc"
export LD_LIBRARY_PATH="$dir/usr/lib/x86_64-linux-gnu"
export RUSTC_BOOTSTRAP="1"
export WEB_BUILD_STD="-Zbuild-std=std,panic_abort"
SH
