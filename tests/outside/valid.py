"""A whole city's store is a valid GeoPackage after a load, an outside edit, an undo and a backup, and other programs list
its classes and own collections and nothing else.

    valid.py BIN_DIR BACKUP WORK_DIR
"""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from city import DEBIAN_PYTHON, City, Qgis, run, wait_for

VALIDATOR = [DEBIAN_PYTHON, "-m", "osgeo_utils.samples.validate_gpkg"]


def validate(store, when):
    done = subprocess.run([*VALIDATOR, store], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{when}: {done.stdout}{done.stderr}"


def the_validator_sees(store, work):
    """A store with a row that should not be there does not pass."""
    damaged = work / "damaged.gpkg"
    shutil.copy(store, damaged)
    conn = sqlite3.connect(damaged)
    conn.execute("INSERT INTO gpkg_geometry_columns VALUES('nowhere','geom','POINT',4326,0,0)")
    conn.commit()
    conn.close()
    assert subprocess.run([*VALIDATOR, damaged], capture_output=True, timeout=120).returncode != 0, "the validator sees nothing"


def listed(city, when, wanted):
    told = run("ogrinfo", "-q", city.store)
    layers = re.findall(r"^\d+: (\S+)", told, re.MULTILINE)
    assert sorted(layers) == sorted(wanted), f"{when}: ogrinfo lists {sorted(set(layers) ^ set(wanted))} too many or too few"


def main(bin_dir, backup, work):
    work = Path(work)
    trees = work / "tree.geojson"
    trees.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"kind": "樟", "girth": n / 10},
         "geometry": {"type": "Point", "coordinates": [116.01 + n / 1e4, 30.01]}} for n in range(200)]}))
    with City(bin_dir, backup, work / "valid") as city:
        city.serve()
        classes = [entry["id"] for entry in city.get("/catalogue")["classes"] if entry["kept"] == "city"]
        validate(city.store, "after a load")
        the_validator_sees(backup / "city.gpkg", work)
        listed(city, "after a load", classes)

        city.load(trees, "--as", "tree")
        validate(city.store, "with a collection of its own")
        listed(city, "with a collection of its own", [*classes, "tree"])
        wait_for("the collection served", lambda: city.get("/collections/tree"))

        with Qgis(city.store, "tree") as qgis:
            assert sorted(qgis.do("tables")) == sorted([*classes, "tree"]), "QGIS lists something else"
            qgis.do("edit")
            qgis.do("move", 1, 0.001)
            qgis.do("delete", 2)
            qgis.do("save")
            run("ogrinfo", "-q", city.store, "-sql", "UPDATE hydrant SET code='VALID' WHERE fid=1")
            validate(city.store, "after edits from outside")
            wait_for("the edit served", lambda: city.item("hydrant", 1)["properties"]["code"] == "VALID")

            copy = work / "copy"
            run(city.citytwin, "backup", "--city", city.folder, "--to", copy)
            validate(copy / "city.gpkg", "a backup")

            (load,) = city.sql("SELECT max(id) FROM ct_load")[0]
            city.load("--undo", load, "--keep-later")
            validate(city.store, "after an undo")
            # But for the tree that was edited later: it was kept.
            wait_for("what was taken back", lambda: [f["id"] for f in city.get("/collections/tree/items")["features"]] == ["tree.1"])
            city.stop()
        # QGIS has closed it last.
        validate(city.store, "left by QGIS")
        listed(city, "left by QGIS", [*classes, "tree"])
        run(city.citytwin, "verify", "--city", city.folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
