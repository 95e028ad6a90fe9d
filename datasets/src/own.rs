//! A layer that fits no class becomes a collection of its own, with the schema that it has.

use crate::pipe::{FieldType, Kind, LayerHeader};
use citytwin_model::class::{FIRST_OWN_CLASS, Form, Label, Symbol};
use citytwin_model::{Attribute, AttributeType, Class, Domain, GeometryKind, Kept};

/// Name of an attribute is at most this long, in bytes.
const NAME_BYTES: usize = 120;

/// What a collection made from a layer holds: one attribute per field, in the layer's order.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnSchema {
    /// `None`: no geometry.
    pub kind: Option<Kind>,
    pub attributes: Vec<OwnAttribute>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OwnAttribute {
    pub id: String,
    pub ty: AttributeType,
}

impl OwnSchema {
    /// `reserved`: column names, in small letters, that the store needs itself. A field of such a name, an empty one or
    /// one that differs from another in letter case only, gets a number behind it.
    pub fn of(header: &LayerHeader, kind: Option<Kind>, reserved: &[&str]) -> Self {
        let mut taken: Vec<String> = reserved.iter().map(|r| (*r).to_owned()).collect();
        let attributes = header
            .fields
            .iter()
            .enumerate()
            .map(|(i, field)| {
                let mut id: String = field.name.chars().filter(|c| !c.is_control()).collect();
                id = id.trim().to_owned();
                if id.is_empty() {
                    id = format!("field_{}", i + 1);
                }
                while id.len() > NAME_BYTES - 4 {
                    id.pop();
                }
                let id = (1..)
                    .map(|n| if n == 1 { id.clone() } else { format!("{id}_{n}") })
                    .find(|name| !taken.contains(&name.to_lowercase()))
                    .expect("some number is free");
                taken.push(id.to_lowercase());
                OwnAttribute { id, ty: own_type(field.ty) }
            })
            .collect();
        Self { kind, attributes }
    }

    /// The class that the store would make of it, for a look before anything is stored.
    pub fn class(&self, name: &str) -> Class {
        let attribute = |own: &OwnAttribute| Attribute {
            id: own.id.clone(),
            label: Label::new(&own.id, &own.id),
            ty: own.ty.clone(),
            unit: None,
            required: false,
            range: None,
            in_tiles: false,
        };
        Class {
            no: FIRST_OWN_CLASS,
            id: name.to_owned(),
            label: Label::new(name, name),
            domain: Domain::Base,
            geometry: self.kind.map_or(GeometryKind::None, Kind::geometry),
            network: false,
            kept: Kept::City,
            codes: vec![],
            attributes: self.attributes.iter().map(attribute).collect(),
            symbol: Symbol { colour: [0x70; 3], icon: None, min_zoom: 10 },
            form: Form::None,
            group: None,
            observed: vec![],
        }
    }

    /// Fields whose attribute is called otherwise: (field, attribute).
    pub fn renamed<'a>(&'a self, header: &'a LayerHeader) -> impl Iterator<Item = (&'a str, &'a str)> {
        header.fields.iter().zip(&self.attributes).filter(|(f, a)| f.name != a.id).map(|(f, a)| (f.name.as_str(), a.id.as_str()))
    }
}

fn own_type(ty: FieldType) -> AttributeType {
    match ty {
        FieldType::Bool => AttributeType::Bool,
        FieldType::Int => AttributeType::Int,
        FieldType::Real => AttributeType::Real,
        FieldType::Date => AttributeType::Date,
        FieldType::Instant => AttributeType::Time,
        FieldType::Text | FieldType::TimeOfDay | FieldType::Json | FieldType::Bytes => AttributeType::Text,
    }
}

/// Names of the collections that a layer becomes: one, or one per kind of geometry where they are mixed.
pub fn collections(name: &str, header: &LayerHeader) -> Vec<(String, Option<Kind>)> {
    match &header.kinds[..] {
        [] => vec![(name.to_owned(), None)],
        [kind] => vec![(name.to_owned(), Some(*kind))],
        kinds => kinds
            .iter()
            .map(|kind| {
                let suffix = match kind {
                    Kind::Point => "point",
                    Kind::Line => "line",
                    Kind::Area => "area",
                };
                (format!("{name}_{suffix}"), Some(*kind))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::Field;
    use crate::testing::header;

    #[test]
    fn every_field_gets_a_name_of_its_own() {
        let names = ["Source", "name", "NAME", "", "fid", "a\nb", "fid_2"];
        let fields = names.iter().map(|n| Field { name: (*n).into(), ty: FieldType::Text }).collect();
        let header = LayerHeader { fields, ..header("layer") };
        let schema = OwnSchema::of(&header, None, &["fid", "source"]);
        let ids: Vec<_> = schema.attributes.iter().map(|a| a.id.as_str()).collect();
        assert_eq!(ids, ["Source_2", "name", "NAME_2", "field_4", "fid_2", "ab", "fid_2_2"]);
        assert_eq!(schema.renamed(&header).count(), 6);
    }

    #[test]
    fn mixed_geometries_become_collections_side_by_side() {
        let mut header = header("layer");
        assert_eq!(collections("mine", &header), [("mine".to_owned(), Some(Kind::Point))]);
        header.kinds = vec![Kind::Point, Kind::Area];
        assert_eq!(
            collections("mine", &header),
            [("mine_point".to_owned(), Some(Kind::Point)), ("mine_area".to_owned(), Some(Kind::Area))]
        );
        header.kinds.clear();
        assert_eq!(collections("mine", &header), [("mine".to_owned(), None)]);
    }
}
