//! The verb `read`: a file's layers, feature by feature, onto the pipe.

use crate::clamped;
use crate::complaints;
use crate::crs::{self, Boxes, Extents, Said, Transform};
use crate::formats;
use crate::geometry;
use crate::gml;
use crate::layer::{IdSource, Layer, kinds_of};
use crate::mistyped::{self, Mistyped};
use crate::named::Named;
use crate::offer;
use crate::osm;
use crate::proj::Proj;
use crate::sequence;
use crate::survey::Survey;
use crate::values::{self, Texts};
use anyhow::Context;
use citytwin_datasets::formula::unguarded;
use citytwin_datasets::pipe::{
    Fail, Field, FieldType, Hello, LayerHeader, LayerSummary, MAX_FIELDS, Note, PROTOCOL, PipeWriter, Problem, RawFeature, VERSION, Wanted,
};
use citytwin_model::{Bounds, Value};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use gdal_sys::OGRwkbGeometryType as Type;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::ffi::{CString, c_int};
use std::io::{self, BufRead, Write};
use std::ptr;

#[derive(Default)]
pub struct ReadOptions {
    pub said: Said,
    /// Encoding of texts that are not UTF-8, where the operator names it.
    pub encoding: Option<String>,
    /// Wait for the parent's word on which layers to read.
    pub ask: bool,
    pub layers: Vec<String>,
    /// Walk the layer first for its exact extent.
    pub exact_extent: bool,
    /// Layers' heads, without their features.
    pub heads_only: bool,
}

/// `Ok(false)`: the file cannot be read, and the pipe says why.
pub fn read(named: &Named, options: &ReadOptions, remarks: &[Note], pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<bool> {
    if !named.is_folder && sequence::is_one(&named.path).unwrap_or(false) {
        return sequence::read(&named.path, options, remarks, pipe);
    }
    let source = Source { named, encoding: options.encoding.as_deref() };
    let (dataset, format) = match source.open() {
        Ok(opened) => opened,
        Err(why) => {
            pipe.hello(&hello(String::new(), Vec::new()))?;
            let key = formats::known_but_not_read(&named.path).unwrap_or("unreadable");
            pipe.fail(&Fail { key: key.into(), detail: why })?;
            return Ok(false);
        }
    };
    if format == "GPKG" && is_store(&dataset) {
        pipe.hello(&hello(String::new(), Vec::new()))?;
        pipe.fail(&Fail { key: "city_store".into(), detail: named.path.display().to_string() })?;
        return Ok(false);
    }
    let names: Vec<String> = layers_of(&dataset).iter().map(Layer::name).collect();
    pipe.hello(&hello(format.to_owned(), layers_of(&dataset).iter().map(Layer::summary).collect()))?;
    remarks.iter().try_for_each(|remark| pipe.note(remark))?;
    if named.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("shp")) && !named.has_sibling("dbf") {
        pipe.note(&Note { key: "dbf_missing".into(), detail: String::new() })?;
    }
    pipe.flush()?;

    let wanted = if options.ask {
        let mut line = String::new();
        crate::limits::watch(0);
        io::stdin().lock().read_line(&mut line)?;
        crate::limits::still_alive();
        serde_json::from_str::<Wanted>(&line).context("the parent's word on layers")?.layers
    } else {
        (0..names.len()).filter(|i| options.layers.is_empty() || options.layers.contains(&names[*i])).collect()
    };
    let proj = Proj::new();
    let no_number = if format == "GML" && !options.heads_only { gml::no_number(&named.path)? } else { None };
    for index in wanted {
        // An extract of OpenStreetMap is read once per layer, from its beginning: each pass keeps what its layer needs.
        let again = if format == "OSM" { Some(source.open_as("OSM").map_err(anyhow::Error::msg)?) } else { None };
        let dataset = again.as_ref().unwrap_or(&dataset);
        let layers = layers_of(dataset);
        let layer = layers.get(index).context("a layer that is not in the file")?;
        if again.is_some() {
            ask_for_one(dataset, layer);
        }
        let no_number = no_number.as_deref();
        if let Err(fail) = (Reading { layer, dataset, format, proj: &proj, options, no_number }).stream(pipe)? {
            pipe.layer_fail(&layer.name(), &fail)?;
        }
    }
    pipe.end()?;
    Ok(true)
}

pub fn hello(format: String, layers: Vec<LayerSummary>) -> Hello {
    let reader = format!("GDAL {}, PROJ {}", gdal::version::VersionInfo::release_name(), Proj::version());
    Hello { protocol: PROTOCOL.into(), version: VERSION, reader, format, layers }
}

