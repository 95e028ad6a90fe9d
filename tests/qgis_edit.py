#!/usr/bin/env python3
"""Edits a city's layer as QGIS does: by its own provider, in an edit session and in a transaction group.

    qgis_edit.py CITY.gpkg LAYER

Adds a feature beside the first, changes the first one's attribute `code` and its geometry, deletes the last; then does the
same additions in a provider transaction and rolls them back. Prints one line per step. Exit code 77: PyQGIS is missing.
"""

import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    from qgis.core import Qgis, QgsApplication, QgsFeature, QgsGeometry, QgsPoint, QgsTransaction, QgsVectorLayer
except ImportError as missing:
    print(f"skipped: PyQGIS is not installed ({missing})")
    sys.exit(77)


def fail(text):
    print(f"failed: {text}")
    sys.exit(1)


def moved(feature, by):
    geometry = QgsGeometry(feature.geometry())
    geometry.translate(by, 0)
    return geometry


def main(path, name):
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
    if not layer.isValid():
        fail(f"{name} does not open")
    features = sorted(layer.getFeatures(), key=lambda feature: feature.id())
    if len(features) < 2:
        fail(f"{name} has {len(features)} features, two are needed")
    first, last = features[0], features[-1]
    code = layer.fields().indexOf("code")

    # An edit session: one commit, as the button "save edits" does.
    if not layer.startEditing():
        fail("no edit session")
    added = QgsFeature(layer.fields())
    added["code"] = "QGIS-NEW"
    added.setGeometry(moved(first, 0.001))
    layer.addFeature(added)
    layer.changeAttributeValue(first.id(), code, "QGIS-CHANGED")
    layer.changeGeometry(first.id(), moved(first, 0.0005))
    layer.deleteFeature(last.id())
    if not layer.commitChanges():
        fail("; ".join(layer.commitErrors()))
    print(f"session: added 1, changed {first.id()}, deleted {last.id()}")

    # A transaction of the provider, rolled back: nothing of it may be left.
    group = QgsTransaction.create([layer])
    if group is None:
        print("transaction: this QGIS has none for GeoPackage")
    else:
        ok, error = group.begin()
        if not ok:
            fail(error)
        layer.startEditing()
        again = QgsFeature(layer.fields())
        again["code"] = "QGIS-ROLLED-BACK"
        again.setGeometry(moved(first, 0.002))
        layer.addFeature(again)
        ok, error = group.rollback()
        if not ok:
            fail(error)
        layer.rollBack()
        print("transaction: added 1, rolled back")
    print(f"QGIS {Qgis.QGIS_VERSION}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        fail("usage: qgis_edit.py CITY.gpkg LAYER")
    application = QgsApplication([], False)
    application.initQgis()
    main(sys.argv[1], sys.argv[2])
    # The layer is gone by now; QGIS closing last leaves journal_mode=DELETE.
    application.exitQgis()
