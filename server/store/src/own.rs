//! Collections of the city's own (`load --as NAME`): classes that no catalogue knows, numbered from 20 000.

use crate::error::{BadName, Result, StoreError};
use crate::schema;
use crate::store::{Store, begin_write};
use crate::stranger;
use citytwin_model::class::{Form, Label, Symbol};
use citytwin_model::{Attribute, AttributeType, Class, ClassNo, Domain, GeometryKind, Kept};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Below are the numbers that a city's own file of classes may give, 10 000 to 19 999; the catalogue keeps it to them. So
/// the file may be written after a collection was made.
const FIRST_NO: u16 = 20_000;

/// What a new collection holds: its label, the kind of its geometry, and its attributes with their plain types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectionSchema {
    /// As people call it; the name itself where the source says nothing.
    pub label: String,
    pub geometry: Kind,
    pub attributes: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    None,
    Point,
    Line,
    Area,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub id: String,
    #[serde(rename = "type")]
    pub ty: FieldType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    Bool,
    Int,
    Real,
    Text,
    Date,
    Time,
}

impl Store {
    /// The city's own collection of this name: made if it is new, given further columns if the schema has them.
    /// Its geometry stays what it was. A catalogue class of that name is refused: load into the class instead.
    pub fn own_collection(&self, name: &str, wanted: &CollectionSchema) -> Result<Arc<Class>> {
        check_name(name)?;
        check_fields(wanted)?;
        let mut conn = self.writer();
        let tx = begin_write(&mut conn)?;
        let known = read_all(&tx)?.into_iter().find(|class| class.id == name);
        let class = match known {
            None => {
                let taken = tx.prepare("SELECT 1 FROM sqlite_master WHERE lower(name)=lower(?1)")?.exists([name])?;
                if taken {
                    let stranger = stranger::list(&tx)?.iter().any(|other| other.eq_ignore_ascii_case(name));
                    return Err(StoreError::CollectionName(name.into(), if stranger { BadName::Stranger } else { BadName::Taken }));
                }
                let class = Arc::new(new_class(&tx, name, wanted)?);
                schema::create_class(&tx, &class, Some(&entry_text(wanted)))?;
                class
            }
            Some(class) => {
                if kind_of(wanted.geometry) != class.geometry {
                    return Err(StoreError::CollectionName(name.into(), BadName::OtherGeometry));
                }
                let new: Vec<&Field> =
                    wanted.attributes.iter().filter(|f| !class.attributes.iter().any(|a| a.id.eq_ignore_ascii_case(&f.id))).collect();
                if new.is_empty() {
                    return Ok(Arc::new(class));
                }
                let mut grown = class;
                let first_new = grown.attributes.len();
                grown.attributes.extend(new.into_iter().map(attribute_of));
                let grown = Arc::new(grown);
                let missing: Vec<usize> = (first_new..grown.attributes.len()).collect();
                schema::add_columns(&tx, &grown, &missing)?;
                tx.execute("UPDATE ct_class SET entry=?1 WHERE no=?2", (entry_text(&schema_of(&grown)), grown.no.0))?;
                grown
            }
        };
        tx.commit()?;
        self.reload_tables(&conn)?;
        Ok(class)
    }
}

/// The class that a new collection is, with the next number. Nothing is written.
pub(crate) fn new_class(conn: &Connection, name: &str, wanted: &CollectionSchema) -> Result<Class> {
    check_name(name)?;
    check_fields(wanted)?;
    let no: u16 = conn.query_row("SELECT max(coalesce(max(no), 0) + 1, ?1) FROM ct_class", [FIRST_NO], |row| row.get(0))?;
    Ok(class_of(ClassNo(no), name, wanted))
}

