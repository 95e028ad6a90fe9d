//! The verb `read`: a file's layers, feature by feature, onto the pipe.

use crate::complaints;
use crate::crs::{self, Extents, Said, Transform};
use crate::formats;
use crate::geometry;
use crate::mistyped::{self, Mistyped};
use crate::proj::Proj;
use crate::values;
use anyhow::Context;
use citytwin_datasets::pipe::{
    Fail, FieldType, Hello, Kind, LayerHeader, LayerSummary, Note, PROTOCOL, PipeWriter, Problem, RawFeature, VERSION, Wanted,
};
use citytwin_model::{Bounds, Value};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use gdal_sys::{OGREnvelope, OGRFeatureH, OGRLayerH, OGRwkbGeometryType as Type};
use std::collections::HashSet;
use std::ffi::{CStr, CString, c_int};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::ptr;

pub struct ReadOptions {
    pub said: Said,
    /// Wait for the parent's word on which layers to read.
    pub ask: bool,
    pub layers: Vec<String>,
    /// Walk the layer first for its exact extent.
    pub exact_extent: bool,
    /// Layers' heads, without their features.
    pub heads_only: bool,
}

/// `Ok(false)`: the file cannot be read, and the pipe says why.
pub fn read(path: &Path, options: &ReadOptions, pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<bool> {
    let dataset = match open(path) {
        Ok(dataset) => dataset,
        Err(why) => {
            pipe.hello(&hello(String::new(), Vec::new()))?;
            pipe.fail(&Fail { key: "unreadable".into(), detail: why })?;
            return Ok(false);
        }
    };
    let format = dataset.driver().short_name();
    // SAFETY: layers live as long as the dataset, which outlives this function's use of them.
    let layers: Vec<OGRLayerH> = unsafe {
        (0..gdal_sys::GDALDatasetGetLayerCount(dataset.c_dataset()))
            .map(|i| gdal_sys::GDALDatasetGetLayer(dataset.c_dataset(), i))
            .collect()
    };
    let layers: Vec<Layer> = layers.into_iter().filter(|handle| !handle.is_null()).map(|handle| Layer { handle }).collect();
    pipe.hello(&hello(format.clone(), layers.iter().map(Layer::summary).collect()))?;
    pipe.flush()?;

    let wanted = if options.ask {
        let mut line = String::new();
        crate::limits::watch(0);
        io::stdin().lock().read_line(&mut line)?;
        serde_json::from_str::<Wanted>(&line).context("the parent's word on layers")?.layers
    } else {
        (0..layers.len()).filter(|i| options.layers.is_empty() || options.layers.contains(&layers[*i].name())).collect()
    };
    let proj = Proj::new();
    for index in wanted {
        let layer = layers.get(index).context("a layer that is not in the file")?;
        if let Err(fail) = layer.stream(&dataset, &format, &proj, options, pipe)? {
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

fn open(path: &Path) -> Result<Dataset, String> {
    let opened = |drivers: &[&str], options: &[&str]| {
        let open_options = DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
            allowed_drivers: Some(drivers),
            open_options: Some(options),
            sibling_files: None,
        };
        Dataset::open_ex(path, open_options).map_err(|error| complaints::failure(&complaints::take()).unwrap_or_else(|| error.to_string()))
    };
    // One format after the other, each with its own options and no others.
    let mut why = String::new();
    for format in formats::VECTOR {
        match opened(&[format], formats::open_options(format)) {
            Ok(dataset) => {
                return Ok(dataset);
            }
            // A driver that knows the file but cannot read it says more than "not recognized".
            Err(said) if !said.contains("not recognized as") => why = said,
            Err(_) => {}
        }
    }
    Err(if why.is_empty() { format!("none of {}", formats::VECTOR.join(", ")) } else { why })
}

pub struct Layer {
    handle: OGRLayerH,
}

/// What a first walk over a layer finds.
struct Survey {
    /// In the layer's own units; empty when no vertex was seen.
    extents: Extents,
    kinds: Vec<Kind>,
    unique_ids: bool,
}

impl Layer {
    pub fn name(&self) -> String {
        // SAFETY: a terminated string that lives as long as the layer.
        unsafe { CStr::from_ptr(gdal_sys::OGR_L_GetName(self.handle)) }.to_string_lossy().into_owned()
    }

    /// The table's key, where it has one.
    fn fid_column(&self) -> Option<String> {
        // SAFETY: a live layer; the name lives as long.
        let column = unsafe { CStr::from_ptr(gdal_sys::OGR_L_GetFIDColumn(self.handle)) }.to_string_lossy().into_owned();
        (!column.is_empty()).then_some(column)
    }

    /// As announced, without counting.
    fn announced(&self) -> Option<u64> {
        // SAFETY: a live layer.
        u64::try_from(unsafe { gdal_sys::OGR_L_GetFeatureCount(self.handle, 0) }).ok()
    }

    fn geometry_type(&self) -> Type::Type {
        // SAFETY: a live layer.
        unsafe { gdal_sys::OGR_L_GetGeomType(self.handle) }
    }

    fn summary(&self) -> LayerSummary {
        LayerSummary { name: self.name(), features: self.announced(), has_geometry: self.geometry_type() != Type::wkbNone }
    }

    /// WKT of the layer's own system; `None` where it has none worth the name.
    fn crs(&self) -> Option<String> {
        // SAFETY: a live layer; the reference belongs to it; the exported text is freed.
        unsafe {
            let srs = gdal_sys::OGR_L_GetSpatialRef(self.handle);
            if srs.is_null() {
                return None;
            }
            let name = gdal_sys::OSRGetName(srs);
            if !name.is_null() && CStr::from_ptr(name).to_string_lossy().to_lowercase().starts_with("undefined") {
                return None; // GeoPackage's srs_id 0 and -1
            }
            let options = [c"FORMAT=WKT2_2019".as_ptr(), ptr::null()];
            let mut text = ptr::null_mut();
            gdal_sys::OSRExportToWktEx(srs, &mut text, options.as_ptr());
            let wkt = (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned());
            gdal_sys::VSIFree(text.cast());
            wkt.filter(|wkt| !wkt.is_empty())
        }
    }

    fn stream(
        &self,
        dataset: &Dataset,
        format: &str,
        proj: &Proj,
        options: &ReadOptions,
        pipe: &mut PipeWriter<impl Write>,
    ) -> anyhow::Result<Result<(), Fail>> {
        // SAFETY: a live layer.
        let mut fields = unsafe { values::fields(gdal_sys::OGR_L_GetLayerDefn(self.handle)) };
        let native: Vec<FieldType> = fields.iter().map(|f| f.ty).collect();
        let mistyped = match self.fid_column().filter(|_| format == "GPKG") {
            None => Mistyped::default(),
            Some(fid) => match mistyped::find(dataset.c_dataset(), self, &fid, &mut fields) {
                Ok(mistyped) => mistyped,
                Err(fail) => return Ok(Err(fail)),
            },
        };
        let has_geometry = self.geometry_type() != Type::wkbNone;
        let declared = kinds_of(self.geometry_type());
        let ids = match format {
            "GPKG" if self.fid_column().is_some() => IdSource::Fid,
            "GeoJSON" => IdSource::Native,
            _ => IdSource::None,
        };

        let mut survey: Option<Survey> = None;
        if (has_geometry && (options.exact_extent || declared.len() > 1)) || ids == IdSource::Native {
            survey = Some(self.survey(ids));
        }
        let transform = if has_geometry {
            let crs = self.crs();
            match crs::choose(proj, crs.as_deref(), &options.said, || survey.get_or_insert_with(|| self.survey(ids)).extents) {
                Ok(transform) => Some(transform),
                Err(fail) => return Ok(Err(fail)),
            }
        } else {
            None
        };
        let extent = transform.as_ref().and_then(|t| {
            let on_earth = |own: &Bounds| Some(t.bounds(own)).filter(|b| !b.is_empty() && Bounds::WORLD.contains(b));
            let found = match &survey {
                None => on_earth(&self.announced_extent()),
                Some(survey) => on_earth(&survey.extents.whole).or_else(|| on_earth(&survey.extents.most)),
            };
            found.map(|b| [b.west, b.south, b.east, b.north])
        });
        let own_ids = match ids {
            IdSource::None => false,
            IdSource::Fid => true,
            IdSource::Native => survey.as_ref().is_some_and(|s| s.unique_ids),
        };
        pipe.layer(&LayerHeader {
            name: self.name(),
            fields: fields.clone(),
            kinds: match (&survey, declared.len() > 1) {
                (Some(survey), true) => survey.kinds.clone(),
                _ => declared,
            },
            // SAFETY: a plain number in.
            has_z: has_geometry && unsafe { gdal_sys::OGR_GT_HasZ(self.geometry_type()) } != 0,
            own_ids,
            features: self.announced(),
            extent,
            crs: transform.as_ref().map(|t| t.used.clone()),
        })?;
        if options.heads_only {
            pipe.layer_end()?;
            return Ok(Ok(()));
        }
        let ids = if own_ids { ids } else { IdSource::None };
        self.stream_features(&native, mistyped, ids, transform.as_ref(), pipe)?;
        pipe.layer_end()?;
        Ok(Ok(()))
    }

    fn stream_features(
        &self,
        fields: &[FieldType],
        mut mistyped: Mistyped,
        ids: IdSource,
        transform: Option<&Transform>,
        pipe: &mut PipeWriter<impl Write>,
    ) -> anyhow::Result<()> {
        let mut buffer = Vec::new();
        let mut lossy = false;
        let mut warnings: HashSet<String> = HashSet::new();
        let mut record = 0;
        complaints::take();
        // SAFETY: a live layer; each feature is freed before the next is asked for.
        unsafe { gdal_sys::OGR_L_ResetReading(self.handle) };
        loop {
            record += 1;
            let Some(feature) = self.next() else {
                if let Some(detail) = complaints::failure(&complaints::take()) {
                    let values = vec![Value::Null; fields.len()];
                    pipe.problem(&Problem { record, source_id: None, reason: "broke_off".into(), detail, values })?;
                }
                break;
            };
            let said = complaints::take();
            warnings.extend(said.iter().filter(|c| !c.failure).map(|c| c.text.clone()).take(50usize.saturating_sub(warnings.len())));
            let source_id = ids.id(&feature);
            // SAFETY: a live feature of this layer; indexes are its columns.
            let mut values: Vec<Value> =
                fields.iter().enumerate().map(|(i, ty)| unsafe { values::value(feature.0, i as c_int, *ty, &mut lossy) }).collect();
            if !mistyped.is_empty() {
                // SAFETY: a live feature.
                let fid = unsafe { gdal_sys::OGR_F_GetFID(feature.0) };
                for (i, value) in values.iter_mut().enumerate() {
                    if let Some(odd) = mistyped.take(i, fid) {
                        *value = odd;
                    }
                }
            }
            let mut refused = |reason: &str, detail: String, values: Vec<Value>| {
                pipe.problem(&Problem { record, source_id: source_id.clone(), reason: reason.into(), detail, values })
            };
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
        if lossy {
            pipe.note(&Note { key: "text_not_utf8".into(), detail: self.name() })?;
        }
        Ok(())
    }

    fn next(&self) -> Option<Feature> {
        // SAFETY: a live layer; the feature is ours.
        let feature = unsafe { gdal_sys::OGR_L_GetNextFeature(self.handle) };
        (!feature.is_null()).then_some(Feature(feature))
    }

    fn announced_extent(&self) -> Bounds {
        let mut e = OGREnvelope { MinX: 0.0, MaxX: 0.0, MinY: 0.0, MaxY: 0.0 };
        // SAFETY: a live layer and a place for the answer.
        let known = unsafe { gdal_sys::OGR_L_GetExtent(self.handle, &mut e, 0) } == gdal_sys::OGRErr::OGRERR_NONE;
        if known { Bounds::new(e.MinX, e.MinY, e.MaxX, e.MaxY) } else { Bounds::EMPTY }
    }

    /// Walks the layer once for what its head cannot be trusted with.
    fn survey(&self, ids: IdSource) -> Survey {
        let nothing = Extents { whole: Bounds::EMPTY, most: Bounds::EMPTY };
        let mut survey = Survey { extents: nothing, kinds: Vec::new(), unique_ids: true };
        let mut centres = Centres::default();
        let mut seen: HashSet<u64> = HashSet::new();
        // SAFETY: a live layer and its definition; names are copied; geometries live as long as their feature.
        unsafe {
            let defn = gdal_sys::OGR_L_GetLayerDefn(self.handle);
            let names: Vec<CString> = (0..gdal_sys::OGR_FD_GetFieldCount(defn))
                .map(|i| CStr::from_ptr(gdal_sys::OGR_Fld_GetNameRef(gdal_sys::OGR_FD_GetFieldDefn(defn, i))).to_owned())
                .collect();
            let mut ignored: Vec<_> = names.iter().map(|n| n.as_ptr()).chain([ptr::null()]).collect();
            gdal_sys::OGR_L_SetIgnoredFields(self.handle, ignored.as_mut_ptr());
            gdal_sys::OGR_L_ResetReading(self.handle);
            let mut walked = 0u32;
            while let Some(feature) = self.next() {
                walked += 1;
                if walked.is_multiple_of(4096) {
                    crate::limits::still_alive();
                }
                if ids == IdSource::Native && survey.unique_ids {
                    survey.unique_ids = ids.id(&feature).is_some_and(|id| {
                        let mut hasher = DefaultHasher::new();
                        id.hash(&mut hasher);
                        seen.insert(hasher.finish())
                    });
                }
                let geometry = gdal_sys::OGR_F_GetGeometryRef(feature.0);
                if geometry.is_null() || gdal_sys::OGR_G_IsEmpty(geometry) != 0 {
                    continue;
                }
                for kind in kinds_of(gdal_sys::OGR_G_GetGeometryType(geometry)) {
                    if !survey.kinds.contains(&kind) && !is_collection(geometry) {
                        survey.kinds.push(kind);
                    }
                }
                let mut e = OGREnvelope { MinX: 0.0, MaxX: 0.0, MinY: 0.0, MaxY: 0.0 };
                gdal_sys::OGR_G_GetEnvelope(geometry, &mut e);
                if [e.MinX, e.MinY, e.MaxX, e.MaxY].iter().all(|x| x.is_finite()) {
                    let envelope = Bounds::new(e.MinX, e.MinY, e.MaxX, e.MaxY);
                    survey.extents.whole = survey.extents.whole.union(&envelope);
                    centres.add(envelope);
                }
            }
            gdal_sys::OGR_L_SetIgnoredFields(self.handle, ptr::null_mut());
        }
        survey.extents.most = centres.most();
        survey.kinds.sort();
        complaints::take();
        survey
    }
}

/// Where records lie: an even sample of their middles, however many there are.
#[derive(Default)]
struct Centres {
    seen: usize,
    /// One in so many is kept, as a power of two.
    every: u32,
    kept: Vec<(f64, f64)>,
}

impl Centres {
    const MOST: usize = 8192;

    fn add(&mut self, envelope: Bounds) {
        if self.seen.is_multiple_of(1 << self.every) {
            let centre = envelope.centre();
            self.kept.push((centre.lon, centre.lat));
            if self.kept.len() == Self::MOST {
                self.every += 1;
                let mut i = 0;
                self.kept.retain(|_| {
                    i += 1;
                    i % 2 == 1
                });
            }
        }
        self.seen += 1;
    }

    /// The box of what lies within three times the quartiles' distance of them: what belongs together, and not what
    /// lies nowhere.
    fn most(mut self) -> Bounds {
        let mut range = |of: fn(&(f64, f64)) -> f64| {
            self.kept.sort_by(|a, b| of(a).total_cmp(&of(b)));
            let n = self.kept.len();
            let (low, high) = (of(self.kept.get(n / 4)?), of(self.kept.get(n - 1 - n / 4)?));
            let near = |x: f64| low - 3.0 * (high - low) <= x && x <= high + 3.0 * (high - low);
            let inside = self.kept.iter().map(of).filter(|x| near(*x));
            Some(inside.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x))))
        };
        match (range(|c| c.0), range(|c| c.1)) {
            (Some((west, east)), Some((south, north))) => Bounds::new(west, south, east, north),
            _ => Bounds::EMPTY,
        }
    }
}

unsafe fn is_collection(geometry: gdal_sys::OGRGeometryH) -> bool {
    // SAFETY: a live geometry.
    unsafe { gdal_sys::OGR_GT_Flatten(gdal_sys::OGR_G_GetGeometryType(geometry)) == Type::wkbGeometryCollection }
}

/// The kinds that a geometry type stands for; all of them when it does not say.
fn kinds_of(ty: Type::Type) -> Vec<Kind> {
    // SAFETY: a plain number in.
    match unsafe { gdal_sys::OGR_GT_Flatten(ty) } {
        Type::wkbPoint | Type::wkbMultiPoint => vec![Kind::Point],
        Type::wkbLineString
        | Type::wkbMultiLineString
        | Type::wkbCircularString
        | Type::wkbCompoundCurve
        | Type::wkbMultiCurve
        | Type::wkbCurve => {
            vec![Kind::Line]
        }
        Type::wkbPolygon | Type::wkbMultiPolygon | Type::wkbCurvePolygon | Type::wkbMultiSurface | Type::wkbSurface => vec![Kind::Area],
        Type::wkbNone => vec![],
        _ => vec![Kind::Point, Kind::Line, Kind::Area],
    }
}

/// Where a feature's own id is found, if the format has such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdSource {
    None,
    /// The primary key of a table.
    Fid,
    /// GeoJSON's `id` member; GDAL makes up others where it is missing or double, so the record itself is asked.
    Native,
}

