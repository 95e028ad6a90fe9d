"""What a GeoPackage holds, read without GDAL and without us: plain sqlite3. One JSON line per row of every feature table:
{"layer", "id", "wkb" (hex, without GeoPackage's head) or null, "values": {column: value}}."""
import json, sqlite3, struct, sys

db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro&immutable=1", uri=True)
quote = lambda name: '"' + name.replace('"', '""') + '"'


def wkb(blob):
    if blob is None:
        return None
    assert blob[:2] == b"GP", blob[:2]
    envelope = [0, 32, 48, 48, 64][blob[3] >> 1 & 7]
    return blob[8 + envelope :].hex()


for (table,) in db.execute("SELECT table_name FROM gpkg_contents WHERE data_type IN ('features', 'attributes') ORDER BY table_name").fetchall():
    geometry = db.execute("SELECT column_name FROM gpkg_geometry_columns WHERE table_name=?", [table]).fetchone()
    geometry = geometry and geometry[0]
    info = db.execute(f"PRAGMA table_info({quote(table)})").fetchall()
    key = next((name for _, name, _, _, _, pk in info if pk), "rowid")
    columns = [name for _, name, *_ in info if name not in (key, geometry)]
    select = ", ".join(quote(name) for name in [key, *([geometry] if geometry else []), *columns])
    for row in db.execute(f"SELECT {select} FROM {quote(table)} ORDER BY {quote(key)}"):
        values = row[2:] if geometry else row[1:]
        shown = {name: value.hex().upper() if isinstance(value, bytes) else value for name, value in zip(columns, values)}
        print(json.dumps({"layer": table, "id": row[0], "wkb": wkb(row[1]) if geometry else None, "values": shown}))
