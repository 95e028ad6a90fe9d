//! Spatial tables that another program has added to the city's file: named, and taken in as collections of the city's own.
//!
//! They are not taken in by themselves: who made them may still be at it, and a table is rewritten when it is taken in.

use crate::error::{Result, StoreError, Why};
use crate::own::{CollectionSchema, Field, FieldType, Kind};
use crate::schema::RESERVED;
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension};

impl Store {
    /// Spatial tables in the city's file that are none of its classes. [`Store::adopt`] takes one in.
    pub fn strangers(&self) -> Result<Vec<String>> {
        self.reading(list)
    }
}

pub(crate) fn list(conn: &Connection) -> Result<Vec<String>> {
    let mut statement = conn.prepare(
        "SELECT g.table_name FROM gpkg_contents g JOIN sqlite_master m ON m.type='table' AND lower(m.name)=lower(g.table_name)
         WHERE g.data_type='features' AND NOT EXISTS(SELECT 1 FROM ct_class c WHERE lower(c.tbl)=lower(g.table_name)) ORDER BY 1",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// What the collection that a table becomes will hold.
pub(crate) fn schema_of(conn: &Connection, table: &str) -> Result<CollectionSchema> {
    let refuse = |why: Why| StoreError::NotAdoptable { table: table.to_owned(), why };
    let found: Option<(String, String)> = conn
        .query_row("SELECT column_name, geometry_type_name FROM gpkg_geometry_columns WHERE lower(table_name)=lower(?1)", [table], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (geometry_column, kind) = found.ok_or_else(|| refuse(Why::of("adopt_no_place", &[])))?;
    let geometry = match kind.to_uppercase().trim_start_matches("MULTI") {
        "POINT" => Kind::Point,
        "LINESTRING" => Kind::Line,
        "POLYGON" => Kind::Area,
        other => return Err(refuse(Why::of("adopt_mixed", &[("kind", &other)]))),
    };
    let mut statement = conn.prepare("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let columns: Vec<(String, String, i64)> =
        statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<rusqlite::Result<_>>()?;
    let mut attributes = Vec::new();
    for (name, ty, key) in columns {
        if key > 0 || name == geometry_column {
            continue;
        }
        if RESERVED.contains(&name.to_lowercase().as_str()) {
            return Err(refuse(Why::of("adopt_reserved", &[("column", &name)])));
        }
        attributes.push(Field { ty: type_of(&ty).ok_or_else(|| refuse(Why::of("adopt_type", &[("column", &name)])))?, id: name });
    }
    Ok(CollectionSchema { label: table.to_owned(), geometry, attributes })
}

/// By the names that a GeoPackage has for the types of its columns: `TEXT(80)`.
fn type_of(declared: &str) -> Option<FieldType> {
    let declared = declared.to_uppercase();
    Some(match declared.split('(').next().unwrap_or_default().trim() {
        "BOOLEAN" => FieldType::Bool,
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "INTEGER" | "BIGINT" => FieldType::Int,
        "FLOAT" | "DOUBLE" | "REAL" => FieldType::Real,
        "DATE" => FieldType::Date,
        "DATETIME" => FieldType::Time,
        "TEXT" | "VARCHAR" => FieldType::Text,
        _ => return None,
    })
}
