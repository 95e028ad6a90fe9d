//! The verb `write`: features from the pipe into a new file of a format that we do not write ourselves.
//!
//! The parent gives the file a name of its own and renames it when it is whole, so what is left of a broken write is the
//! parent's to take away. Nothing is changed on the way: a value that the format would change is the parent's to foresee.

use crate::complaints;
use crate::formats;
use crate::proj::Proj;
use crate::read::hello;
use anyhow::{Context, bail};
use citytwin_datasets::pipe::{Event, Fail, FieldType, LayerHeader, Note, PipeReader, PipeWriter, RawFeature};
use citytwin_model::{Geometry, Timestamp, Value, wkb};
use gdal_sys::{OGRErr, OGRFieldSubType as Sub, OGRFieldType as Type, OGRwkbGeometryType as Shape};
use std::ffi::{CString, c_char, c_int};
use std::io::{Read, Write};
use std::path::Path;
use std::ptr;

#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    pub format: String,
    pub crs: String,
    /// OGC's name of the geometry type; `None` for a layer without.
    pub geometry: String,
    /// Widths and decimals of the columns, where the format wants them.
    pub widths: Vec<(c_int, c_int)>,
}

/// `10.0,24.15` as widths and decimals.
pub fn widths(text: &str) -> anyhow::Result<Vec<(c_int, c_int)>> {
    let number = |text: &str| text.parse::<u8>().map(c_int::from).with_context(|| format!("{text:?} is no width"));
    text.split(',').map(|both| both.split_once('.').context("a width is W.D").and_then(|(w, d)| Ok((number(w)?, number(d)?)))).collect()
}

