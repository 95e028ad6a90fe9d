#!/bin/sh
# Makes and loads the demo city, once: demo.sh CITYTWIN CITY_DIR
set -eu
citytwin=$(realpath "$1")
city=$2
name=$(basename "$city")
[ -e "$city/loaded" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Loaded under its own name in a folder beside, so that what is said of it is true afterwards.
rm -rf "$city.part"
mkdir -p "$city.part"
"$citytwin" demo --size village --seed 1 --out "$work/demo.gpkg"
(cd "$city.part" && "$citytwin" load "$work/demo.gpkg" "$work/demo.dem.tif" --city "$name" --source demo)
touch "$city.part/$name/loaded"
rm -rf "$city"
mv "$city.part/$name" "$city"
rmdir "$city.part"
