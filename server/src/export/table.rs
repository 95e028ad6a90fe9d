//! A class as a table: the columns that every format writes, and a feature as a row of them.
//!
//! Attributes come first, in the class's order: references as codes, code lists as their values. What the class does not
//! know becomes columns again where all its values are of one plain type; the rest stands together in `ct_other`, a JSON
//! object, by which a load has it back to the last letter.

use super::losses::{Loss, Losses};
use super::references::References;
use super::survey::{Extent, Survey, further, scalar};
use citytwin_assets::Lang;
use citytwin_datasets::fit::{OTHER_COLUMN, RECORD_COLUMNS};
use citytwin_model::class::{FIRST_OWN_CLASS, Label};
use citytwin_model::{AttributeType, Class, Feature, Fid, Geometry, GeometryKind, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Bool,
    Int,
    Real,
    Text,
    /// `2026-11-21`
    Date,
    /// RFC 3339 in UTC, milliseconds at the finest.
    Instant,
    /// A JSON object as text.
    Json,
}

pub struct Column {
    pub name: String,
    pub ty: ColumnType,
    pub label: Label,
    pub unit: Option<String>,
    /// Values that it may have, each with what it means.
    pub codes: Vec<(String, Label)>,
    pub extent: Extent,
    source: Source,
}

enum Source {
    Attribute(usize),
    /// What the value of a code list means, for people.
    Meaning(usize, Lang),
    Further,
    Rest,
}

pub struct Table {
    pub class: Arc<Class>,
    pub columns: Vec<Column>,
    pub survey: Survey,
    /// Two features of one code are looked for: only where several sources are mixed.
    codes: Option<BTreeSet<u64>>,
}

pub struct Row {
    pub fid: Fid,
    pub geometry: Option<Geometry>,
    /// One for each column.
    pub values: Vec<Value>,
}

/// Names in small letters that no further attribute may have as a column: those of the key and the geometry in some
/// format, and of what a load takes for remarks on a record.
const RESERVED: [&str; 3] = ["fid", "geom", "ogc_fid"];
/// More columns than this are nobody's table; SQLite's own limit is 2 000.
const COLUMNS: usize = 1_000;
const NAME_BYTES: usize = 100;
/// Room for the codes of other features, whose lengths no survey of this class has seen.
const CODE_BYTES: usize = 100;

impl Table {
    /// `reserved`: names that the format needs itself. `meanings`: a column more for each code list, in that language.
    pub fn of(class: &Arc<Class>, survey: Survey, reserved: &[&str], meanings: Option<Lang>) -> Self {
        let mut columns = Vec::new();
        let mut taken: BTreeSet<String> = RESERVED.iter().chain(&RECORD_COLUMNS).chain(reserved).map(|name| name.to_lowercase()).collect();
        taken.insert(OTHER_COLUMN.to_owned());
        taken.extend(class.attributes.iter().map(|a| a.id.to_lowercase()));
        for (i, attribute) in class.attributes.iter().enumerate() {
            let mut extent = survey.attributes[i].clone();
            if let AttributeType::Ref(_) = attribute.ty {
                extent.bytes = extent.bytes.max(CODE_BYTES);
            }
            columns.push(Column {
                name: attribute.id.clone(),
                ty: column_type(&attribute.ty, &extent),
                label: attribute.label.clone(),
                unit: attribute.unit.clone(),
                codes: match &attribute.ty {
                    AttributeType::Code(entries) => entries.iter().map(|e| (e.value.clone(), e.label.clone())).collect(),
                    _ => Vec::new(),
                },
                extent,
                source: Source::Attribute(i),
            });
            let name = format!("{}_label", attribute.id);
            if let (AttributeType::Code(entries), Some(lang)) = (&attribute.ty, meanings)
                && taken.insert(name.to_lowercase())
            {
                let bytes = entries.iter().map(|e| e.label.zh.len().max(e.label.en.len())).max().unwrap_or(0);
                columns.push(plain_column(name, ColumnType::Text, Extent { bytes, ..Extent::default() }, Source::Meaning(i, lang)));
            }
        }
        let mut rest = false;
        // A load makes every column of a collection of its own an attribute: what was none stays together.
        let own = class.no >= FIRST_OWN_CLASS;
        for (name, (ty, extent)) in &survey.other {
            let fits = name.len() <= NAME_BYTES && !name.is_empty() && name.trim() == name && !name.chars().any(char::is_control);
            match ty {
                Some(ty) if fits && !own && columns.len() < COLUMNS && taken.insert(name.to_lowercase()) => {
                    columns.push(plain_column(name.clone(), *ty, extent.clone(), Source::Further));
                }
                _ => rest = true,
            }
        }
        if rest {
            columns.push(plain_column(OTHER_COLUMN.to_owned(), ColumnType::Json, Extent::default(), Source::Rest));
        }
        let codes = (survey.is_mixed() && class.attribute_index("code").is_some()).then(BTreeSet::new);
        Self { class: class.clone(), columns, survey, codes }
    }

