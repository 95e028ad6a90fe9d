//! A layer and its records, as GDAL holds them.

use citytwin_datasets::pipe::{Field, Kind, LayerSummary};
use citytwin_model::Bounds;
use gdal_sys::{OGREnvelope, OGRFeatureH, OGRLayerH, OGRwkbGeometryType as Type};
use std::ffi::{CStr, c_int};
use std::ptr;

/// Lives as long as the data set that it belongs to.
pub struct Layer {
    pub handle: OGRLayerH,
}

impl Layer {
    pub fn name(&self) -> String {
        // SAFETY: a terminated string that lives as long as the layer.
        unsafe { CStr::from_ptr(gdal_sys::OGR_L_GetName(self.handle)) }.to_string_lossy().into_owned()
    }

    /// The table's key, where it has one.
    pub fn fid_column(&self) -> Option<String> {
        // SAFETY: a live layer; the name lives as long.
        let column = unsafe { CStr::from_ptr(gdal_sys::OGR_L_GetFIDColumn(self.handle)) }.to_string_lossy().into_owned();
        (!column.is_empty()).then_some(column)
    }

    /// As announced, without counting.
    pub fn announced(&self) -> Option<u64> {
        // SAFETY: a live layer.
        u64::try_from(unsafe { gdal_sys::OGR_L_GetFeatureCount(self.handle, 0) }).ok()
    }

    pub fn geometry_type(&self) -> Type::Type {
        // SAFETY: a live layer.
        unsafe { gdal_sys::OGR_L_GetGeomType(self.handle) }
    }

    pub fn summary(&self) -> LayerSummary {
        LayerSummary {
            name: self.name(),
            features: self.announced(),
            has_geometry: self.geometry_type() != Type::wkbNone,
            collection: self.collection(),
        }
    }

    /// As an export of ours marks it.
    fn collection(&self) -> Option<String> {
        // SAFETY: a live layer; the text belongs to it.
        let text = unsafe {
            let text = gdal_sys::GDALGetMetadataItem(self.handle.cast(), c"CITYTWIN_COLLECTION".as_ptr(), ptr::null());
            (!text.is_null()).then(|| CStr::from_ptr(text))
        }?;
        Some(text.to_string_lossy().into_owned())
    }

    /// WKT of the layer's own system; `None` where it has none worth the name.
    pub fn crs(&self) -> Option<String> {
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

    pub fn next(&self) -> Option<Feature> {
        // SAFETY: a live layer; the feature is ours.
        let feature = unsafe { gdal_sys::OGR_L_GetNextFeature(self.handle) };
        (!feature.is_null()).then_some(Feature(feature))
    }

    pub fn announced_extent(&self) -> Bounds {
        let mut e = OGREnvelope { MinX: 0.0, MaxX: 0.0, MinY: 0.0, MaxY: 0.0 };
        // SAFETY: a live layer and a place for the answer.
        let known = unsafe { gdal_sys::OGR_L_GetExtent(self.handle, &mut e, 0) } == gdal_sys::OGRErr::OGRERR_NONE;
        if known { Bounds::new(e.MinX, e.MinY, e.MaxX, e.MaxY) } else { Bounds::EMPTY }
    }
}

/// The kinds that a geometry type stands for; all of them when it does not say.
pub fn kinds_of(ty: Type::Type) -> Vec<Kind> {
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
pub enum IdSource {
    None,
    /// The primary key of a table.
    Fid,
    /// GeoJSON's `id` member; GDAL makes up others where it is missing or double, so the record itself is asked.
    Native,
    /// A column that ought to be an id: GML's `gml:id`.
    Column(c_int),
    /// OpenStreetMap's number, and of what it is one.
    Osm(&'static str),
}

impl IdSource {
    pub fn of(format: &str, layer: &Layer, fields: &[Field]) -> Self {
        let column = |name: &str| fields.iter().position(|f| f.name == name).map(|i| i as c_int);
        match format {
            "GPKG" | "OpenFileGDB" if layer.fid_column().is_some() => Self::Fid,
            "GeoJSON" => Self::Native,
            "GML" => column("gml_id").map_or(Self::None, Self::Column),
            "OSM" => match layer.name().as_str() {
                "points" => Self::Osm("node"),
                "lines" => Self::Osm("way"),
                _ => Self::Osm("relation"),
            },
            _ => Self::None,
        }
    }

    /// Whether only a walk tells if no two records share one.
    pub fn is_doubtful(self) -> bool {
        matches!(self, Self::Native | Self::Column(_))
    }

    pub fn id(self, feature: &Feature) -> Option<String> {
        match self {
            Self::None => None,
            // SAFETY: a live feature.
            Self::Fid => Some(unsafe { gdal_sys::OGR_F_GetFID(feature.0) }.to_string()),
            Self::Native => match feature.native()?.id? {
                serde_json::Value::String(text) => Some(text),
                serde_json::Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
            Self::Column(i) => feature.text(i),
            // An area's number stands in the second column where it is a closed way.
            Self::Osm(of) => feature.text(0).map(|no| format!("{of}/{no}")).or_else(|| feature.text(1).map(|no| format!("way/{no}"))),
        }
    }
}

pub struct Feature(pub OGRFeatureH);

#[derive(serde::Deserialize)]
struct Native {
    id: Option<serde_json::Value>,
    #[serde(default)]
    geometry: Option<serde::de::IgnoredAny>,
}

/// Asked for only where a number is doubtful.
#[derive(serde::Deserialize)]
struct NativeProperties {
    #[serde(default)]
    properties: serde_json::Map<String, serde_json::Value>,
}

impl Feature {
    /// A column's text; `None` where it is null or empty.
    fn text(&self, i: c_int) -> Option<String> {
        // SAFETY: a live feature, a column of its layer; the text is copied.
        unsafe {
            if gdal_sys::OGR_F_IsFieldSetAndNotNull(self.0, i) == 0 {
                return None;
            }
            let text = CStr::from_ptr(gdal_sys::OGR_F_GetFieldAsString(self.0, i)).to_string_lossy().into_owned();
            (!text.is_empty()).then_some(text)
        }
    }

    /// The record as it stands in a GeoJSON file.
    fn native(&self) -> Option<Native> {
        serde_json::from_slice(self.native_text()?.to_bytes()).ok()
    }

    fn native_text(&self) -> Option<&CStr> {
        // SAFETY: a live feature; the text lives as long.
        unsafe {
            let text = gdal_sys::OGR_F_GetNativeData(self.0);
            (!text.is_null()).then(|| CStr::from_ptr(text))
        }
    }

    /// A number as it stands in a GeoJSON file.
    pub fn native_number(&self, name: &str) -> Option<serde_json::Number> {
        match serde_json::from_slice::<NativeProperties>(self.native_text()?.to_bytes()).ok()?.properties.remove(name)? {
            serde_json::Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The record has a geometry, but GDAL could make nothing of it.
    pub fn native_geometry_is_lost(&self) -> bool {
        self.native().is_some_and(|native| native.geometry.is_some())
    }
}

impl Drop for Feature {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { gdal_sys::OGR_F_Destroy(self.0) }
    }
}
