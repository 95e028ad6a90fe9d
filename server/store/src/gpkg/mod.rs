//! The GeoPackage format (OGC 12-128r17, 1.2): its base tables, its R-tree extension, its geometry blobs.
//!
//! [`Writer`] makes a plain GeoPackage of a catalogue's classes, for the demo city and for export. The city's own
//! store is a GeoPackage too, with the bookkeeping of `schema.rs` beside it.

pub mod blob;
mod describe;
mod functions;
pub(crate) mod rtree;
mod writer;

pub use describe::{Heights, Srs};
pub use functions::register as register_functions;
pub use writer::{LayerNo, Writer};

use citytwin_model::{AttributeType, Class, GeometryKind};
use rusqlite::Connection;

/// `GPKG` in the file's header.
pub const APPLICATION_ID: i32 = 0x4750_4B47;
/// GeoPackage 1.2: what GDAL 3.6 and QGIS 3.22 write themselves and read without a word.
pub const USER_VERSION: i32 = 10_200;

const BASE: &str = "
CREATE TABLE gpkg_spatial_ref_sys(srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents(table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
  srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns(table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name), CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_extensions(table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
INSERT INTO gpkg_spatial_ref_sys VALUES
 ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', 'undefined cartesian coordinate reference system'),
 ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system'),
 ('WGS 84 geodetic', 4326, 'EPSG', 4326, 'GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563,AUTHORITY[\"EPSG\",\"7030\"]],AUTHORITY[\"EPSG\",\"6326\"]],PRIMEM[\"Greenwich\",0,AUTHORITY[\"EPSG\",\"8901\"]],UNIT[\"degree\",0.0174532925199433,AUTHORITY[\"EPSG\",\"9122\"]],AXIS[\"Latitude\",NORTH],AXIS[\"Longitude\",EAST],AUTHORITY[\"EPSG\",\"4326\"]]', 'longitude/latitude coordinates in decimal degrees on the WGS 84 spheroid'),
 ('China Geodetic Coordinate System 2000', 4490, 'EPSG', 4490, 'GEOGCS[\"China Geodetic Coordinate System 2000\",DATUM[\"China_2000\",SPHEROID[\"CGCS2000\",6378137,298.257222101,AUTHORITY[\"EPSG\",\"1024\"]],AUTHORITY[\"EPSG\",\"1043\"]],PRIMEM[\"Greenwich\",0,AUTHORITY[\"EPSG\",\"8901\"]],UNIT[\"degree\",0.0174532925199433,AUTHORITY[\"EPSG\",\"9122\"]],AXIS[\"Latitude\",NORTH],AXIS[\"Longitude\",EAST],AUTHORITY[\"EPSG\",\"4490\"]]', 'CGCS2000');
";

/// Writes the base tables into an empty file.
pub(crate) fn create_base(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", USER_VERSION)?;
    conn.execute_batch(BASE)
}

/// A name as SQL quotes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL quotes it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a class's lines or areas are stored as multis, so that one layer can hold both.
pub(crate) fn stored_as_multi(class: &Class) -> bool {
    match class.geometry {
        GeometryKind::Area => true,
        GeometryKind::Line => !class.network,
        GeometryKind::Point | GeometryKind::None => false,
    }
}

/// The layer's declared geometry type; `None` for a class without geometry.
pub(crate) fn geometry_type(class: &Class) -> Option<&'static str> {
    match class.geometry {
        GeometryKind::None => None,
        GeometryKind::Point => Some("POINT"),
        GeometryKind::Line if class.network => Some("LINESTRING"),
        GeometryKind::Line => Some("MULTILINESTRING"),
        GeometryKind::Area => Some("MULTIPOLYGON"),
    }
}

/// The declared type of an attribute's column. `refs`: how references are held, as codes (TEXT) or wire numbers (INTEGER).
pub(crate) fn column_type(ty: &AttributeType, refs: &'static str) -> &'static str {
    match ty {
        AttributeType::Bool => "BOOLEAN",
        AttributeType::Int => "INTEGER",
        AttributeType::Real => "DOUBLE",
        AttributeType::Text | AttributeType::Code(_) => "TEXT",
        AttributeType::Date => "DATE",
        AttributeType::Time => "DATETIME",
        AttributeType::Ref(_) => refs,
    }
}

/// Enters a class's table into the file's contents. `z`: 0 flat, 1 always with heights, 2 as it comes.
pub(crate) fn register_layer(conn: &Connection, class: &Class, z: u8) -> rusqlite::Result<()> {
    let label = if class.label.zh.is_empty() { &class.label.en } else { &class.label.zh };
    let (data_type, srs) = if class.geometry == GeometryKind::None { ("attributes", None) } else { ("features", Some(blob::SRS_ID)) };
    conn.execute(
        "INSERT INTO gpkg_contents(table_name, data_type, identifier, description, srs_id) VALUES(?1, ?2, ?1, ?3, ?4)",
        (&class.id, data_type, label, srs),
    )?;
    if let Some(geometry_type) = geometry_type(class) {
        conn.execute("INSERT INTO gpkg_geometry_columns VALUES(?1, 'geom', ?2, ?3, ?4, 0)", (&class.id, geometry_type, blob::SRS_ID, z))?;
    }
    Ok(())
}
