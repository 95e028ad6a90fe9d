//! What a load changed, as layers that a GIS opens: per class one as it is after the load, and one as it was before.

use super::interrupt::Interrupt;
use super::progress::{Progress, tell};
use crate::cli::Outcome;
use crate::target;
use anyhow::bail;
use citytwin_assets::{Lang, say};
use citytwin_model::class::Label;
use citytwin_model::{Attribute, AttributeType, Class, ClassNo, Feature, FeatureId, Value};
use citytwin_store::gpkg::{Heights, LayerNo, Writer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Columns that say what happened, before those of the class.
const ABOUT: [&str; 3] = ["ct_op", "ct_feature", "ct_changed"];

pub(super) fn write(city: &Path, id: i64, to: &Path, overwrite: bool, lang: Lang) -> anyhow::Result<Outcome> {
    target::is_free(to, overwrite).map_err(|unplaced| anyhow::Error::msg(unplaced.said(lang)))?;
    let store = crate::classes::open_to_read(city, lang)?;
    let interrupt = Interrupt::listen();
    let mut progress = Progress::of(lang, "export.progress");
    progress.layer(&to.file_name().unwrap_or_default().to_string_lossy(), None);
    let classes: BTreeMap<ClassNo, Arc<Class>> = store.classes().into_iter().map(|class| (class.no, class)).collect();
    let mut layers = Layers { writer: None, to: to.to_owned(), classes, of: BTreeMap::new() };
    let mut result = Ok(());
    store.load_changes(id, &mut |change| {
        progress.step();
        result = layers.add(change.id, change.before.as_ref(), change.after.as_ref());
        result.is_ok() && !interrupt.asked()
    })?;
    drop(progress);
    result?;
    // What was not finished goes with its writer.
    if interrupt.asked() {
        bail!(say(lang, "export.interrupted", &[]));
    }
    let Some(writer) = layers.writer.take() else {
        tell(&say(lang, "load.changes_empty", &[("id", &id)]));
        return Ok(Outcome::Done);
    };
    for (class, layer) in &layers.of {
        let [added, changed, deleted] = layer.counts;
        let values: [(&str, &dyn std::fmt::Display); 4] =
            [("class", &layers.classes[class].id), ("added", &added), ("changed", &changed), ("deleted", &deleted)];
        tell(&say(lang, "load.changes_line", &values));
    }
    writer.finish()?;
    tell(&say(lang, "load.changes_written", &[("id", &id), ("file", &to.display())]));
    Ok(Outcome::Done)
}

struct Layers {
    /// Made with the first change.
    writer: Option<Writer>,
    to: PathBuf,
    classes: BTreeMap<ClassNo, Arc<Class>>,
    of: BTreeMap<ClassNo, Layer>,
}

#[derive(Default)]
struct Layer {
    after: Option<LayerNo>,
    before: Option<LayerNo>,
    /// Added, changed, deleted.
    counts: [u64; 3],
}

impl Layers {
    fn add(&mut self, id: FeatureId, before: Option<&Feature>, after: Option<&Feature>) -> anyhow::Result<()> {
        // A class that is gone since has no columns to show.
        let Some(class) = self.classes.get(&id.class).cloned() else { return Ok(()) };
        let (op, at) = match (before, after) {
            (None, Some(_)) => ("added", 0),
            (Some(_), Some(_)) => ("changed", 1),
            (Some(_), None) => ("deleted", 2),
            (None, None) => return Ok(()),
        };
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(Writer::create(&self.to)?),
        };
        let layer = self.of.entry(id.class).or_default();
        layer.counts[at] += 1;
        let differing = if let (Some(before), Some(after)) = (before, after) { differing(&class, before, after) } else { String::new() };
        for (feature, suffix, place) in [(after, "", &mut layer.after), (before, "_before", &mut layer.before)] {
            let Some(feature) = feature else { continue };
            let no = match place {
                Some(no) => *no,
                None => *place.insert(writer.layer_with(&shown(&class, suffix), Heights::Some)?),
            };
            let about = [op.into(), format!("{}.{}", class.id, id.fid).into(), differing.clone().into()];
            let values = class.attributes.iter().zip(&feature.attributes).map(|(a, value)| self::value(&self.classes, a, value));
            let attributes: Vec<Value> = about.into_iter().chain(values).chain([feature.other.clone().into()]).collect();
            writer.add(no, feature.geometry.as_ref(), &attributes)?;
        }
        Ok(())
    }
}

/// The class as a layer of this file: what happened, its attributes, what it does not know.
fn shown(class: &Class, suffix: &str) -> Class {
    let text = |id: &str| Attribute {
        id: id.to_owned(),
        label: Label::new(id, id),
        ty: AttributeType::Text,
        unit: None,
        required: false,
        range: None,
        in_tiles: false,
    };
    let own = class.attributes.iter().map(|a| match a.ty {
        AttributeType::Ref(_) => Attribute { ty: AttributeType::Text, ..a.clone() },
        _ => a.clone(),
    });
    let attributes = ABOUT.map(text).into_iter().chain(own).chain([text("other")]).collect();
    Class { id: format!("{}{suffix}", class.id), attributes, ..class.clone() }
}

/// References as the public id of the feature that is meant.
fn value(classes: &BTreeMap<ClassNo, Arc<Class>>, attribute: &Attribute, value: &Value) -> Value {
    let AttributeType::Ref(_) = attribute.ty else { return value.clone() };
    match value.as_int().and_then(|wire| FeatureId::from_wire(wire as u64)) {
        Some(id) => classes.get(&id.class).map_or(Value::Null, |class| format!("{}.{}", class.id, id.fid).into()),
        None => value.clone(),
    }
}

/// Names of what is not as it was.
fn differing(class: &Class, before: &Feature, after: &Feature) -> String {
    let attributes = class.attributes.iter().zip(before.attributes.iter().zip(&after.attributes));
    let changed = attributes.filter(|(_, (before, after))| before != after).map(|(a, _)| a.id.as_str());
    let geometry = (before.geometry != after.geometry).then_some("geometry");
    let other = (before.other != after.other).then_some("other");
    changed.chain(geometry).chain(other).collect::<Vec<_>>().join(", ")
}
