//! Writes a plain GeoPackage: one layer per class, references as codes, no bookkeeping.

use super::describe::Heights;
use super::{blob, column_type, create_base, quoted, register_functions, register_layer, rtree, stored_as_multi};
use crate::error::{Refusal, Result, StoreError};
use crate::row;
use citytwin_model::{AttributeType, Class, Geometry, GeometryKind, Value};
use rusqlite::{Connection, ToSql};
use std::path::{Path, PathBuf};

/// A layer of the file being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerNo(pub(super) usize);

/// Streams features into a new file. The file gets its name only when [`Writer::finish`] has put it on disk whole.
pub struct Writer {
    pub(super) conn: Connection,
    path: PathBuf,
    part: Part,
    pub(super) layers: Vec<Layer>,
    blob: Vec<u8>,
    /// Set where coordinates are not the city's degrees.
    pub(super) foreign_srs: Option<i32>,
}

/// The file while it is not whole. Given up, it goes.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // One that was finished has another name by now.
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) struct Layer {
    pub(super) class: Class,
    insert: String,
    rows: usize,
    /// Holds any geometry, or none, and nothing of it is checked.
    loose: bool,
}

impl Writer {
    pub fn create(path: &Path) -> Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        if part.exists() {
            std::fs::remove_file(&part).map_err(StoreError::io(&part))?;
        }
        let (conn, part) = (Connection::open(&part)?, Part(part));
        // Nobody reads the file before it is whole, so nothing has to be rolled back in it.
        conn.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; PRAGMA locking_mode=EXCLUSIVE;")?;
        register_functions(&conn)?;
        create_base(&conn)?;
        conn.execute_batch("BEGIN")?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(Self { conn, path: path.to_owned(), part, layers: Vec::new(), blob: Vec::new(), foreign_srs: None })
    }

    /// Adds a layer for a class. `has_z`: whether all its geometries carry heights.
    pub fn layer(&mut self, class: &Class, has_z: bool) -> Result<LayerNo> {
        self.layer_with(class, if has_z { Heights::All } else { Heights::None })
    }

    pub fn layer_with(&mut self, class: &Class, heights: Heights) -> Result<LayerNo> {
        self.add_layer(class, heights, super::geometry_type(class), false)
    }

    /// Adds a layer for records that are not in order: it holds any kind of geometry, or none, just as it comes.
    pub fn loose_layer(&mut self, class: &Class) -> Result<LayerNo> {
        let layer = self.add_layer(class, Heights::Some, super::geometry_type(class).map(|_| "GEOMETRY"), true)?;
        self.conn.execute("UPDATE gpkg_geometry_columns SET geometry_type_name='GEOMETRY' WHERE table_name=?1", [&class.id])?;
        Ok(layer)
    }

    fn add_layer(&mut self, class: &Class, heights: Heights, geometry: Option<&str>, loose: bool) -> Result<LayerNo> {
        let mut columns = vec!["fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL".to_owned()];
        let mut names = Vec::new();
        if let Some(ty) = geometry {
            columns.push(format!("geom {ty}"));
            names.push("geom".to_owned());
        }
        for attribute in &class.attributes {
            columns.push(format!("{} {}", quoted(&attribute.id), column_type(&attribute.ty, "TEXT")));
            names.push(quoted(&attribute.id));
        }
        let table = quoted(&class.id);
        self.conn.execute_batch(&format!("CREATE TABLE {table}({})", columns.join(", ")))?;
        register_layer(&self.conn, class, heights.code())?;
        if let Some(srs) = self.foreign_srs.filter(|_| class.geometry != GeometryKind::None) {
            self.conn.execute("UPDATE gpkg_contents SET srs_id = ?2 WHERE table_name = ?1", (&class.id, srs))?;
            self.conn.execute("UPDATE gpkg_geometry_columns SET srs_id = ?2 WHERE table_name = ?1", (&class.id, srs))?;
        }
        let insert = match names.len() {
            0 => format!("INSERT INTO {table} DEFAULT VALUES"),
            n => format!("INSERT INTO {table}({}) VALUES({})", names.join(", "), vec!["?"; n].join(", ")),
        };
        self.layers.push(Layer { class: class.clone(), insert, rows: 0, loose });
        Ok(LayerNo(self.layers.len() - 1))
    }

    /// Adds one feature; `attributes` in the class's order, references as codes.
    pub fn add(&mut self, layer: LayerNo, geometry: Option<&Geometry>, attributes: &[Value]) -> Result<()> {
        let layer = &mut self.layers[layer.0];
        let refused = |refusal| StoreError::Refused { number: layer.rows + 1, refusal };
        match row::check_geometry(&layer.class, geometry) {
            // Metres of another system are no degrees.
            Err(Refusal::OffTheEarth { .. }) if self.foreign_srs.is_some() => {}
            Err(_) if layer.loose => {}
            checked => checked.map_err(refused)?,
        }
        if attributes.len() != layer.class.attributes.len() {
            return Err(refused(Refusal::AttributeCount { found: attributes.len(), wanted: layer.class.attributes.len() }));
        }
        let mut values: Vec<rusqlite::types::Value> = Vec::with_capacity(attributes.len() + 1);
        if let Some(geometry) = geometry {
            self.blob.clear();
            blob::write(geometry, stored_as_multi(&layer.class) && !layer.loose, &mut self.blob);
            if let Some(srs) = self.foreign_srs {
                blob::set_srs(&mut self.blob, srs);
            }
            values.push(rusqlite::types::Value::Blob(std::mem::take(&mut self.blob)));
        }
        if geometry.is_none() && layer.class.geometry != GeometryKind::None {
            values.push(rusqlite::types::Value::Null); // only a loose layer comes here
        }
        for (attribute, value) in layer.class.attributes.iter().zip(attributes) {
            let plain = match &attribute.ty {
                AttributeType::Ref(_) => &AttributeType::Text,
                other => other,
            };
            values.push(row::sql_value(attribute, plain, value).map_err(refused)?);
        }
        let mut statement = self.conn.prepare_cached(&layer.insert)?;
        let params: Vec<&dyn ToSql> = values.iter().map(|v| v as &dyn ToSql).collect();
        statement.execute(&params[..])?;
        layer.rows += 1;
        if geometry.is_some()
            && let rusqlite::types::Value::Blob(buffer) = values.swap_remove(0)
        {
            self.blob = buffer;
        }
        Ok(())
    }

    /// Builds the spatial indexes, puts the file on disk and gives it its name.
    pub fn finish(self) -> Result<()> {
        for layer in self.layers.iter().filter(|layer| layer.class.geometry != GeometryKind::None) {
            rtree::create(&self.conn, &layer.class.id)?;
            let t = quoted(&layer.class.id);
            self.conn.execute(
                &format!(
                    "UPDATE gpkg_contents SET (min_x, min_y, max_x, max_y) =
                       (SELECT min(ST_MinX(geom)), min(ST_MinY(geom)), max(ST_MaxX(geom)), max(ST_MaxY(geom)) FROM {t}) WHERE table_name = ?1"
                ),
                [&layer.class.id],
            )?;
        }
        self.conn.execute_batch("COMMIT")?;
        self.conn.close().map_err(|(_, e)| e)?;
        crate::files::publish(&self.part.0, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_given_up_leaves_nothing_and_one_that_cannot_get_its_name_neither() {
        let folder = tempfile::tempdir().unwrap();
        let left = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        let mut writer = Writer::create(&folder.path().join("a.gpkg")).unwrap();
        writer.layer(&crate::testing::class(80, "hydrant", GeometryKind::Point), false).unwrap();
        drop(writer);
        assert!(left().is_empty(), "{:?}", left());
        std::fs::create_dir(folder.path().join("b.gpkg")).unwrap();
        Writer::create(&folder.path().join("b.gpkg")).unwrap().finish().unwrap_err();
        assert_eq!(left(), ["b.gpkg"]);
        Writer::create(&folder.path().join("c.gpkg")).unwrap().finish().unwrap();
        assert_eq!(left().len(), 2);
    }
}
