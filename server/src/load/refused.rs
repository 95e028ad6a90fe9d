//! Refused records: counted by reason, the first of them shown, all of them kept in a file that can be corrected.
//!
//! `refused/SOURCE.gpkg` in the city's folder has a layer per class with the records as they came, with the geometry that
//! they had or with none, and beside their own fields `ct_record`, `ct_reason`, `ct_remedy`, and `ct_source`, `ct_id`, by
//! which the corrected record is known again as part of its data set. What somebody has corrected in such a file and not
//! loaded yet is never written over: then the next one gets a number.

use super::{hash, words};
use citytwin_assets::{Lang, say};
use citytwin_datasets::convert::convert;
use citytwin_datasets::fit::RECORD_COLUMNS;
use citytwin_datasets::own::{OwnAttribute, OwnSchema};
use citytwin_datasets::pipe::{Kind, LayerHeader};
use citytwin_datasets::{Reason, Skipped};
use citytwin_model::{AttributeType, Class, ClassNo, Geometry, GeometryKind, Value};
use citytwin_store::gpkg::{LayerNo, Writer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Records shown one by one.
const SHOWN: usize = 20;

pub(super) struct Refusals {
    lang: Lang,
    path: PathBuf,
    /// The file being loaded, where it is itself one of refused records.
    corrected: Option<PathBuf>,
    source: String,
    zone_minutes: i32,
    /// Nothing is written in a dry run.
    keeps: bool,
    file: Option<File>,
    by_reason: BTreeMap<&'static str, (u64, Reason)>,
    shown: Vec<String>,
    pub total: u64,
    /// By the class that the records were meant for.
    pub by_class: BTreeMap<ClassNo, u64>,
}

struct File {
    writer: Writer,
    /// By layer of the source.
    layers: BTreeMap<String, Layer>,
}

struct Layer {
    no: LayerNo,
    class: Class,
    /// Places of the record's own columns; a record that was refused before brings remarks along, which are written anew.
    own: Vec<usize>,
    /// Place of the column that names the record's data set.
    source: Option<usize>,
}

impl Refusals {
    pub fn new(lang: Lang, city: &Path, source: &str, loaded: &Path, zone_minutes: i32, keeps: bool) -> anyhow::Result<Self> {
        let folder = city.join("refused");
        let loaded = std::fs::canonicalize(loaded).ok();
        let corrected = loaded.clone().filter(|loaded| std::fs::canonicalize(&folder).is_ok_and(|folder| loaded.parent() == Some(&folder)));
        Ok(Self {
            lang,
            path: place(&folder, source, loaded.as_deref())?,
            corrected,
            source: source.to_owned(),
            zone_minutes,
            keeps,
            file: None,
            by_reason: BTreeMap::new(),
            shown: Vec::new(),
            total: 0,
            by_class: BTreeMap::new(),
        })
    }

    /// `target` is the class that the record was meant for.
    pub fn add(&mut self, header: &LayerHeader, target: &Class, skipped: &Skipped, geometry: Option<&Geometry>) -> anyhow::Result<()> {
        self.total += 1;
        *self.by_class.entry(target.no).or_default() += 1;
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
        if !file.layers.contains_key(&skipped.layer) {
            let taken = |name: &str| file.layers.values().any(|layer| layer.class.id == name);
            let base = &target.id;
            let name =
                (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}_{n}") }).find(|n| !taken(n)).expect("some number is free");
            let of_record = |i: &usize| !RECORD_COLUMNS.contains(&header.fields[*i].name.as_str());
            let own: Vec<usize> = (0..header.fields.len()).filter(of_record).collect();
            let fields = own.iter().map(|i| header.fields[*i].clone()).collect();
            let mut schema = OwnSchema::of(&LayerHeader { fields, ..header.clone() }, kind, &["fid", "geom"]);
            schema.attributes.extend(RECORD_COLUMNS.map(|id| OwnAttribute { id: id.to_owned(), ty: AttributeType::Text }));
            let class = Class { label: target.label.clone(), ..schema.class(&name) };
            let no = file.writer.loose_layer(&class)?;
            let source = header.fields.iter().position(|f| f.name == RECORD_COLUMNS[0]);
            file.layers.insert(skipped.layer.clone(), Layer { no, class, own, source });
        }
        let layer = &file.layers[&skipped.layer];
        let own = layer.own.iter().zip(&layer.class.attributes);
        let own = own.map(|(i, a)| convert(&skipped.values[*i], &a.ty, self.zone_minutes).unwrap_or(Value::Null));
        let source = layer.source.map(|i| skipped.values[i].clone()).filter(|source| !source.is_null());
        let about: [Value; 5] = [
            source.unwrap_or_else(|| self.source.clone().into()),
            skipped.source_id.clone().into(),
            skipped.record.to_string().into(),
            words::reason(self.lang, &skipped.reason).into(),
            words::remedy(self.lang, &skipped.reason).into(),
        ];
        let attributes: Vec<Value> = own.chain(about).collect();
        file.writer.add(layer.no, geometry.filter(|_| kind.is_some()), &attributes)?;
        Ok(())
    }

    /// The records of a load that was broken off are refused again when it is run again.
    pub fn discard(mut self) {
        self.file = None;
        let mut part = self.path.into_os_string();
        part.push(".part");
        let _ = std::fs::remove_file(part);
    }

    /// A summary by reason, the first records, and where all of them are. Puts the file in its place, or takes an older
    /// one away when this time nothing was refused (the file that was loaded is never touched).
    pub fn finish(mut self) -> anyhow::Result<Vec<String>> {
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
                note(&self.path)?;
                lines.push(say(self.lang, "load.refused_file", &[("file", &self.path.display())]));
            }
            None if self.keeps && self.path.is_file() => {
                std::fs::remove_file(&self.path)?;
                let _ = std::fs::remove_file(note_path(&self.path));
            }
            None => {}
        }
        // All that was corrected in it is in the city, or in the file just written.
        if let Some(loaded) = self.corrected.filter(|_| self.keeps) {
            note(&loaded)?;
        }
        Ok(lines)
    }
}

