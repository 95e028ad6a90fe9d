#!/bin/sh
# Installs the Debian packages that a purpose needs, after saying so: packages.sh server|web|viewer|test|bench|chroot …
# A package already there costs nothing; nothing is ever removed.
set -eu
wanted=
for purpose in "$@"; do
    case $purpose in
    # libclang is for gdal-sys's bindings; GDAL itself is linked by the loader's helper only.
    server) wanted="$wanted gcc libc6-dev pkg-config ca-certificates libgdal-dev git" ;;
    # rustc-web's own packages are unpacked into the cache, not installed: see web-toolchain.sh.
    web) wanted="$wanted gcc libc6-dev lld-22 libllvm22 binutils" ;;
    # Vulkan by software where there is no GPU, X libraries that winit opens at run time, a font with Chinese.
    viewer) wanted="$wanted gcc libc6-dev pkg-config libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon0 libxkbcommon-x11-0 libvulkan1 mesa-vulkan-drivers fonts-noto-cjk" ;;
    # Real clients: GDAL and QGIS, sqlite3, a browser. Python's venv is for EPANET: see python.sh.
    test) wanted="$wanted gdal-bin python3-venv python3-gdal python3-shapely python3-pyproj python3-pyshp python3-qgis sqlite3 curl chromium fonts-noto-cjk" ;;
    bench) wanted="$wanted postgresql-15 postgresql-15-postgis-3 gdal-bin" ;;
    chroot) wanted="$wanted debootstrap" ;;
    *)
        echo "packages.sh: '$purpose' is not one of server web viewer test bench chroot" >&2
        exit 2
        ;;
    esac
done
missing=
for package in $wanted; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "Installing Debian packages:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "These need root, and there is no sudo here. As root: apt-get install$missing" >&2
        exit 2
    }
    as_root=sudo
fi
$as_root apt-get update -q >/dev/null
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
