#!/bin/sh
# Makes and loads the demo city, once: demo.sh CITYTWIN CITY_DIR
set -eu
citytwin=$1
city=$2
[ -e "$city/loaded" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$city.part"
"$citytwin" demo --size village --seed 1 --out "$work/demo.gpkg"
"$citytwin" load "$work/demo.gpkg" "$work/demo.dem.tif" --city "$city.part" --source demo
touch "$city.part/loaded"
rm -rf "$city"
mkdir -p "$(dirname "$city")"
mv "$city.part" "$city"