/// `SOURCE.gpkg`, or with a number behind it where the file being loaded is that one, or where somebody has changed it since
/// it was written: what stands in it and is not in the city yet must not be lost.
fn place(folder: &Path, source: &str, loaded: Option<&Path>) -> anyhow::Result<PathBuf> {
    let name: String = source.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    for n in 1.. {
        let path = folder.join(if n == 1 { format!("{name}.gpkg") } else { format!("{name}_{n}.gpkg") });
        let is_loaded = loaded.is_some() && std::fs::canonicalize(&path).ok().as_deref() == loaded;
        if !is_loaded && (!path.exists() || is_as_written(&path)?) {
            return Ok(path);
        }
    }
    unreachable!("some number is free")
}

/// Nobody has changed the file since its note was written. One without a note may have been.
fn is_as_written(path: &Path) -> anyhow::Result<bool> {
    // Another program's changes may stand beside it.
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).metadata().is_ok_and(|log| log.len() > 0) {
        return Ok(false);
    }
    let Ok(noted) = std::fs::read_to_string(note_path(path)) else { return Ok(false) };
    Ok(noted.trim() == hash::of_file(path)?)
}

/// Remembers what stands in the file now.
fn note(path: &Path) -> anyhow::Result<()> {
    Ok(std::fs::write(note_path(path), hash::of_file(path)?)?)
}

/// `.SOURCE.gpkg.sha256` beside it.
fn note_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.sha256"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corrected_file_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let file = |name: &str| root.join(name);
        std::fs::write(file("a_b.gpkg"), "x").unwrap();
        let placed = |loaded: Option<&Path>| place(&root, "a/b", loaded).unwrap();
        assert_eq!(placed(None), file("a_b_2.gpkg"), "nobody knows what is in it");
        note(&file("a_b.gpkg")).unwrap();
        assert_eq!(placed(None), file("a_b.gpkg"));
        assert_eq!(placed(Some(&file("a_b.gpkg"))), file("a_b_2.gpkg"), "while it is loaded");
        std::fs::write(file("a_b.gpkg-wal"), "open in a GIS").unwrap();
        assert_eq!(placed(None), file("a_b_2.gpkg"));
        std::fs::write(file("a_b.gpkg-wal"), "").unwrap();
        std::fs::write(file("a_b.gpkg"), "corrected").unwrap();
        std::fs::write(file("a_b_2.gpkg"), "corrected too").unwrap();
        assert_eq!(placed(None), file("a_b_3.gpkg"));
    }
}