impl IdSource {
    fn id(self, feature: &Feature) -> Option<String> {
        match self {
            Self::None => None,
            // SAFETY: a live feature.
            Self::Fid => Some(unsafe { gdal_sys::OGR_F_GetFID(feature.0) }.to_string()),
            Self::Native => match feature.native()?.id? {
                serde_json::Value::String(text) => Some(text),
                serde_json::Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
        }
    }
}

struct Feature(OGRFeatureH);

#[derive(serde::Deserialize)]
struct Native {
    id: Option<serde_json::Value>,
    #[serde(default)]
    geometry: Option<serde::de::IgnoredAny>,
}

impl Feature {
    /// The record as it stands in a GeoJSON file.
    fn native(&self) -> Option<Native> {
        // SAFETY: a live feature; the text lives as long.
        let text = unsafe {
            let text = gdal_sys::OGR_F_GetNativeData(self.0);
            (!text.is_null()).then(|| CStr::from_ptr(text))
        }?;
        serde_json::from_slice(text.to_bytes()).ok()
    }

    /// The record has a geometry, but GDAL could make nothing of it.
    fn native_geometry_is_lost(&self) -> bool {
        self.native().is_some_and(|native| native.geometry.is_some())
    }
}

impl Drop for Feature {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { gdal_sys::OGR_F_Destroy(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_of_most_is_not_moved_by_a_wild_record() {
        let mut centres = Centres::default();
        for i in 0..100_000 {
            let (x, y) = (116.0 + f64::from(i % 100) * 1e-3, 30.0 + f64::from(i % 77) * 1e-3);
            centres.add(Bounds::new(x, y, x, y));
        }
        centres.add(Bounds::new(5e5, 3e6, 5e5, 3e6));
        assert!(centres.kept.len() < Centres::MOST);
        let most = centres.most();
        assert!(most.west >= 116.0 && most.east < 116.1 && most.south >= 30.0 && most.north < 30.08, "{most:?}");
    }

    #[test]
    fn few_records_have_a_box_too() {
        let points = |at: &[f64]| {
            let mut centres = Centres::default();
            at.iter().for_each(|x| centres.add(Bounds::new(*x, 30.0, *x, 30.0)));
            centres.most()
        };
        assert!(points(&[]).is_empty());
        assert_eq!(points(&[116.0]), Bounds::new(116.0, 30.0, 116.0, 30.0));
        assert_eq!(points(&[116.0, 116.2]), Bounds::new(116.0, 30.0, 116.2, 30.0));
    }
}
