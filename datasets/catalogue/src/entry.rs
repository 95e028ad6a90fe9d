//! How an entry is written in TOML, and how it becomes a class of the model.

use crate::{Catalogue, CatalogueError};
use citytwin_model::class::{
    Attribute, AttributeType, Class, ClassNo, CodeEntry, Domain, FIRST_OWN_CLASS, Form, GeometryKind, Group, Kept, Label, ObservedProperty,
    Symbol,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Last number that a city's file may give: those above are the store's own, for collections that `load --as` makes.
const LAST_OWN_CLASS: ClassNo = ClassNo(19_999);

/// Code lists and attributes that entries name instead of repeating them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    pub lists: BTreeMap<String, Vec<CodeEntry>>,
    pub attributes: BTreeMap<String, Attribute>,
    /// Runs of shared attributes under one name: what every asset has, every device, every pipe.
    pub common: BTreeMap<String, Vec<Attribute>>,
}

/// Who wrote the file: it decides which class numbers are free to it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    BuiltIn,
    City,
}

/// Adds one file's entries. References between classes are checked later, by [`check_references`].
pub(crate) fn add_file(catalogue: &mut Catalogue, name: &str, text: &str, origin: Origin) -> Result<(), CatalogueError> {
    let file: FileEntry = toml::from_str(text)
        .map_err(|error| CatalogueError::Toml { file: name.to_owned(), detail: error.to_string().trim().to_owned() })?;
    let refuse = |entry: String, problem: String| CatalogueError::Entry { file: name.to_owned(), entry, problem };
    for list in file.list {
        add_list(catalogue, &list).map_err(|problem| refuse(format!("code list `{}`", list.id), problem))?;
    }
    for shared in file.shared {
        add_shared(catalogue, &shared).map_err(|problem| refuse(format!("shared attribute `{}`", shared.id), problem))?;
    }
    for common in file.common {
        add_common(catalogue, &common).map_err(|problem| refuse(format!("common attributes `{}`", common.id), problem))?;
    }
    for [id, zh, en, unit] in file.properties {
        add_property(catalogue, &id, &zh, &en, &unit).map_err(|problem| refuse(format!("observed property `{id}`"), problem))?;
    }
    for entry in file.class {
        add_class(catalogue, &entry, origin).map_err(|problem| refuse(format!("class `{}`", entry.id), problem))?;
    }
    catalogue.classes.sort_by_key(|class| class.no);
    Ok(())
}

