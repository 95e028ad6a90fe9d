"""Writes hostile files, one for each kind of harm and each format where it makes sense: kinds.py FOLDER, as FOLDER/FORMAT.KIND/name.

Kinds: truncated, magic (a wrong beginning), counts (absurd ones), nan, inf, deep (nesting), lying (a head that says what is
not so). Each file but for its harm is a valid one of simulated points (模拟数据). Valid ones are beside them as FORMAT.good."""
import json, os, shutil, sqlite3, struct, subprocess, sys
from pathlib import Path

out = Path(sys.argv[1])
N, DEEP, WIDE, HUGE = 40, 20_000, 5_000, 2_000_000_000
POINTS = [(116 + i * 1e-3, 30.1) for i in range(N)]
source = out / "source.csv"
source.write_text("code,size,wkt\n" + "".join(f'H-{i},{i * 10},"POINT({x} {y})"\n' for i, (x, y) in enumerate(POINTS)))


def place(form, kind, name):
    folder = out / f"{form}.{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def text(form, kind, name, content):
    place(form, kind, name).write_text(content, encoding="utf-8")


def patched(form, kind, name, change):
    """A copy of the good data set with one of its files changed: bytes in, bytes out."""
    good = place(form, "good", name)
    folder = out / f"{form}.{kind}"
    shutil.copytree(out / f"{form}.good", folder, dirs_exist_ok=True)
    (folder / name).write_bytes(change(good.read_bytes()))


def at(offset, new):
    return lambda b: b[:offset] + new + b[offset + len(new) :]


def swapped(old, new, count=1):
    def change(b):
        assert old in b, old
        return b.replace(old, new, count)

    return change