/// More columns than a table of the store holds.
pub fn too_many_fields(detail: String) -> Fail {
    Fail { key: "too_many_fields".into(), detail }
}

struct Source<'a> {
    named: &'a Named,
    encoding: Option<&'a str>,
}

impl Source<'_> {
    /// One format after the other, each with its own options and no others.
    fn open(&self) -> Result<(Dataset, &'static str), String> {
        let formats: &[&'static str] = if self.named.is_folder { &formats::FOLDERS } else { &formats::VECTOR };
        let mut why = String::new();
        for format in formats {
            match self.open_as(format) {
                // A head that could not be read leaves a data set without a layer.
                Ok(dataset) if dataset.layer_count() == 0 => {
                    why = complaints::failure(&complaints::take()).unwrap_or_else(|| format!("{format}: no layer"));
                }
                Ok(dataset) => return Ok((dataset, format)),
                // A driver that knows the file but cannot read it says more than "not recognized".
                Err(said) if !said.contains("not recognized as") => why = said,
                Err(_) => {}
            }
        }
        Err(if why.is_empty() { format!("none of {}", formats.join(", ")) } else { why })
    }

    fn open_as(&self, format: &str) -> Result<Dataset, String> {
        let options = formats::open_options(format, &self.named.path, self.encoding);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let open_options = DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
            allowed_drivers: Some(&[format]),
            open_options: Some(&options),
            sibling_files: None,
        };
        Dataset::open_ex(&self.named.path, open_options)
            .map_err(|error| complaints::failure(&complaints::take()).unwrap_or_else(|| error.to_string()))
    }
}

fn layers_of(dataset: &Dataset) -> Vec<Layer> {
    // SAFETY: layers live as long as the dataset, which every caller keeps while it uses them.
    let handles = unsafe {
        (0..gdal_sys::GDALDatasetGetLayerCount(dataset.c_dataset())).map(|i| gdal_sys::GDALDatasetGetLayer(dataset.c_dataset(), i))
    };
    handles.filter(|handle| !handle.is_null()).map(|handle| Layer { handle }).collect()
}

/// Whether it is a city's own store, or a backup of one: its references are numbers that mean nothing elsewhere.
fn is_store(dataset: &Dataset) -> bool {
    let mut found = false;
    let asked =
        mistyped::each_row(dataset.c_dataset(), "SELECT 1 AS found FROM sqlite_master WHERE type='table' AND name='ct_head'", |_| {
            found = true
        });
    asked.is_ok() && found
}

/// Tells GDAL's reader of OpenStreetMap that nobody looks at the other layers.
fn ask_for_one(dataset: &Dataset, layer: &Layer) {
    let word = CString::new(format!("SET interest_layers = {}", layer.name())).expect("a fixed name");
    // SAFETY: a live dataset, a terminated text; this command has no result.
    unsafe { gdal_sys::GDALDatasetExecuteSQL(dataset.c_dataset(), word.as_ptr(), ptr::null_mut(), ptr::null()) };
}

/// One layer on its way to the pipe.
struct Reading<'a> {
    layer: &'a Layer,
    dataset: &'a Dataset,
    format: &'a str,
    proj: &'a Proj,
    options: &'a ReadOptions,
    /// What stands in the file for a coordinate and came out as 0.
    no_number: Option<&'a str>,
}

