-- A store of format 1, as the first version of CityTwin made them (the base tables of the GeoPackage are there already):
-- two loads, a correction by hand, a deletion, and an edit by another program that nobody has sealed yet.
CREATE TABLE ct_head(one INTEGER PRIMARY KEY CHECK(one=1), format INTEGER NOT NULL, city TEXT, sealed INTEGER NOT NULL,
  bulk INTEGER NOT NULL DEFAULT 0, restoring INTEGER NOT NULL DEFAULT 0);
CREATE TABLE ct_class(no INTEGER PRIMARY KEY, tbl TEXT NOT NULL UNIQUE, entry TEXT);
CREATE TABLE ct_rev(rev INTEGER PRIMARY KEY, at TEXT NOT NULL, author TEXT, source TEXT NOT NULL, load_id INTEGER, last_seq INTEGER NOT NULL);
CREATE TABLE ct_source(no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, credit TEXT, licence TEXT, crs TEXT, sha256 TEXT);
CREATE TABLE ct_load(id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER, file TEXT, sha256 TEXT, state TEXT NOT NULL, counts TEXT,
  started TEXT NOT NULL, ended TEXT);
CREATE TABLE ct_change(seq INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, class INTEGER NOT NULL, fid INTEGER NOT NULL,
  fid_to INTEGER NOT NULL, op TEXT NOT NULL, at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
CREATE INDEX ct_change_rev ON ct_change(rev);
CREATE TABLE ct_row(class INTEGER, fid INTEGER, rev INTEGER NOT NULL, said BLOB, PRIMARY KEY(class,fid)) WITHOUT ROWID;
CREATE TABLE ct_key(source INTEGER, class INTEGER, key TEXT, fid INTEGER NOT NULL, PRIMARY KEY(source,class,key)) WITHOUT ROWID;
CREATE TABLE ct_unlinked(class INTEGER, fid INTEGER, PRIMARY KEY(class,fid)) WITHOUT ROWID;
INSERT INTO gpkg_extensions VALUES(NULL,NULL,'gdal_aspatial','http://gdal.org/geopackage_aspatial.html','read-write');
INSERT INTO ct_head(one, format, city, sealed) VALUES(1, 1, '示范市', 0);
INSERT INTO gpkg_extensions VALUES('ct_head', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_class', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_rev', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_source', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_load', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_change', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_row', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_key', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_unlinked', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');

-- water_pipe
INSERT INTO ct_class(no, tbl, entry) VALUES(40, 'water_pipe', NULL);
CREATE TABLE "water_pipe"(fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL CHECK(fid BETWEEN 1 AND 4294967295), geom LINESTRING, "code" TEXT, "kind" TEXT, "dn" INTEGER, "from_node" INTEGER, source INTEGER, other TEXT);
CREATE TABLE "h_water_pipe"(fid INTEGER, geom LINESTRING, "code" TEXT, "kind" TEXT, "dn" INTEGER, "from_node" INTEGER, source INTEGER, other TEXT, ct_from INTEGER, ct_to INTEGER, PRIMARY KEY(fid,ct_from));
CREATE INDEX "h_water_pipe_to" ON "h_water_pipe"(ct_to);
CREATE INDEX "ct_water_pipe_code" ON "water_pipe"(code);
CREATE VIEW "ct_old_water_pipe" AS SELECT t.fid,t.geom,t."code",t."kind",t."dn",t."from_node",t.source,t.other, r.rev AS ct_from, n.sealed+1 AS ct_to
  FROM "water_pipe" t JOIN ct_row r ON r.class=40 AND r.fid=t.fid CROSS JOIN ct_head n
  WHERE r.rev<=n.sealed AND NOT EXISTS(SELECT 1 FROM "h_water_pipe" h WHERE h.fid=t.fid AND h.ct_from=r.rev);
CREATE TRIGGER "ct_water_pipe_id" BEFORE INSERT ON "water_pipe" WHEN NEW.fid > 0 BEGIN
  SELECT RAISE(ABORT,'this id was used before') WHERE NEW.fid <= (SELECT seq FROM sqlite_sequence WHERE name='water_pipe')
    AND NOT EXISTS(SELECT 1 FROM "water_pipe" WHERE fid=NEW.fid) AND (SELECT restoring=0 FROM ct_head); END;
CREATE TRIGGER "ct_water_pipe_i0" BEFORE INSERT ON "water_pipe" BEGIN INSERT INTO "h_water_pipe"(fid,geom,"code","kind","dn","from_node",source,other,ct_from,ct_to) SELECT fid,geom,"code","kind","dn","from_node",source,other,ct_from,ct_to FROM "ct_old_water_pipe" WHERE fid=NEW.fid; END;
CREATE TRIGGER "ct_water_pipe_u0" BEFORE UPDATE ON "water_pipe" BEGIN SELECT RAISE(ABORT,'a feature keeps its id') WHERE OLD.fid<>NEW.fid; INSERT INTO "h_water_pipe"(fid,geom,"code","kind","dn","from_node",source,other,ct_from,ct_to) SELECT fid,geom,"code","kind","dn","from_node",source,other,ct_from,ct_to FROM "ct_old_water_pipe" WHERE fid=OLD.fid; END;
CREATE TRIGGER "ct_water_pipe_d0" BEFORE DELETE ON "water_pipe" BEGIN INSERT INTO "h_water_pipe"(fid,geom,"code","kind","dn","from_node",source,other,ct_from,ct_to) SELECT fid,geom,"code","kind","dn","from_node",source,other,ct_from,ct_to FROM "ct_old_water_pipe" WHERE fid=OLD.fid; END;
CREATE TRIGGER "ct_water_pipe_i1" AFTER INSERT ON "water_pipe" WHEN (SELECT bulk=0 FROM ct_head) BEGIN
  INSERT INTO ct_row(class,fid,rev) SELECT 40,NEW.fid,sealed+1 FROM ct_head WHERE true ON CONFLICT(class,fid) DO UPDATE SET rev=excluded.rev;
  INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,40,NEW.fid,NEW.fid,'i' FROM ct_head; END;
CREATE TRIGGER "ct_water_pipe_u1" AFTER UPDATE ON "water_pipe" BEGIN
  UPDATE ct_row SET rev=(SELECT sealed+1 FROM ct_head) WHERE class=40 AND fid=OLD.fid; INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,40,OLD.fid,OLD.fid,'u' FROM ct_head; END;
CREATE TRIGGER "ct_water_pipe_d1" AFTER DELETE ON "water_pipe" BEGIN DELETE FROM ct_row WHERE class=40 AND fid=OLD.fid; INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,40,OLD.fid,OLD.fid,'d' FROM ct_head; END;
INSERT INTO gpkg_contents(table_name, data_type, identifier, description, srs_id) VALUES('water_pipe', 'features', 'water_pipe', 'water_pipe', 4490);
INSERT INTO gpkg_geometry_columns VALUES('water_pipe', 'geom', 'LINESTRING', 4490, 2, 0);
CREATE VIRTUAL TABLE "rtree_water_pipe_geom" USING rtree(id, minx, maxx, miny, maxy);
CREATE TRIGGER "rtree_water_pipe_geom_insert" AFTER INSERT ON "water_pipe" WHEN (NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN INSERT OR REPLACE INTO "rtree_water_pipe_geom" VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER "rtree_water_pipe_geom_update1" AFTER UPDATE OF geom ON "water_pipe" WHEN OLD.fid = NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN INSERT OR REPLACE INTO "rtree_water_pipe_geom" VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER "rtree_water_pipe_geom_update2" AFTER UPDATE OF geom ON "water_pipe" WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM "rtree_water_pipe_geom" WHERE id = OLD.fid; END;
CREATE TRIGGER "rtree_water_pipe_geom_update3" AFTER UPDATE ON "water_pipe" WHEN OLD.fid != NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM "rtree_water_pipe_geom" WHERE id = OLD.fid; INSERT OR REPLACE INTO "rtree_water_pipe_geom" VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER "rtree_water_pipe_geom_update4" AFTER UPDATE ON "water_pipe" WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM "rtree_water_pipe_geom" WHERE id IN (OLD.fid, NEW.fid); END;
CREATE TRIGGER "rtree_water_pipe_geom_delete" AFTER DELETE ON "water_pipe" WHEN OLD.geom NOT NULL BEGIN DELETE FROM "rtree_water_pipe_geom" WHERE id = OLD.fid; END;
INSERT INTO gpkg_extensions VALUES('water_pipe', 'geom', 'gpkg_rtree_index', 'http://www.geopackage.org/spec120/#extension_rtree', 'write-only');
INSERT INTO gpkg_extensions VALUES('h_water_pipe', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_old_water_pipe', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');

-- hydrant
INSERT INTO ct_class(no, tbl, entry) VALUES(80, 'hydrant', NULL);
CREATE TABLE "hydrant"(fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL CHECK(fid BETWEEN 1 AND 4294967295), geom POINT, "code" TEXT, "kind" TEXT, "dn" INTEGER, source INTEGER, other TEXT);
CREATE TABLE "h_hydrant"(fid INTEGER, geom POINT, "code" TEXT, "kind" TEXT, "dn" INTEGER, source INTEGER, other TEXT, ct_from INTEGER, ct_to INTEGER, PRIMARY KEY(fid,ct_from));
CREATE INDEX "h_hydrant_to" ON "h_hydrant"(ct_to);
CREATE INDEX "ct_hydrant_code" ON "hydrant"(code);
CREATE VIEW "ct_old_hydrant" AS SELECT t.fid,t.geom,t."code",t."kind",t."dn",t.source,t.other, r.rev AS ct_from, n.sealed+1 AS ct_to
  FROM "hydrant" t JOIN ct_row r ON r.class=80 AND r.fid=t.fid CROSS JOIN ct_head n
  WHERE r.rev<=n.sealed AND NOT EXISTS(SELECT 1 FROM "h_hydrant" h WHERE h.fid=t.fid AND h.ct_from=r.rev);
CREATE TRIGGER "ct_hydrant_id" BEFORE INSERT ON "hydrant" WHEN NEW.fid > 0 BEGIN
  SELECT RAISE(ABORT,'this id was used before') WHERE NEW.fid <= (SELECT seq FROM sqlite_sequence WHERE name='hydrant')
    AND NOT EXISTS(SELECT 1 FROM "hydrant" WHERE fid=NEW.fid) AND (SELECT restoring=0 FROM ct_head); END;
CREATE TRIGGER "ct_hydrant_i0" BEFORE INSERT ON "hydrant" BEGIN INSERT INTO "h_hydrant"(fid,geom,"code","kind","dn",source,other,ct_from,ct_to) SELECT fid,geom,"code","kind","dn",source,other,ct_from,ct_to FROM "ct_old_hydrant" WHERE fid=NEW.fid; END;
CREATE TRIGGER "ct_hydrant_u0" BEFORE UPDATE ON "hydrant" BEGIN SELECT RAISE(ABORT,'a feature keeps its id') WHERE OLD.fid<>NEW.fid; INSERT INTO "h_hydrant"(fid,geom,"code","kind","dn",source,other,ct_from,ct_to) SELECT fid,geom,"code","kind","dn",source,other,ct_from,ct_to FROM "ct_old_hydrant" WHERE fid=OLD.fid; END;
CREATE TRIGGER "ct_hydrant_d0" BEFORE DELETE ON "hydrant" BEGIN INSERT INTO "h_hydrant"(fid,geom,"code","kind","dn",source,other,ct_from,ct_to) SELECT fid,geom,"code","kind","dn",source,other,ct_from,ct_to FROM "ct_old_hydrant" WHERE fid=OLD.fid; END;
CREATE TRIGGER "ct_hydrant_i1" AFTER INSERT ON "hydrant" WHEN (SELECT bulk=0 FROM ct_head) BEGIN
  INSERT INTO ct_row(class,fid,rev) SELECT 80,NEW.fid,sealed+1 FROM ct_head WHERE true ON CONFLICT(class,fid) DO UPDATE SET rev=excluded.rev;
  INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,80,NEW.fid,NEW.fid,'i' FROM ct_head; END;
CREATE TRIGGER "ct_hydrant_u1" AFTER UPDATE ON "hydrant" BEGIN
  UPDATE ct_row SET rev=(SELECT sealed+1 FROM ct_head) WHERE class=80 AND fid=OLD.fid; INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,80,OLD.fid,OLD.fid,'u' FROM ct_head; END;
CREATE TRIGGER "ct_hydrant_d1" AFTER DELETE ON "hydrant" BEGIN DELETE FROM ct_row WHERE class=80 AND fid=OLD.fid; INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,80,OLD.fid,OLD.fid,'d' FROM ct_head; END;
INSERT INTO gpkg_contents(table_name, data_type, identifier, description, srs_id) VALUES('hydrant', 'features', 'hydrant', 'hydrant', 4490);
INSERT INTO gpkg_geometry_columns VALUES('hydrant', 'geom', 'POINT', 4490, 2, 0);
CREATE VIRTUAL TABLE "rtree_hydrant_geom" USING rtree(id, minx, maxx, miny, maxy);
CREATE TRIGGER "rtree_hydrant_geom_insert" AFTER INSERT ON "hydrant" WHEN (NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN INSERT OR REPLACE INTO "rtree_hydrant_geom" VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER "rtree_hydrant_geom_update1" AFTER UPDATE OF geom ON "hydrant" WHEN OLD.fid = NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN INSERT OR REPLACE INTO "rtree_hydrant_geom" VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER "rtree_hydrant_geom_update2" AFTER UPDATE OF geom ON "hydrant" WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM "rtree_hydrant_geom" WHERE id = OLD.fid; END;
CREATE TRIGGER "rtree_hydrant_geom_update3" AFTER UPDATE ON "hydrant" WHEN OLD.fid != NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM "rtree_hydrant_geom" WHERE id = OLD.fid; INSERT OR REPLACE INTO "rtree_hydrant_geom" VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER "rtree_hydrant_geom_update4" AFTER UPDATE ON "hydrant" WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
  BEGIN DELETE FROM "rtree_hydrant_geom" WHERE id IN (OLD.fid, NEW.fid); END;
CREATE TRIGGER "rtree_hydrant_geom_delete" AFTER DELETE ON "hydrant" WHEN OLD.geom NOT NULL BEGIN DELETE FROM "rtree_hydrant_geom" WHERE id = OLD.fid; END;
INSERT INTO gpkg_extensions VALUES('hydrant', 'geom', 'gpkg_rtree_index', 'http://www.geopackage.org/spec120/#extension_rtree', 'write-only');
INSERT INTO gpkg_extensions VALUES('h_hydrant', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_old_hydrant', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');

-- datastream
INSERT INTO ct_class(no, tbl, entry) VALUES(101, 'datastream', NULL);
CREATE TABLE "datastream"(fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL CHECK(fid BETWEEN 1 AND 4294967295), "code" TEXT, "kind" TEXT, "dn" INTEGER, source INTEGER, other TEXT);
CREATE TABLE "h_datastream"(fid INTEGER, "code" TEXT, "kind" TEXT, "dn" INTEGER, source INTEGER, other TEXT, ct_from INTEGER, ct_to INTEGER, PRIMARY KEY(fid,ct_from));
CREATE INDEX "h_datastream_to" ON "h_datastream"(ct_to);
CREATE INDEX "ct_datastream_code" ON "datastream"(code);
CREATE VIEW "ct_old_datastream" AS SELECT t.fid,t."code",t."kind",t."dn",t.source,t.other, r.rev AS ct_from, n.sealed+1 AS ct_to
  FROM "datastream" t JOIN ct_row r ON r.class=101 AND r.fid=t.fid CROSS JOIN ct_head n
  WHERE r.rev<=n.sealed AND NOT EXISTS(SELECT 1 FROM "h_datastream" h WHERE h.fid=t.fid AND h.ct_from=r.rev);
CREATE TRIGGER "ct_datastream_id" BEFORE INSERT ON "datastream" WHEN NEW.fid > 0 BEGIN
  SELECT RAISE(ABORT,'this id was used before') WHERE NEW.fid <= (SELECT seq FROM sqlite_sequence WHERE name='datastream')
    AND NOT EXISTS(SELECT 1 FROM "datastream" WHERE fid=NEW.fid) AND (SELECT restoring=0 FROM ct_head); END;
CREATE TRIGGER "ct_datastream_i0" BEFORE INSERT ON "datastream" BEGIN INSERT INTO "h_datastream"(fid,"code","kind","dn",source,other,ct_from,ct_to) SELECT fid,"code","kind","dn",source,other,ct_from,ct_to FROM "ct_old_datastream" WHERE fid=NEW.fid; END;
CREATE TRIGGER "ct_datastream_u0" BEFORE UPDATE ON "datastream" BEGIN SELECT RAISE(ABORT,'a feature keeps its id') WHERE OLD.fid<>NEW.fid; INSERT INTO "h_datastream"(fid,"code","kind","dn",source,other,ct_from,ct_to) SELECT fid,"code","kind","dn",source,other,ct_from,ct_to FROM "ct_old_datastream" WHERE fid=OLD.fid; END;
CREATE TRIGGER "ct_datastream_d0" BEFORE DELETE ON "datastream" BEGIN INSERT INTO "h_datastream"(fid,"code","kind","dn",source,other,ct_from,ct_to) SELECT fid,"code","kind","dn",source,other,ct_from,ct_to FROM "ct_old_datastream" WHERE fid=OLD.fid; END;
CREATE TRIGGER "ct_datastream_i1" AFTER INSERT ON "datastream" WHEN (SELECT bulk=0 FROM ct_head) BEGIN
  INSERT INTO ct_row(class,fid,rev) SELECT 101,NEW.fid,sealed+1 FROM ct_head WHERE true ON CONFLICT(class,fid) DO UPDATE SET rev=excluded.rev;
  INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,101,NEW.fid,NEW.fid,'i' FROM ct_head; END;
CREATE TRIGGER "ct_datastream_u1" AFTER UPDATE ON "datastream" BEGIN
  UPDATE ct_row SET rev=(SELECT sealed+1 FROM ct_head) WHERE class=101 AND fid=OLD.fid; INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,101,OLD.fid,OLD.fid,'u' FROM ct_head; END;
CREATE TRIGGER "ct_datastream_d1" AFTER DELETE ON "datastream" BEGIN DELETE FROM ct_row WHERE class=101 AND fid=OLD.fid; INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,101,OLD.fid,OLD.fid,'d' FROM ct_head; END;
INSERT INTO gpkg_contents(table_name, data_type, identifier, description, srs_id) VALUES('datastream', 'attributes', 'datastream', 'datastream', NULL);
INSERT INTO gpkg_extensions VALUES('h_datastream', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');
INSERT INTO gpkg_extensions VALUES('ct_old_datastream', NULL, 'citytwin_store', 'https://citytwin.example/store-1', 'write-only');

-- What happened in it.
INSERT INTO ct_source(no, name, credit) VALUES(1, 'survey', '© 测绘院');
INSERT INTO ct_load(id, source, file, state, counts, started, ended) VALUES(1, 1, 'survey.gpkg', 'complete', '{"added":3}', '2026-11-01T08:00:00.000Z', '2026-11-01T08:00:01.000Z');
INSERT INTO hydrant(geom, code, kind, dn, source) VALUES(X'475000018A11000001E9030000713D0AD7A3005D40C3F5285C8F023E400000000000002940', 'H-1', 'above ground', 100, 1);
INSERT INTO hydrant(geom, code, kind, dn, source) VALUES(X'475000018A11000001E9030000E17A14AE47015D40C3F5285C8F023E400000000000002940', 'H-2', 'above ground', 100, 1);
INSERT INTO hydrant(geom, code, kind, dn, source) VALUES(X'475000018A11000001E903000052B81E85EB015D40C3F5285C8F023E400000000000002940', NULL, NULL, 80, 1);
INSERT INTO ct_key(source, class, key, fid) VALUES(1, 80, 'id:osm/3', 3);
INSERT INTO ct_rev(rev, at, author, source, load_id, last_seq) SELECT 1, '2026-11-01T08:00:00.000Z', 'gis', 'survey', 1, max(seq) FROM ct_change;
UPDATE ct_head SET sealed=1;
UPDATE hydrant SET dn=125 WHERE fid=1;
INSERT INTO ct_rev(rev, at, author, source, load_id, last_seq) SELECT 2, '2026-11-02T08:00:00.000Z', 'planner', 'api', NULL, max(seq) FROM ct_change;
UPDATE ct_head SET sealed=2;
DELETE FROM hydrant WHERE fid=2;
INSERT INTO datastream(code, dn) VALUES('DS-1', 1);
INSERT INTO ct_rev(rev, at, author, source, load_id, last_seq) SELECT 3, '2026-11-03T08:00:00.000Z', 'planner', 'api', NULL, max(seq) FROM ct_change;
UPDATE ct_head SET sealed=3;
UPDATE hydrant SET dn=150 WHERE fid=1;