def always(form, name):
    patched(form, "truncated", name, lambda b: b[: len(b) // 2])
    patched(form, "magic", name, lambda b: b"\x89XYZ\r\n\x1a\n" * 2 + b[16:])


def made(form, driver, name, *options):
    target = place(form, "good", name)
    done = subprocess.run(["ogr2ogr", "-f", driver, "-a_srs", "EPSG:4326", "-nlt", "POINT", *options, target, source], capture_output=True)
    assert done.returncode == 0, done.stderr
    return target


# Binary formats
def gpkg(kind, sql=(), blob=None):
    target = place("gpkg", kind, "a.gpkg")
    shutil.copy(place("gpkg", "good", "a.gpkg"), target)
    db = sqlite3.connect(target)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
        db.execute(f'DROP TRIGGER "{name}"')
    table = db.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchone()
    if blob:
        db.execute(f'UPDATE "{table[0]}" SET "{table[1]}"=? WHERE rowid=3', [b"GP\0\1" + struct.pack("<i", 4326) + blob])
    for one in sql:
        db.execute(one.replace("TABLE", table[0]))
    db.commit()


made("gpkg", "GPKG", "a.gpkg")
always("gpkg", "a.gpkg")
gpkg("counts", blob=struct.pack("<BII", 1, 2, 0xFFFFFFFF))
gpkg("nan", blob=struct.pack("<BIdd", 1, 1, float("nan"), 30))
gpkg("inf", blob=struct.pack("<BIdd", 1, 1, float("inf"), 30))
gpkg("deep", blob=struct.pack("<BII", 1, 7, 1) * DEEP + struct.pack("<BIdd", 1, 1, 116, 30))
gpkg("lying", ["UPDATE gpkg_ogr_contents SET feature_count=9000000000000000000", "UPDATE gpkg_contents SET min_x=-1e300, max_x=1e300"])
patched("gpkg", "pages", "a.gpkg", at(28, struct.pack(">I", 0x7FFFFFFF)))

made("fgb", "FlatGeobuf", "b.fgb")
always("fgb", "b.fgb")
patched("fgb", "counts", "b.fgb", swapped(struct.pack("<Q", N), struct.pack("<Q", 1 << 60)))
patched("fgb", "nan", "b.fgb", lambda b: b[:-200] + b[-200:].replace(struct.pack("<d", 30.1), struct.pack("<d", float("nan"))))
patched("fgb", "inf", "b.fgb", lambda b: b[:-200] + b[-200:].replace(struct.pack("<d", 30.1), struct.pack("<d", float("inf"))))
patched("fgb", "lying", "b.fgb", at(8, struct.pack("<I", HUGE)))

made("shp", "ESRI Shapefile", "c.shp")
always("shp", "c.shp")
patched("shp", "counts", "c.shp", lambda b: at(108, struct.pack("<I", 5))(at(140, struct.pack("<ii", 0x7FFFFFFF, 0x7FFFFFFF))(b)))
patched("shp", "nan", "c.shp", at(100 + 28 * 3 + 12, struct.pack("<d", float("nan"))))
patched("shp", "inf", "c.shp", at(100 + 28 * 3 + 12, struct.pack("<d", float("inf"))))
patched("shp", "lying", "c.shp", at(24, b"\xff\xff\xff\xff"))
patched("shp", "dbf", "c.dbf", at(4, struct.pack("<I", HUGE)))

made("gdb", "OpenFileGDB", "n.gdb")
table = "n.gdb/a00000009.gdbtable"
always("gdb", table)
patched("gdb", "counts", table, at(4, struct.pack("<I", HUGE)))
patched("gdb", "lying", table, at(32, struct.pack("<Q", 1 << 60)))

made("tab", "MapInfo File", "f.tab")
always("tab", "f.map")
patched("tab", "counts", "f.tab", swapped(b"Fields", b"Fields 200000000"))
patched("tab", "lying", "f.dat", at(4, struct.pack("<I", HUGE)))
made("mif", "MapInfo File", "g.mif", "-dsco", "FORMAT=MIF")
always("mif", "g.mif")
patched("mif", "counts", "g.mif", swapped(b"Point ", b"Pline 2000000000\n"))
patched("mif", "nan", "g.mif", swapped(b"Point 116", b"Point nan"))
patched("mif", "inf", "g.mif", swapped(b"Point 116", b"Point 1e999"))
patched("mif", "lying", "g.mif", swapped(b"Columns ", b"Columns 200000000"))

pbf = Path(sys.argv[2]) if len(sys.argv) > 2 else None
if pbf and pbf.is_file():
    shutil.copy(pbf, place("pbf", "good", "o.osm.pbf"))
    always("pbf", "o.osm.pbf")
    patched("pbf", "counts", "o.osm.pbf", at(0, struct.pack(">I", 0x7FFFFFFF)))
    patched("pbf", "lying", "o.osm.pbf", at(40, b"\xff\xff\xff\xff\x0f"))


# Formats of text
def feature(x="116", properties="{}", geometry=None):
    geometry = geometry or f'{{"type":"Point","coordinates":[{x},30]}}'
    return f'{{"type":"Feature","properties":{properties},"geometry":{geometry}}}'


def many(first, join, head="", tail=""):
    return head + join.join([first] + [feature(x) for x, _ in POINTS]) + tail


wide = json.dumps({f"f{i}": i for i in range(WIDE)})
nested = '{"a":' * DEEP + "1" + "}" * DEEP
deep = feature(properties='{"x":' + nested + "}")
deep_rings = feature(geometry='{"type":"Polygon","coordinates":' + "[" * DEEP + "]" * DEEP + "}")
for form, name, join, head, tail in [
    ("geojson", "h.geojson", ",", '{"type":"FeatureCollection","features":[', "]}"),
    ("geojsonl", "i.geojsonl", "\n", "", "\n"),
]:
    text(form, "good", name, many(feature(), join, head, tail))
    always(form, name)
    for kind, first in [("counts", feature(properties=wide)), ("nan", feature("NaN")), ("inf", feature("1e999")), ("deep", deep), ("rings", deep_rings)]:
        text(form, kind, name, many(first, join, head, tail))
lie = '{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"EPSG:999999"}},"features":['
text("geojson", "lying", "h.geojson", many(feature(), ",", lie, "]}"))


def topo(x="116", arcs="[[[0,0],[1,1]]]", arc="0", properties="{}"):
    return f"""{{"type":"Topology","transform":{{"scale":[0.001,0.001],"translate":[116,30]}},"arcs":{arcs},"objects":{{"a":{{"type":
"GeometryCollection","geometries":[{{"type":"LineString","arcs":[{arc}],"properties":{properties}}},{{"type":"Point","coordinates":[{x},3]}}]}}}}}}"""


def esri(x="116", properties='{"a":1}', fields='[{"name":"a","type":"esriFieldTypeInteger"}]', kind="esriGeometryPoint"):
    rows = [f'{{"attributes":{properties},"geometry":{{"x":{x},"y":30}}}}'] + [f'{{"attributes":{{"a":1}},"geometry":{{"x":{p[0]},"y":30}}}}' for p in POINTS]
    return f'{{"geometryType":"{kind}","spatialReference":{{"wkid":4326}},"fields":{fields},"features":[{",".join(rows)}]}}'


for form, name, maker in [("topojson", "t.topojson", topo), ("esrijson", "e.json", esri)]:
    text(form, "good", name, maker())
    always(form, name)
    text(form, "nan", name, maker(x="NaN"))
    text(form, "inf", name, maker(x="1e999"))
    text(form, "deep", name, maker(properties='{"a":' + nested + "}"))
text("topojson", "counts", "t.topojson", topo(arc="2000000000"))
text("topojson", "lying", "t.topojson", topo(arcs="[[[0,0],[1e300,1]]]"))
text("esrijson", "counts", "e.json", esri(properties=wide, fields=json.dumps([{"name": f"f{i}", "type": "esriFieldTypeInteger"} for i in range(WIDE)])))
text("esrijson", "lying", "e.json", esri(kind="esriGeometryPolygon"))


def kml(x="116", inside="", around=("", ""), head='encoding="UTF-8"'):
    marks = "".join(f"<Placemark><name>H</name>{inside}<Point><coordinates>{c},30</coordinates></Point></Placemark>" for c in [x, *(p[0] for p in POINTS)])
    return f'<?xml version="1.0" {head}?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{around[0]}{marks}{around[1]}</Document></kml>'


def gml(x="116", inside="", around=("", ""), head='encoding="UTF-8"'):
    rows = "".join(f'<gml:featureMember><c:h gml:id="h.{i}"><c:code>H</c:code>{inside}<c:g><gml:Point srsName="EPSG:4326"><gml:pos>{c} 30</gml:pos></gml:Point></c:g></c:h></gml:featureMember>' for i, c in enumerate([x, *(p[0] for p in POINTS)]))
    return f'<?xml version="1.0" {head}?><c:F xmlns:c="http://c" xmlns:gml="http://www.opengis.net/gml/3.2">{around[0]}{rows}{around[1]}</c:F>'


def gpx(x="116", inside="", around=("", ""), head='encoding="UTF-8"'):
    rows = "".join(f'<wpt lat="30" lon="{c}"><name>H</name>{inside}</wpt>' for c in [x, *(p[0] for p in POINTS)])
    return f'<?xml version="1.0" {head}?><gpx version="1.1" creator="c" xmlns="http://www.topografix.com/GPX/1/1">{around[0]}{rows}{around[1]}</gpx>'


def osm(x="116", inside="", around=("", ""), head='encoding="UTF-8"'):
    rows = "".join(f'<node id="{i}" lat="30" lon="{c}" version="1"><tag k="name" v="H"/>{inside}</node>' for i, c in enumerate([x, *(p[0] for p in POINTS)], 1))
    return f'<?xml version="1.0" {head}?><osm version="0.6">{around[0]}{rows}{around[1]}</osm>'


for form, name, maker, tag, field in [
    ("kml", "j.kml", kml, "Folder", lambda i: f'<Data name="f{i}"><value>1</value></Data>'),
    ("gml", "l.gml", gml, "c:x", lambda i: f"<c:f{i}>1</c:f{i}>"),
    ("gpx", "m.gpx", gpx, "extensions", lambda i: f"<f{i}>1</f{i}>"),
    ("osm", "p.osm", osm, "x", lambda i: f'<tag k="f{i}" v="1"/>'),
]:
    text(form, "good", name, maker())
    always(form, name)
    text(form, "nan", name, maker(x="NaN"))
    text(form, "inf", name, maker(x="1e999"))
    inside = f"<{tag}>" * DEEP + f"</{tag}>" * DEEP
    text(form, "deep", name, maker(around=(inside, "")))
    fields = "".join(map(field, range(WIDE)))
    fields = {"kml": f"<ExtendedData>{fields}</ExtendedData>", "gpx": f"<extensions>{fields}</extensions>"}.get(form, fields)
    text(form, "counts", name, maker(inside=fields))
    text(form, "lying", name, maker(head='encoding="UTF-16"'))

rows = "".join(f'H-{i},"POINT({x} {y})"\n' for i, (x, y) in enumerate(POINTS))
text("csv", "good", "q.csv", 'code,wkt\nX,"POINT(116 30)"\n' + rows)
always("csv", "q.csv")
text("csv", "nan", "q.csv", 'code,wkt\nX,"POINT(nan 30)"\n' + rows)
text("csv", "inf", "q.csv", 'code,wkt\nX,"POINT(1e999 30)"\n' + rows)
text("csv", "deep", "q.csv", 'code,wkt\nX,"' + "GEOMETRYCOLLECTION(" * DEEP + "POINT(1 2)" + ")" * DEEP + '"\n' + rows)
text("csv", "counts", "q.csv", ",".join(f"f{i}" for i in range(WIDE)) + ",wkt\n" + ",".join("1" for i in range(WIDE)) + ',"POINT(116 30)"\n')
text("csv", "lying", "q.csv", "code,wkt\n" + rows)
text("csv", "lying", "q.csvt", '"Integer(99999999)","WKT"\n')


# Grids
def asc(columns=4, count=3, corner="116", cell="1"):
    return f"ncols {columns}\nnrows {count}\nxllcorner {corner}\nyllcorner 30\ncellsize 0.01\nNODATA_value -9999\n" + f"{cell} 2 3 4\n5 -9999 7 8\n9 10 11 12.5\n"


text("asc", "good", "r.asc", asc())
always("asc", "r.asc")
text("asc", "counts", "r.asc", asc(columns=HUGE, count=HUGE))
text("asc", "nan", "r.asc", asc(cell="nan"))
text("asc", "inf", "r.asc", asc(corner="inf"))
text("asc", "lying", "r.asc", asc(count=30_000))
target = place("tif", "good", "s.tif")
subprocess.run(["gdal_translate", "-q", "-a_srs", "EPSG:4326", place("asc", "good", "r.asc"), target], check=True)
always("tif", "s.tif")
patched("tif", "counts", "s.tif", lambda b: b.replace(struct.pack("<HHIHH", 256, 3, 1, 4, 0), struct.pack("<HHII", 256, 4, 1, 0x7FFFFFFF)).replace(struct.pack("<HHIHH", 257, 3, 1, 3, 0), struct.pack("<HHII", 257, 4, 1, 0x7FFFFFFF)))
patched("tif", "nan", "s.tif", swapped(struct.pack("<d", 0.01), struct.pack("<d", float("nan"))))
patched("tif", "lying", "s.tif", lambda b: b.replace(struct.pack("<HHIHH", 256, 3, 1, 4, 0), struct.pack("<HHII", 256, 4, 1, 100_000)))
place("hgt", "good", "N30E116.hgt").write_bytes(struct.pack(">h", 7) * 1201 * 1201)
always("hgt", "N30E116.hgt")
place("hgt", "lying", "N99E999.hgt").write_bytes(struct.pack(">h", 7) * 1201 * 1201)
source.unlink()