/// `Ok(false)`: the file cannot be written, and the pipe says why.
pub fn write(path: &Path, options: &WriteOptions, input: impl Read, pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<bool> {
    pipe.hello(&hello(options.format.clone(), Vec::new()))?;
    pipe.flush()?;
    let mut from = PipeReader::new(input);
    match from.next_event()? {
        Some(Event::Hello(_)) => {}
        _ => bail!("no greeting"),
    }
    let Some(Event::Layer(header)) = from.next_event()? else { bail!("no layer") };
    let result = File::create(path, options, &header).and_then(|file| file.fill(&header, options, &mut from));
    match result {
        Ok(remarks) => {
            for detail in remarks {
                pipe.note(&Note { key: "writer_warned".into(), detail })?;
            }
            pipe.end()?;
            Ok(true)
        }
        Err(error) => {
            pipe.fail(&Fail { key: "unwritable".into(), detail: format!("{error:#}") })?;
            Ok(false)
        }
    }
}

/// A file being written, with its one layer.
struct File {
    dataset: gdal_sys::GDALDatasetH,
    layer: gdal_sys::OGRLayerH,
}

impl File {
    fn create(path: &Path, options: &WriteOptions, header: &LayerHeader) -> anyhow::Result<Self> {
        if !formats::WRITTEN.contains(&options.format.as_str()) {
            bail!("{} is none of {}", options.format, formats::WRITTEN.join(", "));
        }
        if path.exists() {
            bail!("{} is there already", path.display());
        }
        let name = CString::new(path.to_str().context("a path that is not UTF-8")?)?;
        let format = CString::new(options.format.clone())?;
        let layer_name = CString::new(header.name.clone())?;
        let srs = Srs::new(&options.crs)?;
        let creation = creation_options(&options.format);
        let creation: Vec<*const c_char> = creation.iter().map(|option| option.as_ptr()).chain([ptr::null()]).collect();
        let widths = options.widths.iter().copied().chain(std::iter::repeat((0, 0)));
        // SAFETY: terminated strings and arrays that outlive the calls; the dataset is closed by `File`, definitions of
        // fields are copied by the layer and freed here.
        unsafe {
            let driver = gdal_sys::GDALGetDriverByName(format.as_ptr());
            let dataset = gdal_sys::GDALCreate(driver, name.as_ptr(), 0, 0, 0, gdal_sys::GDALDataType::GDT_Unknown, ptr::null_mut());
            if dataset.is_null() {
                bail!(said("the file cannot be made"));
            }
            let mut file = Self { dataset, layer: ptr::null_mut() };
            let shape = shape(&options.geometry, header.has_z)?;
            let srs = if shape == Shape::wkbNone { ptr::null_mut() } else { srs.0 };
            file.layer = gdal_sys::GDALDatasetCreateLayer(dataset, layer_name.as_ptr(), srs, shape, creation.as_ptr().cast_mut().cast());
            if file.layer.is_null() {
                bail!(said("the layer cannot be made"));
            }
            for (field, (width, decimals)) in header.fields.iter().zip(widths) {
                let name = CString::new(field.name.clone()).context("a field's name with a NUL in it")?;
                let (ty, sub) = field_type(field.ty);
                let defn = gdal_sys::OGR_Fld_Create(name.as_ptr(), ty);
                gdal_sys::OGR_Fld_SetSubType(defn, sub);
                gdal_sys::OGR_Fld_SetWidth(defn, width);
                gdal_sys::OGR_Fld_SetPrecision(defn, decimals);
                let made = gdal_sys::OGR_L_CreateField(file.layer, defn, 0);
                gdal_sys::OGR_Fld_Destroy(defn);
                if made != OGRErr::OGRERR_NONE {
                    bail!(said(&format!("the field {} cannot be made", field.name)));
                }
            }
            Ok(file)
        }
    }

    /// Takes features until the layer's end and closes the file; what GDAL had to remark.
    fn fill(self, header: &LayerHeader, options: &WriteOptions, from: &mut PipeReader<impl Read>) -> anyhow::Result<Vec<String>> {
        let mut remarks = Vec::new();
        let mut buffer = Vec::new();
        // A format that has heights for all or none: what has none gets a height that is no number.
        let fill_z = header.has_z && options.format == "FlatGeobuf";
        loop {
            match from.next_event()? {
                Some(Event::Feature(feature)) => {
                    self.add(header, feature, fill_z, &mut buffer)?;
                    note(&mut remarks)?;
                }
                Some(Event::LayerEnd(_)) => break,
                _ => bail!("a frame out of place"),
            }
        }
        match from.next_event()? {
            Some(Event::End(_)) => {}
            _ => bail!("a frame after the layer"),
        }
        // Closing writes the index and the heads: a long silence in a large file, bounded by the limit on CPU time.
        crate::limits::watch(0);
        drop(self);
        note(&mut remarks)?;
        Ok(remarks)
    }

    fn add(&self, header: &LayerHeader, feature: RawFeature, fill_z: bool, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
        // SAFETY: a live layer; the feature and its geometry are freed or handed over here; texts outlive their call.
        unsafe {
            let ogr = Feature(gdal_sys::OGR_F_Create(gdal_sys::OGR_L_GetLayerDefn(self.layer)));
            for (i, (field, value)) in header.fields.iter().zip(&feature.values).enumerate() {
                set(ogr.0, i as c_int, field.ty, value).with_context(|| format!("record {}, field {}", feature.record, field.name))?;
            }
            if let Some(mut geometry) = feature.geometry {
                if fill_z && !geometry.has_z {
                    no_heights(&mut geometry);
                }
                buffer.clear();
                wkb::write(&geometry, buffer);
                let mut handle = ptr::null_mut();
                let made = gdal_sys::OGR_G_CreateFromWkb(buffer.as_ptr().cast(), ptr::null_mut(), &mut handle, buffer.len() as c_int);
                if made != OGRErr::OGRERR_NONE || gdal_sys::OGR_F_SetGeometryDirectly(ogr.0, handle) != OGRErr::OGRERR_NONE {
                    bail!("record {}: GDAL does not take its geometry", feature.record);
                }
            }
            if gdal_sys::OGR_L_CreateFeature(self.layer, ogr.0) != OGRErr::OGRERR_NONE {
                bail!(said(&format!("record {} cannot be written", feature.record)));
            }
        }
        Ok(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: ours alone; the layer belongs to it.
        unsafe { gdal_sys::GDALClose(self.dataset) }
    }
}

struct Feature(gdal_sys::OGRFeatureH);

impl Drop for Feature {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { gdal_sys::OGR_F_Destroy(self.0) }
    }
}

/// Remarks are few and kept; a failure that no call returned (a full disk shows when GDAL flushes) ends the write.
fn note(remarks: &mut Vec<String>) -> anyhow::Result<()> {
    const KEPT: usize = 20;
    let complaints = complaints::take();
    if let Some(failure) = complaints::failure(&complaints) {
        bail!(failure);
    }
    for complaint in complaints {
        if remarks.len() < KEPT && !remarks.contains(&complaint.text) {
            remarks.push(complaint.text);
        }
    }
    Ok(())
}

fn said(what: &str) -> String {
    match complaints::failure(&complaints::take()) {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    }
}

fn creation_options(format: &str) -> &'static [&'static std::ffi::CStr] {
    match format {
        "ESRI Shapefile" => &[c"ENCODING=UTF-8", c"RESIZE=NO"],
        "FlatGeobuf" => &[c"SPATIAL_INDEX=YES"],
        _ => &[],
    }
}

fn shape(name: &str, has_z: bool) -> anyhow::Result<Shape::Type> {
    let flat = match name {
        "None" => return Ok(Shape::wkbNone),
        "Unknown" => Shape::wkbUnknown,
        "Point" => Shape::wkbPoint,
        "LineString" => Shape::wkbLineString,
        "MultiLineString" => Shape::wkbMultiLineString,
        "Polygon" => Shape::wkbPolygon,
        "MultiPolygon" => Shape::wkbMultiPolygon,
        other => bail!("{other} is no geometry type"),
    };
    // SAFETY: plain numbers.
    Ok(if has_z { unsafe { gdal_sys::OGR_GT_SetZ(flat) } } else { flat })
}

