"""Compares a loaded collection with its source, record by record, by readers that are neither ours nor GDAL:
plain sqlite3 and a well-known-binary reader of its own, json, pyshp; pyproj for the operation that the load reported.

usage: oracle.py STORE.gpkg COLLECTION SOURCE [LAYER] [--operation NAME --from CRS] [--class] [--refused N]

Prints one line of JSON: {"compared", "refused", "worst_m", "failures": [...]}."""
import argparse, json, math, sqlite3, struct, sys

TYPES = {1: "Point", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon", 7: "GeometryCollection"}


def wkb(data, at=0):
    """(type, coordinates, has z) of well-known binary, ISO or extended; measures are left out."""
    order = "<" if data[at] == 1 else ">"
    (code,) = struct.unpack_from(order + "I", data, at + 1)
    at += 5
    z, m = bool(code & 0x80000000), bool(code & 0x40000000)
    if code & 0x20000000:
        at += 4
    code &= 0x0FFFFFFF
    z, m, code = z or code // 1000 in (1, 3), m or code // 1000 in (2, 3), code % 1000
    width = 2 + z + m

    def points(at, n):
        flat = struct.unpack_from(f"{order}{n * width}d", data, at)
        return [tuple(flat[i * width : i * width + 2 + z]) for i in range(n)], at + 8 * n * width

    def count(at):
        return struct.unpack_from(order + "I", data, at)[0], at + 4

    if code == 1:
        (point,), at = points(at, 1)
        return "Point", point, z, at
    if code == 2:
        n, at = count(at)
        line, at = points(at, n)
        return "LineString", line, z, at
    if code == 3:
        n, at = count(at)
        rings = []
        for _ in range(n):
            k, at = count(at)
            ring, at = points(at, k)
            rings.append(ring)
        return "Polygon", rings, z, at
    n, at = count(at)
    parts = []
    for _ in range(n):
        kind, coordinates, part_z, at = wkb(data, at)
        parts.append((kind, coordinates))
        z = z or part_z
    if code == 7:
        return "GeometryCollection", parts, z, at
    return TYPES[code], [coordinates for _, coordinates in parts], z, at


def blob(data):
    if data is None:
        return None
    assert data[:2] == b"GP"
    kind, coordinates, z, _ = wkb(data, 8 + [0, 32, 48, 48, 64][data[3] >> 1 & 7])
    return single(kind, coordinates, z)


def empty(coordinates):
    if isinstance(coordinates, (list, tuple)):
        numbers = coordinates and all(isinstance(x, (int, float)) for x in coordinates)
        return all(math.isnan(x) for x in coordinates[:2]) if numbers else all(empty(c) for c in coordinates)
    return False


def single(kind, coordinates, z):
    """A multi or collection of one part is that part; a collection of lines or of areas is a multi."""
    while kind == "GeometryCollection" and len(coordinates) == 1:
        kind, coordinates = coordinates[0]
    if kind == "GeometryCollection":
        inner = {k for k, _ in coordinates}
        if inner in ({"LineString"}, {"Polygon"}):
            kind, coordinates = "Multi" + inner.pop(), [c for _, c in coordinates]
    if kind.startswith("Multi") and len(coordinates) == 1:
        kind, coordinates = kind[5:], coordinates[0]
    return kind, coordinates, z


def flat(coordinates):
    if coordinates and isinstance(coordinates[0], (int, float)):
        yield tuple(coordinates)
    else:
        for part in coordinates:
            yield from flat(part)


def gpkg_rows(path, layer, key):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    quote = lambda name: '"' + name.replace('"', '""') + '"'
    geometry = db.execute("SELECT column_name FROM gpkg_geometry_columns WHERE table_name=?", [layer]).fetchone()
    info = db.execute(f"PRAGMA table_info({quote(layer)})").fetchall()
    primary = next(name for _, name, _, _, _, pk in info if pk)
    names = [name for _, name, *_ in info if name != primary and not (geometry and name == geometry[0])]
    select = ", ".join([quote(primary), quote(geometry[0]) if geometry else "NULL"] + [quote(n) for n in names])
    for row in db.execute(f"SELECT {select} FROM {quote(layer)} ORDER BY {quote(primary)}"):
        yield row[0], blob(row[1]), dict(zip(names, row[2:]))


def geojson_rows(path):
    for i, feature in enumerate(json.load(open(path, encoding="utf-8"))["features"]):
        geometry, values = feature["geometry"], dict(feature["properties"] or {})
        if isinstance(feature.get("id"), str) and "id" not in values:
            values["id"] = feature["id"]  # GDAL shows a record's own id, where it is a text, as a column
        shape = None
        if geometry and not empty(geometry["coordinates"]):
            z = len(next(flat(geometry["coordinates"]))) > 2
            shape = single(geometry["type"], geometry["coordinates"], z)
        yield i + 1, shape, values


def shapefile_rows(path):
    import shapefile

    with shapefile.Reader(path) as reader:
        names = [field[0] for field in reader.fields[1:]]
        for i, (shape, record) in enumerate(zip(reader.iterShapes(), reader.iterRecords())):
            there = shape.__geo_interface__ if shape.shapeType else None
            z = shape.shapeType in (11, 13, 15, 18)
            yield i + 1, there and single(there["type"], there["coordinates"], z), {n: None if v == "" else v for n, v in zip(names, record)}


def same(ours, theirs):
    if isinstance(theirs, bytes):
        theirs = theirs.hex().upper()
    if hasattr(theirs, "isoformat"):
        theirs = theirs.isoformat()
    if isinstance(theirs, (list, dict)):
        return isinstance(ours, str) and json.loads(ours) == theirs
    if isinstance(theirs, bool):
        return ours == int(theirs) or ours == theirs
    if isinstance(ours, str) and isinstance(theirs, str):
        plain = lambda t: t.rstrip("Z").removesuffix(".000")
        return ours == theirs or plain(ours) == plain(theirs)
    if isinstance(ours, str) and isinstance(theirs, (int, float)):
        return ours == str(theirs)
    return ours == theirs


def main():
    parser = argparse.ArgumentParser()
    for name in ("store", "collection", "source"):
        parser.add_argument(name)
    parser.add_argument("layer", nargs="?")
    parser.add_argument("--operation")
    parser.add_argument("--from", dest="crs")
    parser.add_argument("--class", dest="into_class", action="store_true")
    args = parser.parse_args()

    move = None
    if args.operation:
        import warnings
        from pyproj.transformer import TransformerGroup

        warnings.simplefilter("ignore")
        group = TransformerGroup(args.crs, "EPSG:4326", always_xy=True)
        # The same steps under the same name; the order of axes is each side's own affair.
        plain = lambda name: name.replace(" + axis order change (2D)", "")
        found = [t for t in group.transformers if plain(t.description) == plain(args.operation)]
        assert found, f"{args.operation!r} is none of {[t.description for t in group.transformers]}"
        move = found[0].transform

    if args.source.endswith(".gpkg"):
        theirs = gpkg_rows(args.source, args.layer, None)
    elif args.source.endswith(".shp"):
        theirs = shapefile_rows(args.source)
    else:
        theirs = geojson_rows(args.source)
    # A collection of mixed kinds is one per kind; the records are told apart by what the source's order says of each.
    db = sqlite3.connect(f"file:{args.store}?mode=ro", uri=True)
    tables = [t for (t,) in db.execute("SELECT table_name FROM gpkg_contents WHERE table_name=? OR table_name IN (?, ?, ?)",
        [args.collection] + [f"{args.collection}_{k}" for k in ("point", "line", "area")])]
    kinds = {"point": "Point", "line": "LineString", "area": "Polygon"}
    ours = {}
    for table in tables:
        suffix = table[len(args.collection) + 1 :]
        ours[kinds.get(suffix)] = iter(list(gpkg_rows(args.store, table, None)))

    compared, refused, worst, failures = 0, 0, 0.0, []
    for key, shape, values in theirs:
        if shape is None or shape[0] == "GeometryCollection" or shape[0] == "MultiPoint" or empty(shape[1]):
            refused += 1
            continue
        rows = ours.get(None) or ours.get(shape[0].removeprefix("Multi"))
        fid, stored, attributes = next(rows, (None, None, None))
        if stored is None:
            failures.append(f"record {key} is not there")
            break
        a, b = list(flat(stored[1])), list(flat(shape[1]))
        if stored[0] != shape[0] or len(a) != len(b) or (shape[2] and not stored[2]):
            failures.append(f"record {key}: {stored[0]} of {len(a)} is not {shape[0]} of {len(b)}")
            continue
        if move:
            x, y = move([p[0] for p in b], [p[1] for p in b])
            b = [(x, y, *p[2:]) for x, y, p in zip(x, y, b)]
        for p, q in zip(a, b):
            metres = math.hypot((p[0] - q[0]) * 111320 * math.cos(math.radians(q[1])), (p[1] - q[1]) * 111320)
            worst = max(worst, metres, abs(p[2] - q[2]) if len(q) > 2 else 0)
        other = json.loads(attributes.get("other") or "{}")
        lower = {name.lower(): name for name in attributes}
        for name, value in values.items():
            if args.into_class:
                # A class takes what it knows, converted; all else must stand in `other`, word for word.
                if name in other:
                    if not (other[name] == value or same(json.dumps(other[name]) if isinstance(value, (list, dict)) else other[name], value)):
                        failures.append(f"record {key} {name}: {other[name]!r} is not {value!r}")
                elif value is not None:
                    if name.lower() in ("name", "code"):
                        kept = same(attributes[name.lower()], value)
                    elif name.lower() in attributes:
                        kept = attributes[name.lower()] is not None  # perhaps as a code of the catalogue
                    else:
                        kept = any(ours is not None and same(ours, value) for ours in attributes.values())
                    if not kept and value != "":
                        failures.append(f"record {key} {name}: {value!r} is lost")
                continue
            column = lower.get(name.lower())
            if f"{name}_2" in attributes and name.lower() in ("fid", "geom", "source", "other"):
                column = f"{name}_2"
            if column is None or not same(attributes[column], value):
                failures.append(f"record {key} {name}: {column and attributes[column]!r} is not {value!r}")
        compared += 1
    for rows in ours.values():
        failures += [f"fid {fid} is in no source" for fid, *_ in rows]
    print(json.dumps({"compared": compared, "refused": refused, "worst_m": worst, "failures": failures[:20]}))


main()
