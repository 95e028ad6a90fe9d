#!/bin/sh
# Runs npm scripts of a folder with its packages in place: npm.sh DIR SCRIPT…
# Packages are installed only when the lock file has changed since.
set -eu
dir=$1
shift
cd "$dir"
if ! cmp -s package-lock.json node_modules/.installed-lock; then
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed-lock
fi
for script in "$@"; do npm run --silent "$script"; done
