"""What QGIS, GDAL and a plain sqlite3 change in a city's store, while a server has it open and while none has, is
served, on the feed, and in the history with before and after.

    edits.py BIN_DIR BACKUP WORK_DIR
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from city import PATIENCE_S, City, Qgis, run

HYDRANT = "hydrant"
# How long each edit took until the feed told of it.
took_s = []


def place_of(feature):
    return feature["geometry"]["coordinates"][:2]


def code_of(feature):
    return feature["properties"].get("code")


def fid_of(city, collection, code):
    return city.sql(f'SELECT fid FROM "{collection}" WHERE code=?', code)[0][0]


def holds(bounds, place):
    west, south, east, north = bounds
    return west <= place[0] + 1e-9 and place[0] - 1e-9 <= east and south <= place[1] + 1e-9 and place[1] - 1e-9 <= north


def expect(city, who, collection, fid, before, code, since, after=None):
    """The edit of one feature is told, served, indexed and kept. `before`: as served before, if it was there. `code`: its
    new one, `None` when it was deleted. `after`: the revision that the edit must be newer than."""
    wire = city.class_no(collection) << 32 | fid
    revision_before = before["revision"] if before else (after or 0)
    told = city.feed.wait_for(lambda revision, change: change["id"] == wire and revision and revision > revision_before, PATIENCE_S)
    assert told, f"{who}: {collection}.{fid} is not on the feed"
    took_s.append(time.monotonic() - since)
    revision, change = told[-1]
    served, versions = city.item(collection, fid), city.history(collection, fid)
    newest = versions[0]
    assert newest["source"] == "outside" and newest["revision"] <= revision, f"{who}: {newest}"
    ops = city.sql("SELECT op FROM ct_change WHERE rev=? AND class=? AND fid=?", newest["revision"], wire >> 32, fid)
    assert ops, f"{who}: {collection}.{fid} is not in the change log of revision {newest['revision']}"
    kept = [version["feature"] for version in versions[1:2]]
    if before:
        assert kept and code_of(kept[0]) == code_of(before) and kept[0]["geometry"] == before["geometry"], f"{who}: before is {kept}"
        old = city.sql(f'SELECT code, ct_to FROM "h_{collection}" WHERE fid=? ORDER BY ct_from DESC LIMIT 1', fid)
        assert old == [(code_of(before), newest["revision"])], f"{who}: the history table says {old}"
    else:
        assert len(versions) == 1, f"{who}: {versions}"
    if code is None:
        assert newest["deleted"] and served is None, f"{who}: {collection}.{fid} is still served"
    else:
        assert code_of(served) == code == code_of(newest["feature"]), f"{who}: {code_of(served)} is served, not {code}"
        assert served["revision"] == newest["revision"]
    for feature in (before, served):
        if feature and feature["geometry"]:
            assert holds(change["bounds"], place_of(feature)), f"{who}: the feed's box lacks {place_of(feature)}"
            there = f"{collection}.{fid}" in city.found_at(collection, place_of(feature))
            here = bool(served) and place_of(served) == place_of(feature)
            assert there == here, f"{who}: the index finds it at {place_of(feature)}: {there}"
    return served


def no_trace(city, code):
    """What was taken back before it was committed is nowhere."""
    assert not city.sql("SELECT 1 FROM hydrant WHERE code=? UNION ALL SELECT 1 FROM h_hydrant WHERE code=?", code, code)
    assert city.get(f"/collections/hydrant/items?code={code}")["numberMatched"] == 0


def by_qgis(city, work, transactions):
    """An edit session, saved as one; with the project's transaction groups on or off."""
    who = "QGIS with transactions" if transactions else "QGIS"
    tag = "QGIS-T" if transactions else "QGIS"
    with Qgis(city.store, HYDRANT) as qgis:
        fids = qgis.do("fids")
        first, second, last = fids[0], fids[1], fids[-1]
        was = {fid: city.item(HYDRANT, fid) for fid in (first, second, last)}
        if transactions:
            qgis.do("transaction_group")
        # Thought better of: nothing of it may be left.
        qgis.do("edit")
        qgis.do("add", f"{tag}-DISCARDED", first, 0.002)
        qgis.do("set", first, "code", f"{tag}-DISCARDED")
        qgis.do("delete", second)
        head = city.sql("SELECT sealed FROM ct_head")
        qgis.do("discard")
        no_trace(city, f"{tag}-DISCARDED")

        qgis.do("edit")
        qgis.do("add", f"{tag}-NEW", first, 0.001)
        qgis.do("set", first, "code", f"{tag}-CHANGED")
        qgis.do("move", first, 0.0005)
        qgis.do("set", second, "code", f"{tag}-RENAMED")
        qgis.do("delete", last)
        no_trace(city, f"{tag}-NEW")
        assert city.sql("SELECT sealed FROM ct_head") == head, f"{who}: what was not saved became a revision"
        qgis.do("save")
        since = time.monotonic()
        (new,) = qgis.do("fid_of", f"{tag}-NEW")
        changed = expect(city, who, HYDRANT, first, was[first], f"{tag}-CHANGED", since)
        assert abs(place_of(changed)[0] - place_of(was[first])[0] - 0.0005) < 1e-9, f"{who}: not moved"
        renamed = expect(city, who, HYDRANT, second, was[second], f"{tag}-RENAMED", since)
        expect(city, who, HYDRANT, last, was[last], None, since)
        expect(city, who, HYDRANT, new, None, f"{tag}-NEW", since)
        assert renamed["revision"] == changed["revision"], f"{who}: one session became two revisions"
        # What the server changes meanwhile, QGIS sees: both look at one file.
        assert qgis.do("feature", second)["code"] == f"{tag}-RENAMED"
    return qgis