impl<'a> Reading<'a> {
    fn stream(&self, pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<Result<(), Fail>> {
        let (layer, options) = (self.layer, self.options);
        // SAFETY: a live layer.
        let mut fields = unsafe { values::fields(gdal_sys::OGR_L_GetLayerDefn(layer.handle)) };
        if fields.len() > MAX_FIELDS {
            return Ok(Err(too_many_fields(fields.len().to_string())));
        }
        let ids = IdSource::of(self.format, layer, &fields);
        let native: Vec<FieldType> = fields.iter().map(|f| f.ty).collect();
        let mistyped = match layer.fid_column().filter(|_| self.format == "GPKG" && !options.heads_only) {
            None => Mistyped::default(),
            Some(fid) => match mistyped::find(self.dataset.c_dataset(), layer, &fid, &mut fields) {
                Ok(mistyped) => mistyped,
                Err(fail) => return Ok(Err(fail)),
            },
        };
        match self.format {
            "OSM" => osm::announce(&mut fields),
            "CSV" => unguard_names(&mut fields),
            _ => {}
        }
        let has_geometry = layer.geometry_type() != Type::wkbNone;
        let declared = kinds_of(layer.geometry_type());
        let survey: OnceCell<Survey> = OnceCell::new();
        let walked = || survey.get_or_init(|| layer.survey(ids));
        if (has_geometry && (options.exact_extent || declared.len() > 1)) || ids.is_doubtful() {
            walked();
        }
        // What was not declared and does not occur is not there: a list of things without a place.
        let has_geometry = has_geometry && (declared.len() == 1 || walked().places);
        let turned = |b: Bounds| if options.said.swap_axes { offer::swapped(&b) } else { b };
        let transform = if has_geometry {
            let boxes = Boxes {
                announced: &|| turned(layer.announced_extent()),
                walked: &|| {
                    let Extents { whole, most, sample } = walked().extents.clone();
                    let sample = if options.said.swap_axes { sample.into_iter().map(|(x, y)| (y, x)).collect() } else { sample };
                    Extents { whole: turned(whole), most: turned(most), sample }
                },
            };
            match crs::choose(self.proj, layer.crs().as_deref(), &options.said, &boxes) {
                Ok(transform) => Some(transform),
                Err(fail) => return Ok(Err(fail)),
            }
        } else {
            None
        };
        let extent = transform.as_ref().and_then(|t| {
            let on_earth = |own: &Bounds| Some(t.bounds(&turned(*own))).filter(|b| !b.is_empty() && Bounds::WORLD.contains(b));
            let found = match survey.get() {
                None => on_earth(&layer.announced_extent()),
                Some(survey) => on_earth(&survey.extents.whole).or_else(|| on_earth(&survey.extents.most)),
            };
            found.map(|b| [b.west, b.south, b.east, b.north])
        });
        let broken = self.broken(survey.get());
        let own_ids = ids != IdSource::None && (!ids.is_doubtful() || survey.get().is_some_and(|s| s.unique_ids));
        pipe.layer(&LayerHeader {
            name: layer.name(),
            fields: fields.clone(),
            kinds: match (survey.get(), declared.len() > 1) {
                (Some(survey), true) => survey.kinds.clone(),
                _ => declared,
            },
            // SAFETY: a plain number in.
            has_z: has_geometry && unsafe { gdal_sys::OGR_GT_HasZ(layer.geometry_type()) } != 0,
            own_ids,
            features: layer.announced(),
            extent,
            crs: transform.as_ref().map(|t| t.used.clone()),
        })?;
        if !options.heads_only {
            let ids = if own_ids { ids } else { IdSource::None };
            self.stream_features(&fields, &native, mistyped, ids, transform.as_ref(), broken, pipe)?;
        }
        pipe.layer_end()?;
        Ok(Ok(()))
    }

    /// What was found to be wrong with the file before its features are read, where the driver says so only once.
    fn broken(&self, survey: Option<&Survey>) -> Option<String> {
        let opening = complaints::failure(&complaints::take());
        survey
            .and_then(|survey| survey.failure.clone())
            .or(opening)
            .filter(|_| ["GML", "GPX", "FlatGeobuf", "OpenFileGDB"].contains(&self.format))
    }

    /// A file whose head counts more records than it gave up: the rest of it is not there.
    fn lacks(&self, given: u64) -> Option<String> {
        let counted = self.layer.announced().filter(|_| ["FlatGeobuf", "OpenFileGDB"].contains(&self.format))?;
        (counted > given).then(|| format!("{given} / {counted}"))
    }

    #[allow(clippy::too_many_arguments, reason = "one layer's particulars, used once")]
    fn stream_features(
        &self,
        fields: &[Field],
        native: &[FieldType],
        mut mistyped: Mistyped,
        ids: IdSource,
        transform: Option<&Transform>,
        broken: Option<String>,
        pipe: &mut PipeWriter<impl Write>,
    ) -> anyhow::Result<()> {
        let mut buffer = Vec::new();
        let mut texts = Texts::new(self.options.encoding.as_deref());
        let tidy = Tidy::of(self.format, fields);
        let mut warnings: HashSet<String> = HashSet::new();
        let mut record = 0;
        complaints::take();
        // SAFETY: a live layer; each feature is freed before the next is asked for.
        unsafe { gdal_sys::OGR_L_ResetReading(self.layer.handle) };
        loop {
            record += 1;
            let Some(feature) = self.layer.next() else {
                let failure = complaints::failure(&complaints::take()).or(broken).or_else(|| self.lacks(record - 1));
                if let Some(detail) = failure {
                    let values = vec![Value::Null; fields.len()];
                    pipe.problem(&Problem { record, source_id: None, reason: "broke_off".into(), detail, values })?;
                }
                break;
            };
            let said = complaints::take();
            warnings.extend(said.iter().filter(|c| !c.failure).map(|c| c.text.clone()).take(50usize.saturating_sub(warnings.len())));
            let source_id = ids.id(&feature);
            texts.lost = false;
            // SAFETY: a live feature of this layer; indexes are its columns.
            let mut values: Vec<Value> =
                native.iter().enumerate().map(|(i, ty)| unsafe { values::value(feature.0, i as c_int, *ty, &mut texts) }).collect();
            tidy.values(&mut values);
            if !mistyped.is_empty() {
                // SAFETY: a live feature.
                let fid = unsafe { gdal_sys::OGR_F_GetFID(feature.0) };
                for (i, value) in values.iter_mut().enumerate() {
                    if let Some(odd) = mistyped.take(i, fid) {
                        *value = odd;
                    }
                }
            }
            let clamped = if clamped::is_of(self.format) { clamped::restore(&feature, fields, &mut values).err() } else { None };
            let mut refused = |reason: &str, detail: String, values: Vec<Value>| {
                pipe.problem(&Problem { record, source_id: source_id.clone(), reason: reason.into(), detail, values })
            };
            if texts.lost {
                refused("encoding", String::new(), values)?;
                continue;
            }
            if let Some(column) = clamped {
                refused("too_long_number", column, values)?;
                continue;
            }
            // SAFETY: a live feature; its geometry lives as long.
            let handle = unsafe { gdal_sys::OGR_F_GetGeometryRef(feature.0) };
            let mut raw = RawFeature { record, source_id: source_id.clone(), geometry: None, measures: Vec::new(), stroked: false, values };
            if let Some(transform) = transform {
                if handle.is_null() {
                    let unreadable =
                        complaints::failure(&said).or_else(|| feature.native_geometry_is_lost().then(|| "GDAL: null".to_owned()));
                    match unreadable {
                        Some(detail) => refused("unreadable_geometry", detail, raw.values)?,
                        None => refused("no_geometry", String::new(), raw.values)?,
                    }
                    continue;
                }
                // SAFETY: as above.
                match unsafe { geometry::take(handle, &mut buffer) } {
                    Err(geometry::Refused(reason, detail)) => {
                        refused(reason, detail, raw.values)?;
                        continue;
                    }
                    Ok(taken) if self.no_number.is_some() && taken.geometry.points().iter().any(|p| p.lon == 0.0 || p.lat == 0.0) => {
                        refused("not_finite", self.no_number.unwrap_or_default().to_owned(), raw.values)?;
                        continue;
                    }
                    Ok(mut taken) => {
                        if let Err(p) = transform.apply(&mut taken.geometry) {
                            refused("no_transformation", format!("{} {}", p.lon, p.lat), raw.values)?;
                            continue;
                        }
                        (raw.geometry, raw.measures, raw.stroked) = (Some(taken.geometry), taken.measures, taken.stroked);
                    }
                }
            }
            if !pipe.feature(&raw)? {
                let nothing = vec![Value::Null; fields.len()];
                pipe.problem(&Problem { record, source_id, reason: "too_large".into(), detail: String::new(), values: nothing })?;
            }
        }
        for detail in warnings {
            pipe.note(&Note { key: "reader_warned".into(), detail })?;
        }
        Ok(())
    }
}

/// Takes the guards off the heads of a table's columns; one stays where there is a column of the plain name.
fn unguard_names(fields: &mut [Field]) {
    for i in 0..fields.len() {
        let plain = unguarded(&fields[i].name).to_owned();
        if !fields.iter().any(|field| field.name == plain) {
            fields[i].name = plain;
        }
    }
}

/// What GDAL adds to a format's values, taken away again.
struct Tidy {
    /// OpenStreetMap's further tags, a list in GDAL's own writing.
    tags: Option<usize>,
    /// KML's switches, which GDAL sets to -1 where the file does not have them.
    switches: Vec<usize>,
    /// A table's texts, kept from being run by a spreadsheet.
    guarded: bool,
}

impl Tidy {
    fn of(format: &str, fields: &[Field]) -> Self {
        let switch = |f: &Field| ["tessellate", "extrude", "visibility"].contains(&f.name.as_str());
        let switches = if format == "LIBKML" { (0..fields.len()).filter(|i| switch(&fields[*i])).collect() } else { Vec::new() };
        Self { tags: fields.iter().position(osm::is_tags).filter(|_| format == "OSM"), switches, guarded: format == "CSV" }
    }

    fn values(&self, values: &mut [Value]) {
        if let Some(Value::Text(tags)) = self.tags.map(|i| &mut values[i]) {
            *tags = osm::tags(tags);
        }
        for i in &self.switches {
            if values[*i] == Value::Int(-1) {
                values[*i] = Value::Null;
            }
        }
        for value in values.iter_mut().filter(|_| self.guarded) {
            if let Value::Text(text) = value
                && unguarded(text).len() < text.len()
            {
                *text = unguarded(text).to_owned();
            }
        }
    }
}