/// The city's own classes.
pub(crate) fn read_all(conn: &Connection) -> Result<Vec<Class>> {
    let mut statement = conn.prepare("SELECT no, tbl, entry FROM ct_class WHERE entry NOT NULL ORDER BY no")?;
    let mut rows = statement.query([])?;
    let mut classes = Vec::new();
    while let Some(row) = rows.next()? {
        let (no, name, entry): (u16, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let schema: CollectionSchema =
            serde_json::from_str(&entry).map_err(|_| StoreError::CollectionName(name.clone(), BadName::DamagedEntry))?;
        classes.push(class_of(ClassNo(no), &name, &schema));
    }
    Ok(classes)
}

fn check_name(name: &str) -> Result<()> {
    let refuse = |why| Err(StoreError::CollectionName(name.to_owned(), why));
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 60 {
        return refuse(BadName::Letters);
    }
    if ["ct_", "h_", "rtree_", "gpkg_", "sqlite_"].iter().any(|prefix| name.starts_with(prefix)) {
        return refuse(BadName::StoresOwn);
    }
    Ok(())
}

fn check_fields(wanted: &CollectionSchema) -> Result<()> {
    for (i, field) in wanted.attributes.iter().enumerate() {
        let refuse = |why| Err(StoreError::CollectionName(field.id.clone(), why));
        if field.id.trim().is_empty() || field.id.len() > 120 || field.id.chars().any(char::is_control) {
            return refuse(BadName::AttributeLetters);
        }
        if schema::RESERVED.contains(&field.id.to_lowercase().as_str()) {
            return refuse(BadName::StoresColumn);
        }
        if wanted.attributes[..i].iter().any(|other| other.id.to_lowercase() == field.id.to_lowercase()) {
            return refuse(BadName::AttributeTwice);
        }
    }
    if wanted.attributes.len() > 1000 {
        return Err(StoreError::CollectionName(wanted.label.clone(), BadName::TooManyAttributes));
    }
    Ok(())
}

pub(crate) fn entry_text(schema: &CollectionSchema) -> String {
    serde_json::to_string(schema).expect("plain words and enums become JSON")
}

fn kind_of(kind: Kind) -> GeometryKind {
    match kind {
        Kind::None => GeometryKind::None,
        Kind::Point => GeometryKind::Point,
        Kind::Line => GeometryKind::Line,
        Kind::Area => GeometryKind::Area,
    }
}

fn attribute_of(field: &Field) -> Attribute {
    let ty = match field.ty {
        FieldType::Bool => AttributeType::Bool,
        FieldType::Int => AttributeType::Int,
        FieldType::Real => AttributeType::Real,
        FieldType::Text => AttributeType::Text,
        FieldType::Date => AttributeType::Date,
        FieldType::Time => AttributeType::Time,
    };
    Attribute {
        id: field.id.clone(),
        label: Label::new(&field.id, &field.id),
        ty,
        unit: None,
        required: false,
        range: None,
        in_tiles: false,
    }
}

fn schema_of(class: &Class) -> CollectionSchema {
    let ty = |ty: &AttributeType| match ty {
        AttributeType::Bool => FieldType::Bool,
        AttributeType::Int => FieldType::Int,
        AttributeType::Real => FieldType::Real,
        AttributeType::Date => FieldType::Date,
        AttributeType::Time => FieldType::Time,
        AttributeType::Text | AttributeType::Code(_) | AttributeType::Ref(_) => FieldType::Text,
    };
    CollectionSchema {
        label: class.label.zh.clone(),
        geometry: match class.geometry {
            GeometryKind::None => Kind::None,
            GeometryKind::Point => Kind::Point,
            GeometryKind::Line => Kind::Line,
            GeometryKind::Area => Kind::Area,
        },
        attributes: class.attributes.iter().map(|a| Field { id: a.id.clone(), ty: ty(&a.ty) }).collect(),
    }
}

fn class_of(no: ClassNo, name: &str, schema: &CollectionSchema) -> Class {
    Class {
        no,
        id: name.to_owned(),
        label: Label::new(&schema.label, &schema.label),
        domain: Domain::Base,
        geometry: kind_of(schema.geometry),
        network: false,
        kept: Kept::City,
        codes: vec![],
        attributes: schema.attributes.iter().map(attribute_of).collect(),
        // Grey: the colour of what no convention names.
        symbol: Symbol { colour: [0x70, 0x70, 0x70], icon: None, min_zoom: 10 },
        form: Form::None,
        group: None,
        observed: vec![],
    }
}
