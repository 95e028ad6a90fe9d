//! Refused records: counted by reason, the first of them shown, all of them kept in a file that can be corrected.
//!
//! `refused/SOURCE.gpkg` in the city's folder has a layer per class with the records as they came, and beside their
//! own fields `ct_record`, `ct_reason`, `ct_remedy`, and `ct_source`, `ct_id`, by which the corrected record is known
//! again as part of its data set. What has no geometry that could be stored stands in `CLASS_without_place`.

use super::words;
use citytwin_assets::{Lang, say};
use citytwin_datasets::convert::convert;
use citytwin_datasets::fit::RECORD_COLUMNS;
use citytwin_datasets::own::{OwnAttribute, OwnSchema};
use citytwin_datasets::pipe::{Kind, LayerHeader};
use citytwin_datasets::{Reason, Skipped, shape};
use citytwin_model::{AttributeType, Class, Geometry, GeometryKind, Value};
use citytwin_store::gpkg::{LayerNo, Writer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Records shown one by one.
const SHOWN: usize = 20;

pub(super) struct Refusals {
    lang: Lang,
    path: PathBuf,
    source: String,
    zone_minutes: i32,
    /// Nothing is written in a dry run.
    keeps: bool,
    file: Option<File>,
    by_reason: BTreeMap<&'static str, (u64, Reason)>,
    shown: Vec<String>,
    pub total: u64,
}

struct File {
    writer: Writer,
    /// By layer and whether there is a geometry: its place in the file, and its class.
    layers: BTreeMap<(String, bool), (LayerNo, Class)>,
}

impl Refusals {
    pub fn new(lang: Lang, city: &Path, source: &str, zone_minutes: i32, keeps: bool) -> Self {
        let name: String = source.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        Self {
            lang,
            path: city.join("refused").join(format!("{name}.gpkg")),
            source: source.to_owned(),
            zone_minutes,
            keeps,
            file: None,
            by_reason: BTreeMap::new(),
            shown: Vec::new(),
            total: 0,
        }
    }

    /// `target` is the class that the record was meant for.
    pub fn add(&mut self, header: &LayerHeader, target: &Class, skipped: &Skipped, geometry: Option<&Geometry>) -> anyhow::Result<()> {
        self.total += 1;
        let count = self.by_reason.entry(skipped.reason.key()).or_insert_with(|| (0, skipped.reason.clone()));
        count.0 += 1;
        if self.shown.len() < SHOWN {
            let id = skipped.source_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
            self.shown.push(format!("  {} #{}{id}: {}", skipped.layer, skipped.record, words::reason(self.lang, &skipped.reason)));
        }
        if self.keeps { self.keep(header, target, skipped, geometry) } else { Ok(()) }
    }

    fn keep(&mut self, header: &LayerHeader, target: &Class, skipped: &Skipped, geometry: Option<&Geometry>) -> anyhow::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                std::fs::create_dir_all(self.path.parent().expect("a folder was joined"))?;
                self.file.insert(File { writer: Writer::create(&self.path)?, layers: BTreeMap::new() })
            }
        };
        let kind = match target.geometry {
            GeometryKind::None => None,
            GeometryKind::Point => Some(Kind::Point),
            GeometryKind::Line => Some(Kind::Line),
            GeometryKind::Area => Some(Kind::Area),
        };
        let loose = Class { network: false, ..target.clone() };
        let geometry = geometry.and_then(|g| shape::to_class(g.clone(), &loose).ok()).map(|(g, _)| g);
        let key = (skipped.layer.clone(), geometry.is_some());
        if !file.layers.contains_key(&key) {
            let taken = |name: &str| file.layers.values().any(|(_, class)| class.id == name);
            let base = if geometry.is_some() || kind.is_none() { target.id.clone() } else { format!("{}_without_place", target.id) };
            let name =
                (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}_{n}") }).find(|n| !taken(n)).expect("some number is free");
            let reserved: Vec<&str> = ["fid", "geom"].into_iter().chain(RECORD_COLUMNS).collect();
            let mut schema = OwnSchema::of(header, kind.filter(|_| geometry.is_some()), &reserved);
            schema.attributes.extend(RECORD_COLUMNS.map(|id| OwnAttribute { id: id.to_owned(), ty: AttributeType::Text }));
            let class = Class { label: target.label.clone(), ..schema.class(&name) };
            let layer = file.writer.layer(&class, header.has_z)?;
            file.layers.insert(key.clone(), (layer, class));
        }
        let (layer, class) = &file.layers[&key];
        let own =
            skipped.values.iter().zip(&class.attributes).map(|(value, a)| convert(value, &a.ty, self.zone_minutes).unwrap_or(Value::Null));
        let about: [Value; 5] = [
            self.source.clone().into(),
            skipped.source_id.clone().into(),
            skipped.record.to_string().into(),
            words::reason(self.lang, &skipped.reason).into(),
            words::remedy(self.lang, &skipped.reason).into(),
        ];
        let attributes: Vec<Value> = own.chain(about).collect();
        file.writer.add(*layer, geometry.as_ref(), &attributes)?;
        Ok(())
    }

    /// A summary by reason, the first records, and where all of them are. Puts the file in its place, or takes an older
    /// one away when this time nothing was refused (`loaded` is never touched).
    pub fn finish(mut self, loaded: &Path) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        for (count, reason) in self.by_reason.values() {
            let example = words::reason(self.lang, reason);
            let remedy = words::remedy(self.lang, reason);
            lines.push(say(self.lang, "load.refused_line", &[("count", count), ("reason", &example), ("remedy", &remedy)]));
        }
        lines.append(&mut self.shown);
        if self.total > SHOWN as u64 {
            lines.push(say(self.lang, "load.refused_more", &[("more", &(self.total - SHOWN as u64))]));
        }
        match self.file.take() {
            Some(file) => {
                file.writer.finish()?;
                lines.push(say(self.lang, "load.refused_file", &[("file", &self.path.display())]));
            }
            None if self.keeps && self.path.is_file() => {
                let same = std::fs::canonicalize(loaded).ok() == std::fs::canonicalize(&self.path).ok();
                if !same {
                    std::fs::remove_file(&self.path)?;
                }
            }
            None => {}
        }
        Ok(lines)
    }
}
