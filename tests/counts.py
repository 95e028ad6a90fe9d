"""Counts features three ways: GDAL's OAPIF driver to each collection's last page, plain SQL on the store, and the
generator's own list. Prints the first that differ.

    counts.py SERVER_URL city.gpkg demo.truth.json
"""
import json
import re
import sqlite3
import subprocess
import sys
import urllib.request


def over_http(url, collection):
    done = subprocess.run(
        ["ogrinfo", "-ro", "-al", f"OAPIF:{url}", collection, "--config", "GDAL_HTTP_TIMEOUT", "60"],
        capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or "ERROR" in done.stderr:
        raise SystemExit(f"ogrinfo on {collection}: {done.stderr.strip() or done.stdout.strip()}")
    # Features are counted as they are printed, so that every page has been read.
    return len(re.findall(r"^OGRFeature\(", done.stdout, re.MULTILINE))


def main(url, store, truth_file):
    truth = json.load(open(truth_file))["counts"]
    with urllib.request.urlopen(urllib.request.Request(f"{url}/collections", headers={"Accept": "application/json"})) as answer:
        collections = [c["id"] for c in json.load(answer)["collections"]]
    sql = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    wrong = 0
    for name, generated in sorted(truth.items()):
        if name not in collections:
            print(f"      {name}: not served")
            wrong += 1
            continue
        stored = sql.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        served = over_http(url, name)
        if not generated == stored == served:
            print(f"      {name}: generated {generated}, stored {stored}, served {served}")
            wrong += 1
    print(f"      {len(truth)} classes, {sum(truth.values())} features")
    # What the server computes (risk, coverage) has no table; it must still be readable to its end.
    for name in sorted(set(collections) - set(truth)):
        print(f"      {name}: {over_http(url, name)} computed features")
    return wrong == 0


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:4]) else 1)
