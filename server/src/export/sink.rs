//! A file being written, whatever its format.

use super::format::Format;
use super::losses::{Loss, Losses};
use super::shapefile::{self, Field};
use super::table::{ColumnType, Row, Table};
use super::{csv, geojson};
use anyhow::Context;
use citytwin_assets::Lang;
use citytwin_datasets::helper::{Helper, HelperError};
use citytwin_datasets::points::System;
use citytwin_datasets::write::{Sink as HelperSink, Target};
use citytwin_datasets::{pipe, pipe::FieldType};
use citytwin_model::class::{FIRST_OWN_CLASS, Label};
use citytwin_model::{Attribute, AttributeType, Class, GeometryKind};
use citytwin_store::gpkg::{Heights, LayerNo, Srs, Writer};
use serde_json::Value as Json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// What a file's head says beside its columns.
pub struct Head<'a> {
    /// Layer's name: the class's id.
    pub name: &'a str,
    pub lang: Lang,
    /// The system of the coordinates; `None`: the city's degrees.
    pub system: Option<System>,
    /// Whom to credit, in one line; empty for nobody.
    pub credit: String,
    pub members: Vec<(&'static str, Json)>,
}

impl Head<'_> {
    fn label<'l>(&self, label: &'l Label) -> &'l str {
        let (first, second) = if self.lang == Lang::Zh { (&label.zh, &label.en) } else { (&label.en, &label.zh) };
        if first.is_empty() { second } else { first }
    }

    /// Code or WKT by which others know the system.
    fn crs(&self) -> String {
        match &self.system {
            None => "EPSG:4490".to_owned(),
            Some(system) => match &system.code {
                Some((authority, code)) => format!("{authority}:{code}"),
                None => system.wkt1.clone().unwrap_or_else(|| system.used.source.clone()),
            },
        }
    }
}

/// A GeoPackage takes one table after the other; every other file has one.
pub enum Sink {
    Gpkg { writer: Writer, layer: Option<LayerNo> },
    GeoJson { out: BufWriter<File>, first: bool },
    GeoJsonSeq { out: BufWriter<File>, separated: bool },
    Csv { out: BufWriter<File>, places: csv::Places },
    Fgb { sink: HelperSink },
    Shp { sink: HelperSink, fields: Vec<Field> },
}

