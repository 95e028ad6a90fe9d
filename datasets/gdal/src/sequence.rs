//! Sequences of GeoJSON features, one a line or each behind a record separator (RFC 8142), read without GDAL.
//!
//! GDAL 3.6 takes texts that look like days for days, makes one list of numbers of another, and cannot be told not to:
//! `2026/11/21` as a code would come back as another text. Here every value is what the file says.

use crate::crs::{self, Boxes, Extents};
use crate::limits;
use crate::offer;
use crate::proj::Proj;
use crate::read::{ReadOptions, hello, too_many_fields};
use anyhow::Context;
use citytwin_datasets::pipe::{
    Field, FieldType, Kind, LayerFail, LayerHeader, LayerSummary, MAX_FIELDS, MAX_FRAME, Note, PipeWriter, Problem, RawFeature, Wanted,
};
use citytwin_model::geometry::{Geometry, Shape};
use citytwin_model::{Bounds, GeometryKind, Position, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

const SEPARATOR: u8 = 0x1e;
/// Endings that promise a sequence.
const ENDINGS: [&str; 5] = ["geojsonl", "geojsons", "geojsonseq", "ndjson", "jsonl"];
pub const FORMAT: &str = "GeoJSONSeq";
/// Records that are looked at to find out whether it is a sequence.
const LOOKED_AT: usize = 64;

/// Whether a file is a sequence of features: two of its first records are features, or one is and its name says so. Not the
/// very first ones: where those are damaged, they are to be named as such, and GDAL would leave them out in silence.
pub fn is_one(path: &Path) -> io::Result<bool> {
    let promised = path.extension().is_some_and(|e| ENDINGS.iter().any(|ending| e.eq_ignore_ascii_case(ending)));
    let mut records = Records::open(path)?;
    let mut missing = if promised { 1 } else { 2 };
    for _ in 0..LOOKED_AT {
        match records.next()? {
            Some(Record::Text(text)) => missing -= u8::from(serde_json::from_slice::<Feature>(&text).is_ok()),
            Some(Record::TooLong) => {}
            None => break,
        }
        if missing == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn read(path: &Path, options: &ReadOptions, remarks: &[Note], pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<bool> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    pipe.hello(&hello(FORMAT.into(), vec![LayerSummary { name: name.clone(), features: None, has_geometry: true, collection: None }]))?;
    remarks.iter().try_for_each(|remark| pipe.note(remark))?;
    pipe.flush()?;
    let wanted = if options.ask {
        let mut line = String::new();
        limits::watch(0);
        io::stdin().lock().read_line(&mut line)?;
        limits::still_alive();
        !serde_json::from_str::<Wanted>(&line).context("the parent's word on layers")?.layers.is_empty()
    } else {
        options.layers.is_empty() || options.layers.contains(&name)
    };
    if wanted && let Err(fail) = layer(path, &name, options, pipe)? {
        pipe.layer_fail(&fail.layer, &fail.fail)?;
    }
    pipe.end()?;
    Ok(true)
}

fn layer(path: &Path, name: &str, options: &ReadOptions, pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<Result<(), LayerFail>> {
    let survey = Survey::of(path)?;
    if survey.too_many_fields {
        return Ok(Err(LayerFail { layer: name.to_owned(), fail: too_many_fields(format!("> {MAX_FIELDS}")) }));
    }
    let proj = Proj::new();
    let own = if options.said.swap_axes { offer::swapped(&survey.bounds) } else { survey.bounds };
    let boxes = Boxes { announced: &|| own, walked: &|| Extents::of(own) };
    let transform = if survey.has_geometry {
        // RFC 7946: degrees of WGS 84, unless the operator knows better.
        match crs::choose(&proj, Some("EPSG:4326"), &options.said, &boxes) {
            Ok(transform) => Some(transform),
            Err(fail) => return Ok(Err(LayerFail { layer: name.to_owned(), fail })),
        }
    } else {
        None
    };
    let extent = transform.as_ref().map(|t| t.bounds(&own)).filter(|b| !b.is_empty() && Bounds::WORLD.contains(b));
    let fields: Vec<Field> = survey.fields.iter().map(|(name, seen)| Field { name: name.clone(), ty: seen.ty() }).collect();
    pipe.layer(&LayerHeader {
        name: name.to_owned(),
        fields: fields.clone(),
        kinds: survey.kinds.clone(),
        has_z: survey.has_z,
        own_ids: survey.unique_ids,
        features: Some(survey.records),
        extent: extent.map(|b| [b.west, b.south, b.east, b.north]),
        crs: transform.as_ref().map(|t| t.used.clone()),
    })?;
    if options.heads_only {
        pipe.layer_end()?;
        return Ok(Ok(()));
    }
    let places: HashMap<&str, usize> = fields.iter().enumerate().map(|(i, field)| (field.name.as_str(), i)).collect();
    let mut records = Records::open(path)?;
    let mut number = 0;
    while let Some(record) = records.next()? {
        number += 1;
        let mut values = vec![Value::Null; fields.len()];
        let mut source_id = None;
        let mut refused = |reason: &str, detail: String, values: Vec<Value>, source_id: Option<String>| {
            pipe.problem(&Problem { record: number, source_id, reason: reason.into(), detail, values })
        };
        let feature = match record {
            Record::TooLong => {
                refused("too_large", String::new(), values, None)?;
                continue;
            }
            Record::Text(text) => match serde_json::from_slice::<Feature>(&text) {
                Ok(feature) => feature,
                Err(error) => {
                    refused("unreadable_record", error.to_string(), values, None)?;
                    continue;
                }
            },
        };
        if let Some(id) = feature.id_text() {
            if matches!(feature.id, Some(Json::String(_)))
                && let Some(i) = places.get("id")
            {
                values[*i] = Value::Text(id.clone());
            }
            source_id = Some(id);
        }
        for (name, value) in &feature.properties.0 {
            if let Some(i) = places.get(name.as_str()) {
                values[*i] = value_of(value, fields[*i].ty);
            }
        }
        let mut raw = RawFeature { record: number, source_id, geometry: None, measures: Vec::new(), stroked: false, values };
        if let Some(transform) = &transform {
            match feature.geometry.as_ref().map(geometry) {
                None => {
                    refused("no_geometry", String::new(), raw.values, raw.source_id)?;
                    continue;
                }
                Some(Err((reason, detail))) => {
                    refused(reason, detail, raw.values, raw.source_id)?;
                    continue;
                }
                Some(Ok(mut geometry)) => {
                    if let Err(p) = transform.apply(&mut geometry) {
                        refused("no_transformation", format!("{} {}", p.lon, p.lat), raw.values, raw.source_id)?;
                        continue;
                    }
                    raw.geometry = Some(geometry);
                }
            }
        }
        if !pipe.feature(&raw)? {
            let nothing = vec![Value::Null; fields.len()];
            pipe.problem(&Problem {
                record: number,
                source_id: raw.source_id,
                reason: "too_large".into(),
                detail: String::new(),
                values: nothing,
            })?;
        }
    }
    pipe.layer_end()?;
    Ok(Ok(()))
}

/// The texts of a file, one after the other; none is held that is longer than a frame.
struct Records {
    input: BufReader<File>,
    end: u8,
    buffer: Vec<u8>,
}

enum Record {
    Text(Vec<u8>),
    TooLong,
}

impl Records {
    fn open(path: &Path) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(256 << 10, File::open(path)?);
        let head = input.fill_buf()?;
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        // Texts behind separators may have line ends in them.
        let separated = head.trim_ascii_start().first() == Some(&SEPARATOR);
        Ok(Self { input, end: if separated { SEPARATOR } else { b'\n' }, buffer: Vec::new() })
    }

    fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            self.buffer.clear();
            self.buffer.shrink_to(1 << 20);
            let read = self.input.by_ref().take(MAX_FRAME as u64).read_until(self.end, &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            if read == MAX_FRAME && self.buffer.last() != Some(&self.end) {
                self.skip()?;
                return Ok(Some(Record::TooLong));
            }
            let text = self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer);
            let text = text.strip_suffix(&[self.end]).unwrap_or(text).trim_ascii();
            if !text.is_empty() {
                return Ok(Some(Record::Text(text.to_vec())));
            }
        }
    }

    /// To the end of a record that is too long to hold.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            let read = self.input.by_ref().take(1 << 20).read_until(self.end, &mut self.buffer)?;
            limits::still_alive();
            if read == 0 || self.buffer.last() == Some(&self.end) {
                return Ok(());
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Feature {
    #[serde(rename = "type")]
    _type: IsFeature,
    #[serde(default)]
    id: Option<Json>,
    #[serde(default)]
    geometry: Option<Json>,
    #[serde(default)]
    properties: Properties,
}

impl Feature {
    fn id_text(&self) -> Option<String> {
        match self.id.as_ref()? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

#[derive(serde::Deserialize)]
enum IsFeature {
    Feature,
}

/// Members in the order of the file.
#[derive(Default)]
struct Properties(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Properties;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object or null")
            }
            fn visit_unit<E>(self) -> Result<Properties, E> {
                Ok(Properties::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Properties(members))
            }
        }
        deserializer.deserialize_any(Members)
    }
}

/// What a first walk finds: the columns, their types, and what kinds of places there are.
struct Survey {
    fields: Vec<(String, Seen)>,
    kinds: Vec<Kind>,
    has_z: bool,
    has_geometry: bool,
    bounds: Bounds,
    unique_ids: bool,
    records: u64,
    too_many_fields: bool,
}

/// Types that occur in a column.
#[derive(Clone, Copy, Default)]
struct Seen {
    bools: bool,
    ints: bool,
    /// Whole numbers that no float holds.
    big: bool,
    reals: bool,
    texts: bool,
    json: bool,
}

impl Seen {
    fn see(&mut self, value: &Json) {
        match value {
            Json::Null => {}
            Json::Bool(_) => self.bools = true,
            Json::Number(n) => match n.as_i64() {
                Some(n) => {
                    self.ints = true;
                    self.big |= n.unsigned_abs() > 1 << 53;
                }
                None if n.is_f64() => self.reals = true,
                None => self.json = true,
            },
            Json::String(_) => self.texts = true,
            Json::Array(_) | Json::Object(_) => self.json = true,
        }
    }

    fn ty(self) -> FieldType {
        match (self.json, self.texts, self.bools, self.ints, self.reals) {
            (true, ..) => FieldType::Json,
            (_, false, true, false, false) => FieldType::Bool,
            (_, false, false, true, false) => FieldType::Int,
            (_, false, false, ints, true) if !(ints && self.big) => FieldType::Real,
            _ => FieldType::Text,
        }
    }
}

impl Survey {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let mut survey = Self {
            fields: Vec::new(),
            kinds: Vec::new(),
            has_z: false,
            has_geometry: false,
            bounds: Bounds::EMPTY,
            unique_ids: true,
            records: 0,
            too_many_fields: false,
        };
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut ids: HashSet<u64> = HashSet::new();
        let mut id_column = false;
        let mut records = Records::open(path)?;
        while let Some(record) = records.next()? {
            survey.records += 1;
            if survey.records.is_multiple_of(4096) {
                limits::still_alive();
            }
            let Record::Text(text) = record else { continue };
            let Ok(feature) = serde_json::from_slice::<Feature>(&text) else { continue };
            survey.unique_ids &= feature.id_text().is_some_and(|id| {
                let mut hasher = DefaultHasher::new();
                id.hash(&mut hasher);
                ids.insert(hasher.finish())
            });
            id_column |= matches!(feature.id, Some(Json::String(_)));
            for (name, value) in &feature.properties.0 {
                let at = match places.get(name) {
                    Some(at) => *at,
                    None if survey.fields.len() < MAX_FIELDS - 1 => {
                        survey.fields.push((name.clone(), Seen::default()));
                        places.insert(name.clone(), survey.fields.len() - 1);
                        survey.fields.len() - 1
                    }
                    None => {
                        survey.too_many_fields = true;
                        return Ok(survey);
                    }
                };
                survey.fields[at].1.see(value);
            }
            if let Some(json) = &feature.geometry {
                survey.has_geometry = true;
                if let Ok(geometry) = geometry(json) {
                    let kind = match geometry.kind() {
                        GeometryKind::Line => Kind::Line,
                        GeometryKind::Area => Kind::Area,
                        GeometryKind::Point | GeometryKind::None => Kind::Point,
                    };
                    if !survey.kinds.contains(&kind) {
                        survey.kinds.push(kind);
                    }
                    survey.has_z |= geometry.has_z;
                    survey.bounds = survey.bounds.union(&geometry.bounds());
                }
            }
        }
        if id_column && !places.contains_key("id") {
            survey.fields.push(("id".to_owned(), Seen { texts: true, ..Seen::default() }));
        }
        survey.kinds.sort();
        Ok(survey)
    }
}

fn value_of(value: &Json, ty: FieldType) -> Value {
    match (ty, value) {
        (_, Json::Null) => Value::Null,
        (FieldType::Bool, Json::Bool(b)) => Value::Bool(*b),
        (FieldType::Int, Json::Number(n)) => n.as_i64().into(),
        (FieldType::Real, Json::Number(n)) => n.as_f64().into(),
        (_, Json::String(text)) => Value::Text(text.clone()),
        (_, other) => Value::Text(other.to_string()),
    }
}

type Refused = (&'static str, String);

fn geometry(json: &Json) -> Result<Geometry, Refused> {
    let name = json["type"].as_str().unwrap_or_default();
    let coordinates = &json["coordinates"];
    let mut heights = Heights::default();
    let shape = match name {
        "Point" => Shape::Point(position(coordinates, &mut heights)?),
        "LineString" => Shape::Line(list(coordinates, |c| position(c, &mut heights))?),
        "MultiPoint" => Shape::MultiPoint(list(coordinates, |c| position(c, &mut heights))?),
        "Polygon" => Shape::Polygon(lines(coordinates, &mut heights)?),
        "MultiLineString" => Shape::MultiLine(lines(coordinates, &mut heights)?),
        "MultiPolygon" => Shape::MultiPolygon(list(coordinates, |c| lines(c, &mut heights))?),
        "GeometryCollection" => match json["geometries"].as_array().map(Vec::as_slice) {
            // A collection of one is that one.
            Some([one]) if one["type"] != "GeometryCollection" => return geometry(one),
            Some([]) => return Err(("empty_geometry", String::new())),
            _ => return Err(("unsupported_geometry", name.to_owned())),
        },
        _ => return Err(("unsupported_geometry", name.chars().take(40).collect())),
    };
    let mut geometry = Geometry { shape, has_z: heights.some && !heights.lacking };
    if !geometry.has_z {
        geometry.for_each_vertex_mut(|p| p.z = 0.0);
    }
    Ok(geometry)
}

#[derive(Default)]
struct Heights {
    some: bool,
    lacking: bool,
}

fn list<T>(json: &Json, each: impl FnMut(&Json) -> Result<T, Refused>) -> Result<Vec<T>, Refused> {
    match json.as_array().map(Vec::as_slice) {
        Some([]) => Err(("empty_geometry", String::new())),
        Some(items) => items.iter().map(each).collect(),
        None => Err(unreadable(json)),
    }
}

fn lines(json: &Json, heights: &mut Heights) -> Result<Vec<Vec<Position>>, Refused> {
    list(json, |line| list(line, |c| position(c, heights)))
}

fn position(json: &Json, heights: &mut Heights) -> Result<Position, Refused> {
    let numbers = json.as_array().map_or(&[][..], Vec::as_slice);
    let number = |i: usize| numbers.get(i).and_then(Json::as_f64);
    match (number(0), number(1)) {
        (Some(x), Some(y)) => {
            let z = number(2);
            *(if z.is_some() { &mut heights.some } else { &mut heights.lacking }) = true;
            Ok(Position::new(x, y, z.unwrap_or(0.0)))
        }
        _ if numbers.is_empty() && json.is_array() => Err(("empty_geometry", String::new())),
        _ => Err(unreadable(json)),
    }
}

fn unreadable(json: &Json) -> Refused {
    ("unreadable_geometry", json.to_string().chars().take(60).collect())
}
