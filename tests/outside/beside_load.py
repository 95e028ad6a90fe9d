"""A load while QGIS has an edit session open on the same class: both go through, and nothing of either is lost.

    beside_load.py BIN_DIR BACKUP WORK_DIR
"""

import json
import sys
import time
from pathlib import Path

from city import City, Qgis, Running, run, wait_for

SURVEYED = 3000


def survey(path, count, diameter_mm):
    """Hydrants of a survey; each new edition says another diameter, so that a load changes every one."""
    at = lambda n: [round(116.02 + n % 100 * 1e-4, 7), round(30.02 + n // 100 * 1e-4, 7), 20.0]
    features = [{"type": "Feature", "properties": {"code": f"S-{n}", "diameter_mm": diameter_mm},
                 "geometry": {"type": "Point", "coordinates": at(n)}} for n in range(count)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path, "--class", "hydrant", "--source", "survey"


def fid_of(city, code):
    ((fid,),) = city.sql("SELECT fid FROM hydrant WHERE code=?", code)
    return fid


def sealed(city):
    return city.sql("SELECT sealed FROM ct_head")[0][0]


def diameters(city):
    return dict(city.sql("SELECT diameter_mm, count(*) FROM hydrant WHERE code LIKE 'S-%' GROUP BY 1"))


def served(city, fid, **wanted):
    """Waits until a feature is served with these values; the answer is its history, newest first."""
    def there():
        item = city.item("hydrant", fid)
        return item and all(item["properties"][name] == value for name, value in wanted.items())
    wait_for(f"hydrant.{fid} served with {wanted}", there)
    return city.history("hydrant", fid)


def said_by(versions):
    return [(v["source"], v["feature"] and (v["feature"]["properties"]["name"], v["feature"]["properties"]["diameter_mm"])) for v in versions]


def in_an_edit_session(city, work):
    """Edits that QGIS keeps to itself until they are saved hold nobody up, and take nothing back when they come."""
    both, deleted = fid_of(city, "S-10"), fid_of(city, "S-11")
    with Qgis(city.store, "hydrant") as qgis:
        qgis.do("edit")
        qgis.do("set", both, "name", "QGIS-1")
        qgis.do("delete", deleted)
        qgis.do("add", "QGIS-NEW", both, 0.001)
        said = city.load(*survey(work, SURVEYED, 200))
        assert f"changed {SURVEYED}," in said and "holds the store's write lock" not in said, said
        assert diameters(city) == {200: SURVEYED}
        qgis.do("save")
        assert said_by(served(city, both, name="QGIS-1", diameter_mm=200)) == [
            ("outside", ("QGIS-1", 200)), ("survey", (None, 200)), ("survey", (None, 100))]
        wait_for("a deleted feature that is gone", lambda: city.item("hydrant", deleted) is None)
        assert said_by(city.history("hydrant", deleted)) == [("outside", None), ("survey", (None, 200)), ("survey", (None, 100))]
        served(city, fid_of(city, "QGIS-NEW"), code="QGIS-NEW")
        assert diameters(city) == {200: SURVEYED - 1}


def in_a_transaction(city, work):
    """QGIS has written and not committed, and so holds the write lock: the load says whom it waits for, and goes on after."""
    both = fid_of(city, "S-20")
    with Qgis(city.store, "hydrant") as qgis:
        qgis.do("transaction_group")
        qgis.do("edit")
        qgis.do("set", both, "name", "QGIS-2")
        head = sealed(city)
        load = Running(city, *survey(work, SURVEYED - 1, 300))
        load.wait_for(f"another program (python3, process {qgis.process.pid}) holds the store's write lock; waited")
        assert load.is_running() and sealed(city) == head
        assert city.item("hydrant", both)["properties"]["diameter_mm"] == 200, "who reads is served meanwhile"
        qgis.do("set", both, "owner_unit", "QGIS-2")
        qgis.do("save")
        said = load.end()
        # S-11, which was deleted in QGIS, comes back with a file that has it; the last of the survey is not in this one.
        assert f"added 1, changed {SURVEYED - 2}, unchanged 0, gone from the file 1," in said, said
        assert said_by(served(city, both, name="QGIS-2", owner_unit="QGIS-2", diameter_mm=300))[:3] == [
            ("survey", ("QGIS-2", 300)), ("outside", ("QGIS-2", 200)), ("survey", (None, 200))]
        assert diameters(city) == {300: SURVEYED - 1, 200: 1}


def begun_during_the_load(city, work):
    """The lock is taken between two links of a load that is under way."""
    count = 5 * SURVEYED
    both = fid_of(city, "S-30")
    with Qgis(city.store, "hydrant") as qgis:
        qgis.do("transaction_group")
        head = sealed(city)
        load = Running(city, *survey(work, count, 400))
        wait_for("the load's first links", lambda: sealed(city) > head)
        # A transaction that has read before the load's last link may not write any more: SQLite refuses, QGIS says so, and who
        # edits discards and tries again.
        qgis.do("edit")
        while not qgis.attempt("set", both, "name", "QGIS-3"):
            assert load.is_running(), "QGIS found no gap between the load's links"
            qgis.attempt("discard")
            qgis.do("edit")
        load.wait_for(f"another program (python3, process {qgis.process.pid}) holds the store's write lock; waited")
        part = sealed(city)
        assert load.is_running() and part > head
        time.sleep(0.2)
        assert sealed(city) == part, "something was written past a lock"
        qgis.do("save")
        said = load.end()
        assert "holds the store's write lock" in said and f"changed {SURVEYED}," in said and "refused 0;" in said, said
        versions = served(city, both, name="QGIS-3", diameter_mm=400)
        (edited,) = [v["revision"] for v in versions if v["source"] == "outside"]
        first, last = city.sql("SELECT min(rev), max(rev) FROM ct_rev WHERE load_id=(SELECT max(id) FROM ct_load)")[0]
        assert first < edited < last, f"the load's revisions are {first} to {last}, QGIS's is {edited}"
        assert diameters(city) == {400: count}


def main(bin_dir, backup, work):
    work = Path(work)
    with City(bin_dir, backup, work / "beside") as city:
        file = work / "survey.geojson"
        city.load(*survey(file, SURVEYED, 100))
        city.serve()
        in_an_edit_session(city, file)
        in_a_transaction(city, file)
        begun_during_the_load(city, file)
        city.stop()
        run(city.citytwin, "verify", "--city", city.folder)


if __name__ == "__main__":
    main(*sys.argv[1:4])