impl Sink {
    /// Makes the file. What a GeoPackage's layers say is said in [`Sink::table`].
    pub fn create(format: Format, path: &Path, helper: Option<&Helper>, table: &Table, head: &Head) -> anyhow::Result<Self> {
        let plain =
            || Ok::<_, anyhow::Error>(BufWriter::with_capacity(256 << 10, File::create(path).with_context(|| path.display().to_string())?));
        Ok(match format {
            Format::Gpkg => {
                let mut writer = Writer::create(path)?;
                if let Some(system) = &head.system {
                    writer.in_srs(&srs(system))?;
                }
                Self::Gpkg { writer, layer: None }
            }
            Format::GeoJson => {
                let mut out = plain()?;
                let crs = head
                    .system
                    .as_ref()
                    .and_then(|system| system.code.as_ref())
                    .map(|(authority, code)| format!("urn:ogc:def:crs:{authority}::{code}"));
                geojson::begin(&mut out, head.name, crs.as_deref(), &head.members)?;
                Self::GeoJson { out, first: true }
            }
            Format::GeoJsonSeq => {
                let separated = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("geojsons"));
                Self::GeoJsonSeq { out: plain()?, separated }
            }
            Format::Csv => {
                let mut out = plain()?;
                let places = csv::Places::of(table, head.system.as_ref().is_none_or(in_degrees));
                csv::begin(&mut out, table, places)?;
                Self::Csv { out, places }
            }
            Format::Fgb => {
                let target = Target { format: "FlatGeobuf".into(), crs: head.crs(), geometry: geometry_type(table), widths: vec![] };
                let fields = table.columns.iter().map(|c| pipe::Field { name: c.name.clone(), ty: fgb_type(c.ty) }).collect();
                let helper = helper.expect("found before");
                Self::Fgb { sink: helper.write(path, &target, &header(table, head, fields))? }
            }
            Format::Shp => {
                let fields = shapefile::fields(table);
                let target = Target {
                    format: "ESRI Shapefile".into(),
                    crs: head.crs(),
                    // Its lines and areas are single and multi at once.
                    geometry: match table.class.geometry {
                        GeometryKind::None => None,
                        GeometryKind::Point => Some("Point"),
                        GeometryKind::Line => Some("LineString"),
                        GeometryKind::Area => Some("Polygon"),
                    },
                    widths: fields.iter().map(|f| (f.width, f.decimals)).collect(),
                };
                let plain = fields.iter().map(|f| pipe::Field { name: f.name.clone(), ty: f.ty }).collect();
                let helper = helper.expect("found before");
                Self::Shp { sink: helper.write(path, &target, &header(table, head, plain))?, fields }
            }
        })
    }

    /// Another table begins.
    pub fn table(&mut self, table: &Table, head: &Head) -> anyhow::Result<()> {
        let Self::Gpkg { writer, layer } = self else { return Ok(()) };
        let heights = match (table.survey.with_z, table.survey.flat) {
            (0, _) => Heights::None,
            (_, 0) => Heights::All,
            _ => Heights::Some,
        };
        let no = writer.layer_with(&columns_as_class(table), heights)?;
        for column in &table.columns {
            let codes: Vec<(&str, &str)> = column.codes.iter().map(|(value, label)| (value.as_str(), head.label(label))).collect();
            let label = head.label(&column.label);
            if label != column.name || column.unit.is_some() || !codes.is_empty() {
                writer.describe(no, &column.name, label, column.unit.as_deref(), &codes)?;
            }
        }
        if !head.credit.is_empty() {
            writer.credit(Some(no), &head.credit)?;
        }
        if table.class.no >= FIRST_OWN_CLASS {
            writer.mark_collection(no)?;
        }
        *layer = Some(no);
        Ok(())
    }

    /// Whether it was written.
    pub fn row(&mut self, table: &Table, row: Row, losses: &mut Losses) -> anyhow::Result<bool> {
        match self {
            Self::Gpkg { writer, layer } => writer.add(layer.expect("a table has begun"), row.geometry.as_ref(), &row.values)?,
            Self::GeoJson { out, first } => {
                if !std::mem::replace(first, false) {
                    out.write_all(b",\n")?;
                }
                geojson::feature(out, table, &row)?;
            }
            Self::GeoJsonSeq { out, separated } => {
                if *separated {
                    out.write_all(b"\x1e")?;
                }
                geojson::feature(out, table, &row)?;
                out.write_all(b"\n")?;
            }
            Self::Csv { out, places } => csv::row(out, table, &row, *places, losses)?,
            Self::Fgb { sink } => {
                let id = row.fid;
                if !sink.feature(&record(row)).map_err(Failed)? {
                    losses.note(Loss::TooLarge, || format!("{}.{id}", table.class.id));
                    return Ok(false);
                }
            }
            Self::Shp { sink, fields } => {
                if table.survey.with_z > 0 && row.geometry.as_ref().is_some_and(|g| !g.has_z) {
                    losses.note(Loss::NoHeight, || table.id(&row));
                }
                let values = shapefile::values(table, fields, &row, losses);
                let id = row.fid;
                if !sink.feature(&record(Row { values, ..row })).map_err(Failed)? {
                    losses.note(Loss::TooLarge, || format!("{}.{id}", table.class.id));
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Says of the whole file whom to credit, where it has a place for it.
    pub fn credit(&mut self, text: &str) -> anyhow::Result<()> {
        if let Self::Gpkg { writer, .. } = self {
            writer.credit(None, text)?;
        }
        Ok(())
    }

    /// Completes the file; what the writing library remarked.
    pub fn finish(self) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Gpkg { writer, .. } => writer.finish()?,
            Self::GeoJson { mut out, .. } => {
                geojson::end(&mut out)?;
                out.into_inner()?;
            }
            Self::GeoJsonSeq { out, .. } | Self::Csv { out, .. } => {
                out.into_inner()?;
            }
            Self::Fgb { sink } | Self::Shp { sink, .. } => return Ok(sink.finish().map_err(Failed)?),
        }
        Ok(Vec::new())
    }
}

/// The helper could not go on; said in the operator's words by whoever catches it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failed(#[from] pub HelperError);

fn in_degrees(system: &System) -> bool {
    matches!(system.used.way, pipe::CrsWay::Same)
}

fn srs(system: &System) -> Srs {
    // A system without a number gets one that nobody has.
    let (organization, code) = system.code.clone().unwrap_or_else(|| ("NONE".to_owned(), "100000".to_owned()));
    let id = code.parse().unwrap_or(100_000);
    Srs { id, name: system.name.clone(), organization, code: id, definition: system.wkt1.clone().unwrap_or_else(|| "undefined".to_owned()) }
}

fn geometry_type(table: &Table) -> Option<&'static str> {
    let survey = &table.survey;
    Some(match (table.class.geometry, survey.single > 0, survey.multi > 0) {
        (GeometryKind::None, ..) => return None,
        (GeometryKind::Point, ..) => "Point",
        (_, true, true) => "Unknown",
        (GeometryKind::Line, _, false) => "LineString",
        (GeometryKind::Line, ..) => "MultiLineString",
        (GeometryKind::Area, _, false) => "Polygon",
        (GeometryKind::Area, ..) => "MultiPolygon",
    })
}

/// A FlatGeobuf has no type for days: an instant would give them an hour and a zone.
fn fgb_type(ty: ColumnType) -> FieldType {
    match ty {
        ColumnType::Bool => FieldType::Bool,
        ColumnType::Int => FieldType::Int,
        ColumnType::Real => FieldType::Real,
        ColumnType::Instant => FieldType::Instant,
        ColumnType::Text | ColumnType::Date | ColumnType::Json => FieldType::Text,
    }
}

fn header(table: &Table, head: &Head, fields: Vec<pipe::Field>) -> pipe::LayerHeader {
    pipe::LayerHeader {
        name: head.name.to_owned(),
        fields,
        kinds: vec![],
        has_z: table.survey.with_z > 0,
        own_ids: false,
        features: Some(table.survey.features),
        extent: None,
        crs: None,
    }
}

fn record(row: Row) -> pipe::RawFeature {
    pipe::RawFeature {
        record: u64::from(row.fid),
        source_id: None,
        geometry: row.geometry,
        measures: Vec::new(),
        stroked: false,
        values: row.values,
    }
}

/// The columns as attributes of a class, which is what the GeoPackage writer takes.
fn columns_as_class(table: &Table) -> Class {
    let attribute = |column: &super::table::Column| Attribute {
        id: column.name.clone(),
        label: column.label.clone(),
        ty: match column.ty {
            ColumnType::Bool => AttributeType::Bool,
            ColumnType::Int => AttributeType::Int,
            ColumnType::Real => AttributeType::Real,
            ColumnType::Date => AttributeType::Date,
            ColumnType::Instant => AttributeType::Time,
            ColumnType::Text | ColumnType::Json => AttributeType::Text,
        },
        unit: None,
        required: false,
        range: None,
        in_tiles: false,
    };
    Class { attributes: table.columns.iter().map(attribute).collect(), ..Arc::unwrap_or_clone(table.class.clone()) }
}