    /// `None` for what cannot be written, which is counted.
    pub fn row(&mut self, feature: Feature, references: &mut References, losses: &mut Losses) -> Option<Row> {
        let class = self.class.clone();
        let id = || format!("{}.{}", class.id, feature.id.fid);
        if feature.geometry.is_none() && class.geometry != GeometryKind::None {
            losses.note(Loss::NoPlace, id);
            return None;
        }
        if let Some(codes) = &mut self.codes
            && let Some(code) = feature.text(&class, "code").filter(|code| !code.is_empty())
            && !codes.insert(hash(code))
        {
            losses.note(Loss::CodeTwice, id);
        }
        let mut other = further(&feature).unwrap_or_else(|| {
            losses.note(Loss::OtherUnreadable, id);
            Default::default()
        });
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let value = match &column.source {
                Source::Attribute(i) => match (&class.attributes[*i].ty, &feature.attributes[*i]) {
                    (AttributeType::Ref(_), value @ Value::Int(_)) => references.code(value, losses, id),
                    (_, value) => value.clone(),
                },
                Source::Meaning(i, lang) => meaning(&class.attributes[*i].ty, &feature.attributes[*i], *lang),
                // Of the column's type or not there: the survey has seen every value.
                Source::Further => other.remove(&column.name).and_then(|value| scalar(&value)).map_or(Value::Null, |(_, value)| value),
                Source::Rest if other.is_empty() => Value::Null,
                Source::Rest => Value::Text(Json::Object(std::mem::take(&mut other)).to_string()),
            };
            if value.as_text().is_some_and(|text| text.contains('\0')) {
                losses.note(Loss::Nul, id);
            }
            values.push(value);
        }
        Some(Row { fid: feature.id.fid, geometry: feature.geometry, values })
    }

    pub fn id(&self, row: &Row) -> String {
        format!("{}.{}", self.class.id, row.fid)
    }
}

fn plain_column(name: String, ty: ColumnType, extent: Extent, source: Source) -> Column {
    Column { label: Label::new(&name, &name), name, ty, unit: None, codes: Vec::new(), extent, source }
}

fn column_type(ty: &AttributeType, extent: &Extent) -> ColumnType {
    match ty {
        AttributeType::Bool => ColumnType::Bool,
        AttributeType::Int => ColumnType::Int,
        AttributeType::Real => ColumnType::Real,
        AttributeType::Date => ColumnType::Date,
        // Other programs' instants end at the millisecond.
        AttributeType::Time if !extent.micros => ColumnType::Instant,
        AttributeType::Time | AttributeType::Text | AttributeType::Code(_) | AttributeType::Ref(_) => ColumnType::Text,
    }
}

fn meaning(ty: &AttributeType, value: &Value, lang: Lang) -> Value {
    let (AttributeType::Code(entries), Value::Text(code)) = (ty, value) else { return Value::Null };
    let label = |l: &Label| if lang == Lang::Zh { l.zh.clone() } else { l.en.clone() };
    entries.iter().find(|e| e.value == *code).map(|e| label(&e.label)).into()
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