fn field_type(ty: FieldType) -> (Type::Type, Sub::Type) {
    match ty {
        FieldType::Bool => (Type::OFTInteger, Sub::OFSTBoolean),
        FieldType::Int => (Type::OFTInteger64, Sub::OFSTNone),
        FieldType::Real => (Type::OFTReal, Sub::OFSTNone),
        FieldType::Date => (Type::OFTDate, Sub::OFSTNone),
        FieldType::Instant => (Type::OFTDateTime, Sub::OFSTNone),
        FieldType::Text | FieldType::TimeOfDay | FieldType::Json | FieldType::Bytes => (Type::OFTString, Sub::OFSTNone),
    }
}

/// # Safety
/// `feature` is live and `i` is a column of its layer, of type `ty`.
unsafe fn set(feature: gdal_sys::OGRFeatureH, i: c_int, ty: FieldType, value: &Value) -> anyhow::Result<()> {
    // SAFETY: as the caller promises.
    unsafe {
        match (ty, value) {
            (_, Value::Null) => gdal_sys::OGR_F_SetFieldNull(feature, i),
            (FieldType::Bool, Value::Bool(b)) => gdal_sys::OGR_F_SetFieldInteger(feature, i, c_int::from(*b)),
            (FieldType::Int, Value::Int(n)) => gdal_sys::OGR_F_SetFieldInteger64(feature, i, *n),
            (FieldType::Real, Value::Real(x)) => gdal_sys::OGR_F_SetFieldDouble(feature, i, *x),
            (FieldType::Date | FieldType::Instant, Value::Text(text)) => {
                let full = if ty == FieldType::Date { format!("{text}T00:00:00Z") } else { text.clone() };
                let at: Timestamp = full.parse()?;
                let (y, mo, d) = at.date();
                let second = at.second_of_day();
                let millis = at.micros().rem_euclid(1_000_000) / 1000;
                let seconds = (second % 60) as f32 + millis as f32 / 1000.0;
                let (h, mi) = ((second / 3600) as c_int, (second / 60 % 60) as c_int);
                gdal_sys::OGR_F_SetFieldDateTimeEx(feature, i, y as c_int, mo as c_int, d as c_int, h, mi, seconds, 100);
            }
            (FieldType::Text | FieldType::TimeOfDay | FieldType::Json | FieldType::Bytes, Value::Text(text)) => {
                // A C string ends at a NUL.
                let end = text.find('\0').unwrap_or(text.len());
                let text = CString::new(&text[..end]).expect("cut before the first NUL");
                gdal_sys::OGR_F_SetFieldString(feature, i, text.as_ptr());
            }
            _ => bail!("{value:?} is not of its column's type"),
        }
    }
    Ok(())
}

/// Gives every vertex a height that is no number, so that it can stand among others that have heights.
fn no_heights(geometry: &mut Geometry) {
    geometry.has_z = true;
    geometry.for_each_vertex_mut(|p| p.z = f64::NAN);
}

/// A reference system with x = east or longitude first.
struct Srs(gdal_sys::OGRSpatialReferenceH);

impl Srs {
    /// From a code or WKT that PROJ knows, never from a file or an address.
    fn new(definition: &str) -> anyhow::Result<Self> {
        let proj = Proj::new();
        let wkt = proj.crs(definition).and_then(|crs| crs.wkt2()).with_context(|| format!("{definition} is no coordinate system"))?;
        let wkt = CString::new(wkt)?;
        // SAFETY: a terminated text that outlives the call; freed by `drop`.
        unsafe {
            let srs = Self(gdal_sys::OSRNewSpatialReference(ptr::null()));
            let mut text = wkt.as_ptr().cast_mut();
            if gdal_sys::OSRImportFromWkt(srs.0, &mut text) != OGRErr::OGRERR_NONE {
                bail!("{definition}: GDAL does not know this coordinate system");
            }
            gdal_sys::OSRSetAxisMappingStrategy(srs.0, gdal_sys::OSRAxisMappingStrategy::OAMS_TRADITIONAL_GIS_ORDER);
            Ok(srs)
        }
    }
}

impl Drop for Srs {
    fn drop(&mut self) {
        // SAFETY: ours; layers keep copies.
        unsafe { gdal_sys::OSRDestroySpatialReference(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_read() {
        assert_eq!(widths("10.0,24.15").unwrap(), [(10, 0), (24, 15)]);
        for bad in ["", "10", "10.x", "300.0", "-1.0"] {
            assert!(widths(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn geometry_types_by_name() {
        assert_eq!(shape("Point", false).unwrap(), Shape::wkbPoint);
        assert_eq!(shape("MultiPolygon", true).unwrap(), Shape::wkbMultiPolygon25D);
        assert_eq!(shape("None", true).unwrap(), Shape::wkbNone);
        assert!(shape("TIN", false).is_err());
    }
}
