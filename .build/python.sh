#!/bin/sh
# Prints the Python of a folder, with its packages in place: python.sh DIR
# The packages are those of DIR/requirements.txt, by version and hash, in a virtual environment in the cache; it is made
# anew only when that file has changed since.
set -eu
wanted=$1/requirements.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/citytwin/python
room=$cache/$(basename "$1")
if ! cmp -s "$wanted" "$room/.installed"; then
    rm -rf "$room"
    mkdir -p "$cache"
    python3 -m venv "$room" >&2
    "$room/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement "$wanted" >&2
    cp "$wanted" "$room/.installed"
fi
echo "$room/bin/python"