def by_gdal(city, work):
    more = Path(work) / "more.geojson"
    near = place_of(city.item(HYDRANT, 5))
    at = [round(near[0] + 0.0012, 7), round(near[1], 7)]
    point = lambda **properties: {"type": "Feature", "properties": properties,
                                  "geometry": {"type": "Point", "coordinates": [*at, 20.5]}}
    more.write_text(json.dumps({"type": "FeatureCollection", "features": [point(code="OGR-NEW")]}))
    run("ogr2ogr", "-append", "-update", "-nln", HYDRANT, city.store, more)
    since = time.monotonic()
    new = fid_of(city, HYDRANT, "OGR-NEW")
    served = expect(city, "ogr2ogr -append", HYDRANT, new, None, "OGR-NEW", since)
    assert place_of(served) == at

    was = city.item(HYDRANT, 6)
    run("ogrinfo", "-q", city.store, "-sql",
        f"UPDATE hydrant SET code='OGR-CHANGED', geom=(SELECT geom FROM hydrant WHERE fid={new}) WHERE fid=6")
    expect(city, "ogrinfo -sql UPDATE", HYDRANT, 6, was, "OGR-CHANGED", time.monotonic())
    was = city.item(HYDRANT, 7)
    run("ogrinfo", "-q", city.store, "-sql", "DELETE FROM hydrant WHERE fid=7")
    expect(city, "ogrinfo -sql DELETE", HYDRANT, 7, was, None, time.monotonic())
    # The whole layer of a city's copy written over it by fid: nothing changes but what differs.
    was = city.item(HYDRANT, 8)
    rows = Path(work) / "rows.gpkg"
    run("ogr2ogr", rows, city.store, HYDRANT, "-where", "fid=8", "-preserve_fid")
    run("ogrinfo", "-q", rows, "-sql", "UPDATE hydrant SET code='OGR-UPSERT'")
    run("ogr2ogr", "-append", "-upsert", "-nln", HYDRANT, "-preserve_fid", city.store, rows)
    expect(city, "ogr2ogr -upsert", HYDRANT, 8, was, "OGR-UPSERT", time.monotonic())


