//! What a plain GeoPackage says about itself: titles and code lists of its columns (the schema extension), whom its
//! data are to be credited to (the metadata extension), and another reference system than the city's own.

use super::writer::{LayerNo, Writer};
use crate::error::Result;
use rusqlite::Connection;

/// The reference system of a file's coordinates, where they are not the city's degrees.
#[derive(Clone, Debug, PartialEq)]
pub struct Srs {
    pub id: i32,
    pub name: String,
    /// `EPSG`, and the system's code there.
    pub organization: String,
    pub code: i32,
    /// WKT 1.
    pub definition: String,
}

/// How a layer's geometries stand to heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heights {
    None,
    All,
    /// Some have them, some have not.
    Some,
}

impl Heights {
    /// The code in `gpkg_geometry_columns`.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::All => 1,
            Self::Some => 2,
        }
    }
}

const SCHEMA: &str = "
CREATE TABLE gpkg_data_columns(table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
  constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), CONSTRAINT gdc_tn UNIQUE (table_name, name));
CREATE TABLE gpkg_data_column_constraints(constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC,
  min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
  CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
INSERT INTO gpkg_extensions VALUES
 ('gpkg_data_columns', NULL, 'gpkg_schema', 'http://www.geopackage.org/spec120/#extension_schema', 'read-write'),
 ('gpkg_data_column_constraints', NULL, 'gpkg_schema', 'http://www.geopackage.org/spec120/#extension_schema', 'read-write');
";

const METADATA: &str = "
CREATE TABLE gpkg_metadata(id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL, md_scope TEXT NOT NULL DEFAULT 'dataset',
  md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT '');
CREATE TABLE gpkg_metadata_reference(reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
  timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
  CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id));
INSERT INTO gpkg_extensions VALUES
 ('gpkg_metadata', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec120/#extension_metadata', 'read-write'),
 ('gpkg_metadata_reference', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec120/#extension_metadata', 'read-write');
";

/// What the texts of credits are, for a reader that looks for them.
const CREDITS_URI: &str = "http://purl.org/dc/terms/rights";

/// What the helper looks for on a layer.
const COLLECTION_KEY: &str = "CITYTWIN_COLLECTION";

impl Writer {
    /// From here on coordinates are of this system. To be said before the first layer.
    pub fn in_srs(&mut self, srs: &Srs) -> Result<()> {
        assert!(self.layers.is_empty(), "one file, one system");
        self.conn.execute(
            "INSERT OR IGNORE INTO gpkg_spatial_ref_sys(srs_name, srs_id, organization, organization_coordsys_id, definition) VALUES(?1, ?2, ?3, ?4, ?5)",
            (&srs.name, srs.id, &srs.organization, srs.code, &srs.definition),
        )?;
        self.foreign_srs = Some(srs.id);
        Ok(())
    }

    /// Names a column for people, and lists the values that it may have, each with what it means.
    pub fn describe(&mut self, layer: LayerNo, column: &str, title: &str, description: Option<&str>, codes: &[(&str, &str)]) -> Result<()> {
        once(&self.conn, "gpkg_data_columns", SCHEMA)?;
        let table = &self.layers[layer.0].class.id;
        let constraint = (!codes.is_empty()).then(|| format!("{table}_{column}").to_lowercase());
        self.conn.execute(
            "INSERT INTO gpkg_data_columns(table_name, column_name, title, description, constraint_name) VALUES(?1, ?2, ?3, ?4, ?5)",
            (table, column, title, description, &constraint),
        )?;
        for (value, meaning) in codes {
            self.conn.execute(
                "INSERT OR IGNORE INTO gpkg_data_column_constraints(constraint_name, constraint_type, value, description) VALUES(?1, 'enum', ?2, ?3)",
                (&constraint, value, meaning),
            )?;
        }
        Ok(())
    }

    /// Says that a layer is a collection of the city's own, for the load that takes it back. As GDAL's own programs write and
    /// copy what is said of a layer.
    pub fn mark_collection(&mut self, layer: LayerNo) -> Result<()> {
        once(&self.conn, "gpkg_metadata", METADATA)?;
        let name = &self.layers[layer.0].class.id;
        // A collection's name is a-z, 0-9 and _.
        let text =
            format!("<GDALMultiDomainMetadata><Metadata><MDI key=\"{COLLECTION_KEY}\">{name}</MDI></Metadata></GDALMultiDomainMetadata>");
        self.conn.execute(
            "INSERT INTO gpkg_metadata(md_scope, md_standard_uri, mime_type, metadata) VALUES('dataset', 'http://gdal.org', 'text/xml', ?1)",
            [text],
        )?;
        let id = self.conn.last_insert_rowid();
        self.conn
            .execute("INSERT INTO gpkg_metadata_reference(reference_scope, table_name, md_file_id) VALUES('table', ?1, ?2)", (name, id))?;
        Ok(())
    }

    /// Says of a layer, or with `None` of the whole file, where it comes from and whom it is to be credited to. A layer's
    /// credit also stands in its description, which is what most programs show.
    pub fn credit(&mut self, layer: Option<LayerNo>, text: &str) -> Result<()> {
        once(&self.conn, "gpkg_metadata", METADATA)?;
        self.conn.execute(
            "INSERT INTO gpkg_metadata(md_scope, md_standard_uri, mime_type, metadata) VALUES('dataset', ?1, 'text/plain', ?2)",
            (CREDITS_URI, text),
        )?;
        let id = self.conn.last_insert_rowid();
        let (scope, table) = match layer {
            None => ("geopackage", None),
            Some(layer) => ("table", Some(&self.layers[layer.0].class.id)),
        };
        self.conn.execute(
            "INSERT INTO gpkg_metadata_reference(reference_scope, table_name, md_file_id) VALUES(?1, ?2, ?3)",
            (scope, table, id),
        )?;
        if let Some(table) = table {
            self.conn.execute("UPDATE gpkg_contents SET description = description || ' — ' || ?2 WHERE table_name = ?1", (table, text))?;
        }
        Ok(())
    }
}

/// Makes an extension's tables when they are first needed.
fn once(conn: &Connection, table: &str, sql: &str) -> Result<()> {
    if !conn.prepare_cached("SELECT 1 FROM sqlite_master WHERE name = ?1")?.exists([table])? {
        conn.execute_batch(sql)?;
    }
    Ok(())
}
