"""QGIS on a city's layer, led line by line: what somebody does at its window, done by its own provider.

    /usr/bin/python3 qgis_window.py CITY.gpkg LAYER

Reads one JSON array a line, [VERB, ARGUMENTS…], and answers each with one: true and a value, or false and why not.
Exit code 77: PyQGIS is missing.
"""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
try:
    from qgis.core import (Qgis, QgsApplication, QgsFeature, QgsFeatureRequest, QgsGeometry, QgsProviderRegistry,
                           QgsTransactionGroup, QgsVectorLayer)
except ImportError as missing:
    print(f"PyQGIS is not installed ({missing})", file=sys.stderr)
    sys.exit(77)


class Window:
    def __init__(self, path, name):
        self.path = path
        self.layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
        if not self.layer.isValid():
            raise RuntimeError(f"{name} does not open")
        self.group = None

    def version(self):
        return Qgis.QGIS_VERSION

    def tables(self):
        """What QGIS lists below the file's connection. (The dialog after dropping the file on the map shows the store's own
        tables too: for that, QGIS tells GDAL to list all there are.)"""
        connection = QgsProviderRegistry.instance().providerMetadata("ogr").createConnection(self.path, {})
        return [table.tableName() for table in connection.tables()]

    def fids(self):
        return sorted(feature.id() for feature in self.layer.getFeatures())

    def feature(self, fid):
        feature = next(self.layer.getFeatures(QgsFeatureRequest(fid)), None)
        return feature and {"code": feature["code"], "at": self.at(feature)}

    def fid_of(self, code):
        request = QgsFeatureRequest().setFilterExpression(f"\"code\" = '{code}'")
        return [feature.id() for feature in self.layer.getFeatures(request)]

    def transaction_group(self):
        """Project properties, "automatically create transaction groups": each edit is written at once, none committed."""
        self.group = QgsTransactionGroup()
        return self.group.addLayer(self.layer)

    def edit(self):
        return self.layer.startEditing()

    def add(self, code, beside, by):
        added = QgsFeature(self.layer.fields())
        added["code"] = code
        added.setGeometry(self.moved(beside, by))
        return self.layer.addFeature(added)

    def set(self, fid, field, value):
        return self.layer.changeAttributeValue(fid, self.layer.fields().indexOf(field), value)

    def move(self, fid, by):
        return self.layer.changeGeometry(fid, self.moved(fid, by))

    def delete(self, fid):
        return self.layer.deleteFeature(fid)

    def save(self):
        if not self.layer.commitChanges():
            raise RuntimeError("; ".join(self.layer.commitErrors()))
        return True

    def discard(self):
        return self.layer.rollBack()

    def moved(self, fid, by):
        geometry = QgsGeometry(next(self.layer.getFeatures(QgsFeatureRequest(fid))).geometry())
        geometry.translate(by, 0)
        return geometry

    @staticmethod
    def at(feature):
        vertex = feature.geometry().vertexAt(0)
        return [vertex.x(), vertex.y()]


def main(path, name):
    window = Window(path, name)
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        try:
            answer = [True, getattr(window, verb)(*arguments)]
        except Exception as error:  # whatever QGIS says goes back to who leads it
            answer = [False, str(error)]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    main(*sys.argv[1:3])
    # The layer is gone by now. QGIS closing last leaves journal_mode=DELETE behind.
    application.exitQgis()