def by_sqlite(city):
    """Without spatial functions: tables without geometry, and the deletion of spatial rows."""
    was = city.item("datastream", 1)
    run("sqlite3", city.store, "PRAGMA busy_timeout=5000; UPDATE datastream SET code='SQL-CHANGED' WHERE fid=1;"
        " INSERT INTO datastream(code) VALUES('SQL-NEW')")
    since = time.monotonic()
    expect(city, "sqlite3 UPDATE", "datastream", 1, was, "SQL-CHANGED", since)
    expect(city, "sqlite3 INSERT", "datastream", fid_of(city, "datastream", "SQL-NEW"), None, "SQL-NEW", since)
    was = city.item(HYDRANT, 9)
    run("sqlite3", city.store, "PRAGMA busy_timeout=5000; PRAGMA recursive_triggers=1; DELETE FROM hydrant WHERE fid=9")
    expect(city, "sqlite3 DELETE", HYDRANT, 9, was, None, time.monotonic())
    refused = subprocess.run(["sqlite3", city.store, "INSERT INTO hydrant(fid, code) VALUES(9, 'AGAIN')"], capture_output=True, text=True)
    assert refused.returncode != 0, "an id was given twice"


def without_a_server(city):
    """QGIS alone has the store, closes it last, and a server comes later: the edits have their own time."""
    was = {fid: city.item(HYDRANT, fid) for fid in (20, 21)}
    city.stop()
    with Qgis(city.store, HYDRANT) as qgis:
        qgis.do("edit")
        qgis.do("set", 20, "code", "QGIS-ALONE")
        qgis.do("delete", 21)
        qgis.do("save")
    # As a rollback journal: a server has to set its own mode again.
    assert city.sql("PRAGMA journal_mode") == [("delete",)], "QGIS has changed its ways; is this check still of use?"
    (edited,) = city.sql("SELECT max(at) FROM ct_change WHERE rev > (SELECT sealed FROM ct_head)")[0]
    assert edited, "the triggers caught nothing"
    # Open at its window, only looking, when the server starts; then edited.
    with Qgis(city.store, HYDRANT) as qgis:
        assert qgis.do("feature", 20)["code"] == "QGIS-ALONE"
        time.sleep(1.1)  # the clock moves on, so that a server that dates edits by itself is seen
        city.serve()
        assert city.sql("PRAGMA journal_mode") == [("wal",)]
        changed, deleted = city.history(HYDRANT, 20), city.history(HYDRANT, 21)
        assert (changed[0]["source"], changed[0]["feature"]["properties"]["code"]) == ("outside", "QGIS-ALONE"), changed[0]
        assert code_of(changed[1]["feature"]) == code_of(was[20])
        assert deleted[0]["deleted"] and code_of(deleted[1]["feature"]) == code_of(was[21])
        assert city.item(HYDRANT, 21) is None and code_of(city.item(HYDRANT, 20)) == "QGIS-ALONE"
        assert max(changed[0]["time"], deleted[0]["time"]) == edited, f"dated {changed[0]['time']}, edited {edited}"
        was = city.item(HYDRANT, 22)
        qgis.do("edit")
        qgis.do("set", 22, "code", "QGIS-LATER")
        qgis.do("save")
        expect(city, "QGIS open before the server", HYDRANT, 22, was, "QGIS-LATER", time.monotonic())


def main(bin_dir, backup, work):
    with City(bin_dir, backup, Path(work) / "edits") as city:
        city.serve()
        by_qgis(city, work, transactions=False)
        by_qgis(city, work, transactions=True)
        by_gdal(city, work)
        by_sqlite(city)
        without_a_server(city)
        run(city.citytwin, "verify", "--city", city.folder)
    print(f"      {len(took_s)} edits; from the edit to the feed: {min(took_s):.2f} to {max(took_s):.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:4])