/// Classes may name each other across files, so this runs when all are there.
pub(crate) fn check_references(catalogue: &Catalogue) -> Result<(), CatalogueError> {
    for class in &catalogue.classes {
        let refuse =
            |problem: String| Err(CatalogueError::Entry { file: "catalogue".to_owned(), entry: format!("class `{}`", class.id), problem });
        for attribute in &class.attributes {
            if let AttributeType::Ref(targets) = &attribute.ty
                && let Some(missing) = targets.iter().find(|target| catalogue.class(target).is_none())
            {
                return refuse(format!("attribute `{}` refers to class `{missing}`, which does not exist", attribute.id));
            }
        }
        if let Some(missing) = class.observed.iter().find(|id| catalogue.property(id).is_none()) {
            return refuse(format!("observes `{missing}`, which is not an observed property"));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    #[serde(default)]
    list: Vec<ListEntry>,
    #[serde(default)]
    shared: Vec<AttributeEntry>,
    #[serde(default)]
    common: Vec<CommonEntry>,
    #[serde(default)]
    class: Vec<ClassEntry>,
    #[serde(default)]
    properties: Vec<[String; 4]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListEntry {
    id: String,
    values: Vec<[String; 3]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommonEntry {
    id: String,
    attributes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassEntry {
    id: String,
    no: u16,
    zh: String,
    en: String,
    domain: String,
    geometry: String,
    #[serde(default)]
    network: bool,
    kept: Option<String>,
    group: Option<String>,
    #[serde(default)]
    codes: Vec<[String; 2]>,
    symbol: SymbolEntry,
    form: Option<FormEntry>,
    #[serde(default)]
    observed: Vec<String>,
    #[serde(default)]
    shared: Vec<String>,
    #[serde(default)]
    attributes: Vec<AttributeEntry>,
    #[serde(default)]
    common: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SymbolEntry {
    colour: String,
    icon: Option<String>,
    min_zoom: u8,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum FormEntry {
    Tube { diameter_mm: String },
    Ribbon { width_m: String },
    Prism { height_m: String },
    Patch,
    Shaft { depth_m: String },
    Deck { width_m: String },
    Bore { width_m: String },
    Post { height_m: f64, radius_m: f64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeEntry {
    id: String,
    zh: String,
    en: String,
    #[serde(rename = "type")]
    ty: String,
    unit: Option<String>,
    list: Option<String>,
    #[serde(default)]
    refs: Vec<String>,
    range: Option<[f64; 2]>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    in_tiles: bool,
}

type Checked<T> = Result<T, String>;

fn add_list(catalogue: &mut Catalogue, list: &ListEntry) -> Checked<()> {
    check_id(&list.id)?;
    let mut values: Vec<CodeEntry> = Vec::new();
    for [value, zh, en] in &list.values {
        if value.is_empty() || values.iter().any(|known| known.value == *value) {
            return Err(format!("value `{value}` is empty or stands there twice"));
        }
        values.push(CodeEntry { value: value.clone(), label: label(zh, en).map_err(|problem| format!("value `{value}`: {problem}"))? });
    }
    if values.is_empty() {
        return Err("it has no values".to_owned());
    }
    insert_new(&mut catalogue.shared.lists, &list.id, values)
}

fn add_shared(catalogue: &mut Catalogue, entry: &AttributeEntry) -> Checked<()> {
    let attribute = attribute(&catalogue.shared, entry)?;
    insert_new(&mut catalogue.shared.attributes, &entry.id, attribute)
}

fn add_common(catalogue: &mut Catalogue, common: &CommonEntry) -> Checked<()> {
    check_id(&common.id)?;
    let attributes = common.attributes.iter().map(|id| shared_attribute(&catalogue.shared, id)).collect::<Checked<Vec<_>>>()?;
    insert_new(&mut catalogue.shared.common, &common.id, attributes)
}

fn shared_attribute(shared: &Shared, id: &str) -> Checked<Attribute> {
    shared.attributes.get(id).cloned().ok_or(format!("shared attribute `{id}` does not exist"))
}

fn add_property(catalogue: &mut Catalogue, id: &str, zh: &str, en: &str, unit: &str) -> Checked<()> {
    check_id(id)?;
    if catalogue.property(id).is_some() {
        return Err("it exists already".to_owned());
    }
    if unit.is_empty() {
        return Err("it has no unit".to_owned());
    }
    catalogue.properties.push(ObservedProperty { id: id.to_owned(), label: label(zh, en)?, unit: unit.to_owned() });
    Ok(())
}

fn add_class(catalogue: &mut Catalogue, entry: &ClassEntry, origin: Origin) -> Checked<()> {
    check_id(&entry.id)?;
    if let Some(prefix) = STORE_TABLES.iter().find(|prefix| entry.id.starts_with(**prefix)) {
        return Err(format!("names that begin with `{prefix}` are the store's own"));
    }
    let no = ClassNo(entry.no);
    match origin {
        Origin::City if no < FIRST_OWN_CLASS || no > LAST_OWN_CLASS => {
            return Err(format!("its number is {no}; a city's own classes have {FIRST_OWN_CLASS} to {LAST_OWN_CLASS}"));
        }
        Origin::BuiltIn if no >= FIRST_OWN_CLASS || entry.no == 0 => return Err(format!("its number is {no}; ours are 1 to 9999")),
        Origin::City | Origin::BuiltIn => {}
    }
    if catalogue.class(&entry.id).is_some() {
        return Err("it exists already".to_owned());
    }
    if let Some(other) = catalogue.classes.iter().find(|class| class.no == no) {
        return Err(format!("its number {no} belongs to `{}`", other.id));
    }
    let class = class(&catalogue.shared, entry)?;
    catalogue.classes.push(Arc::new(class));
    Ok(())
}

fn class(shared: &Shared, entry: &ClassEntry) -> Checked<Class> {
    let geometry = geometry_kind(&entry.geometry)?;
    let mut attributes: Vec<Attribute> = Vec::new();
    let named = entry.shared.iter().map(|id| shared_attribute(shared, id));
    let own = entry.attributes.iter().map(|own| attribute(shared, own).map_err(|problem| format!("attribute `{}`: {problem}", own.id)));
    let mut all: Vec<Attribute> = named.chain(own).collect::<Checked<_>>()?;
    // Last, so that what a class says of itself stands first, and a run that grows moves nothing.
    for id in &entry.common {
        all.extend_from_slice(shared.common.get(id).ok_or(format!("common attributes `{id}` do not exist"))?);
    }
    for next in all {
        if attributes.iter().any(|known| known.id == next.id) {
            return Err(format!("attribute `{}` stands there twice", next.id));
        }
        attributes.push(next);
    }
    let form = form(entry.form.as_ref(), geometry, &attributes)?;
    Ok(Class {
        no: ClassNo(entry.no),
        id: entry.id.clone(),
        label: label(&entry.zh, &entry.en)?,
        domain: Domain::from_id(&entry.domain).ok_or_else(|| unknown("domain", &entry.domain, Domain::ALL.map(Domain::id).as_slice()))?,
        geometry,
        network: entry.network,
        kept: kept(entry.kept.as_deref())?,
        codes: entry.codes.iter().map(|[standard, code]| (standard.clone(), code.clone())).collect(),
        attributes,
        symbol: Symbol {
            colour: colour(&entry.symbol.colour)?,
            icon: entry.symbol.icon.clone(),
            min_zoom: min_zoom(entry.symbol.min_zoom)?,
        },
        form,
        group: entry
            .group
            .as_deref()
            .map(|id| Group::from_id(id).ok_or_else(|| unknown("group", id, Group::ALL.map(Group::id).as_slice())))
            .transpose()?,
        observed: entry.observed.clone(),
    })
}

fn attribute(shared: &Shared, entry: &AttributeEntry) -> Checked<Attribute> {
    check_id(&entry.id)?;
    if STORE_COLUMNS.contains(&entry.id.as_str()) {
        return Err("the store keeps a column of this name for itself".to_owned());
    }
    let ty = attribute_type(shared, entry)?;
    let is_number = matches!(ty, AttributeType::Int | AttributeType::Real);
    let unit = match entry.unit.as_deref() {
        None | Some("") if is_number => {
            return Err("a number needs its unit (`count` if it has none, `own` if its feature names it)".to_owned());
        }
        Some(_) if !is_number => return Err("only numbers have a unit".to_owned()),
        None | Some("count" | "own") => None,
        Some(unit) => Some(unit.to_owned()),
    };
    let range = match entry.range {
        Some(_) if !is_number => return Err("only numbers have a range".to_owned()),
        Some([low, high]) if low < high => Some((low, high)),
        Some([low, high]) => return Err(format!("the range runs from {low} to {high}")),
        None => None,
    };
    let label = label(&entry.zh, &entry.en)?;
    Ok(Attribute { id: entry.id.clone(), label, ty, unit, required: entry.required, range, in_tiles: entry.in_tiles })
}

/// Columns that every class table has beside the attributes, and those of its history.
const STORE_COLUMNS: [&str; 6] = ["fid", "geom", "source", "other", "ct_from", "ct_to"];

/// Names that the store's own tables begin with: no class may look like one of them.
const STORE_TABLES: [&str; 5] = ["ct_", "h_", "rtree_", "gpkg_", "sqlite_"];

fn attribute_type(shared: &Shared, entry: &AttributeEntry) -> Checked<AttributeType> {
    if entry.list.is_some() != (entry.ty == "code") {
        return Err("`list` goes with type `code`, and only with it".to_owned());
    }
    if entry.refs.is_empty() == (entry.ty == "ref") {
        return Err("`refs` goes with type `ref`, and only with it".to_owned());
    }
    Ok(match entry.ty.as_str() {
        "bool" => AttributeType::Bool,
        "int" => AttributeType::Int,
        "real" => AttributeType::Real,
        "text" => AttributeType::Text,
        "date" => AttributeType::Date,
        "time" => AttributeType::Time,
        "code" => {
            let list = entry.list.as_deref().unwrap_or_default();
            AttributeType::Code(shared.lists.get(list).cloned().ok_or(format!("code list `{list}` does not exist"))?)
        }
        // A reference to anything is written as such, and held as a list that excludes nothing.
        "ref" if entry.refs == ["any"] => AttributeType::Ref(Vec::new()),
        "ref" => AttributeType::Ref(entry.refs.clone()),
        other => return Err(format!("type `{other}` is none of bool, int, real, text, date, time, code, ref")),
    })
}

/// A form takes its measures from attributes, so they must be there and be numbers.
fn form(entry: Option<&FormEntry>, geometry: GeometryKind, attributes: &[Attribute]) -> Checked<Form> {
    let measure = |id: &String| {
        let known = attributes
            .iter()
            .find(|attribute| attribute.id == *id)
            .ok_or(format!("its form measures by `{id}`, which is no attribute of it"))?;
        let is_number = matches!(known.ty, AttributeType::Int | AttributeType::Real);
        is_number.then(|| id.clone()).ok_or(format!("its form measures by `{id}`, which is no number"))
    };
    let (form, wanted) = match entry {
        None => return Ok(Form::None),
        Some(FormEntry::Tube { diameter_mm }) => (Form::Tube { diameter_mm: measure(diameter_mm)? }, GeometryKind::Line),
        Some(FormEntry::Ribbon { width_m }) => (Form::Ribbon { width_m: measure(width_m)? }, GeometryKind::Line),
        Some(FormEntry::Deck { width_m }) => (Form::Deck { width_m: measure(width_m)? }, GeometryKind::Line),
        Some(FormEntry::Bore { width_m }) => (Form::Bore { width_m: measure(width_m)? }, GeometryKind::Line),
        Some(FormEntry::Prism { height_m }) => (Form::Prism { height_m: measure(height_m)? }, GeometryKind::Area),
        Some(FormEntry::Patch) => (Form::Patch, GeometryKind::Area),
        Some(FormEntry::Shaft { depth_m }) => (Form::Shaft { depth_m: measure(depth_m)? }, GeometryKind::Point),
        Some(FormEntry::Post { height_m, radius_m }) if *height_m > 0.0 && *radius_m > 0.0 => {
            (Form::Post { height_m: *height_m, radius_m: *radius_m }, GeometryKind::Point)
        }
        Some(FormEntry::Post { .. }) => return Err("a post is higher and wider than nothing".to_owned()),
    };
    if geometry == wanted { Ok(form) } else { Err(format!("its form wants {wanted:?} geometry, it has {geometry:?}")) }
}

fn label(zh: &str, en: &str) -> Checked<Label> {
    if zh.trim().is_empty() || en.trim().is_empty() {
        return Err("it needs a name in both languages (zh, en)".to_owned());
    }
    Ok(Label::new(zh, en))
}

/// Ids are table and column names, URL parts and JSON keys, so they are plain: `water_pipe`.
fn check_id(id: &str) -> Checked<()> {
    let starts_well = id.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if starts_well && plain && id.len() <= 60 {
        Ok(())
    } else {
        Err("an id is lower-case letters, digits and `_`, a letter first".to_owned())
    }
}

fn insert_new<T>(map: &mut BTreeMap<String, T>, id: &str, value: T) -> Checked<()> {
    match map.insert(id.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err("it exists already".to_owned()),
    }
}

fn colour(text: &str) -> Checked<[u8; 3]> {
    let wrong = || format!("colour `{text}` is not of the form #rrggbb");
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit())).ok_or_else(wrong)?;
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| wrong());
    Ok([byte(0)?, byte(2)?, byte(4)?])
}

fn min_zoom(zoom: u8) -> Checked<u8> {
    if zoom <= 22 { Ok(zoom) } else { Err(format!("min_zoom {zoom} is beyond 22")) }
}

fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    format!("{what} `{found}` is none of {}", known.join(", "))
}

fn geometry_kind(text: &str) -> Checked<GeometryKind> {
    Ok(match text {
        "none" => GeometryKind::None,
        "point" => GeometryKind::Point,
        "line" => GeometryKind::Line,
        "area" => GeometryKind::Area,
        other => return Err(format!("geometry `{other}` is none of none, point, line, area")),
    })
}

fn kept(text: Option<&str>) -> Checked<Kept> {
    Ok(match text {
        None | Some("city") => Kept::City,
        Some("live") => Kept::Live,
        Some("terrain") => Kept::Terrain,
        Some(other) => return Err(format!("kept `{other}` is none of city, live, terrain")),
    })
}
