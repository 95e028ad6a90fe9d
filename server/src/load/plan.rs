//! Which layer of a file goes where.

use super::city::City;
use super::patience::patiently;
use super::{Task, words};
use anyhow::bail;
use citytwin_datasets::fit::{OTHER_COLUMN, is_of_record};
use citytwin_datasets::pipe::{Hello, LayerHeader};
use citytwin_datasets::{Fit, class_of_layer, own};
use citytwin_model::{Class, GeometryKind, Kept};
use citytwin_store::{CollectionSchema, Columns, Field, FieldType, Kind, Store};
use std::sync::Arc;

/// Columns that the store needs itself: a field of such a name is renamed in a collection of its own.
const RESERVED: [&str; 6] = ["fid", "geom", "source", "other", "ct_from", "ct_to"];

#[derive(Clone)]
pub(super) enum Target {
    Class(Arc<Class>),
    Own(String),
}

/// The layers to read, by place, each with its target; and the names of those that fit nowhere.
pub(super) struct Plan {
    pub layers: Vec<(usize, String, Target)>,
    pub unmatched: Vec<String>,
    /// The target was named by the operator, so it says nothing about the other layers of the file.
    pub forced: bool,
}

pub(super) fn plan(task: &Task, hello: &Hello, city: &City) -> anyhow::Result<Plan> {
    let args = task.args;
    let classes = &city.classes()[..];
    if let Some(missing) = args.layer.iter().find(|name| !hello.layers.iter().any(|l| l.name == **name)) {
        bail!(task.say("load.no_layer", &[("layer", missing), ("there", &names(hello))]));
    }
    let chosen: Vec<(usize, String)> = hello
        .layers
        .iter()
        .enumerate()
        .filter(|(_, l)| args.layer.is_empty() || args.layer.contains(&l.name))
        .map(|(i, l)| (i, l.name.clone()))
        .collect();
    let forced = match (&args.class, &args.own) {
        (Some(id), _) => match class_of_layer(id, classes) {
            Some(class) => Some(Target::Class(class.clone())),
            None => bail!(no_class(task, id, city, classes)),
        },
        (None, Some(name)) => Some(Target::Own(name.clone())),
        (None, None) => None,
    };
    match forced {
        Some(Target::Class(_)) if chosen.len() > 1 => bail!(task.say("load.which_layer", &[("there", &names(hello))])),
        // Each layer of the file a collection of its own.
        Some(Target::Own(name)) if chosen.len() > 1 => {
            let names = collection_names(&name, chosen.iter().map(|(_, layer)| layer.as_str()));
            let layers = chosen.into_iter().zip(names).map(|((i, layer), name)| (i, layer, Target::Own(name))).collect();
            return Ok(Plan { layers, unmatched: Vec::new(), forced: true });
        }
        Some(target) => {
            let layers = chosen.into_iter().map(|(i, layer)| (i, layer, target.clone())).collect();
            return Ok(Plan { layers, unmatched: Vec::new(), forced: true });
        }
        None => {}
    }
    let mut plan = Plan { layers: Vec::new(), unmatched: Vec::new(), forced: false };
    for (i, name) in chosen {
        match (class_of_layer(&name, classes), &hello.layers[i].collection) {
            (Some(class), _) => plan.layers.push((i, name, Target::Class(class.clone()))),
            // An export of ours says of a collection of a city's own that it is one.
            (None, Some(collection)) => plan.layers.push((i, name, Target::Own(collection.clone()))),
            (None, None) => plan.unmatched.push(name),
        }
    }
    Ok(plan)
}

/// Why nothing is loaded into a class of that name, and what could be meant.
fn no_class(task: &Task, name: &str, city: &City, classes: &[Arc<Class>]) -> String {
    match class_of_layer(name, city.catalogue()).filter(|class| class.kept != Kept::City) {
        Some(class) => {
            task.say(&format!("load.class_{}", class.kept.id()), &[("class", &class.id), ("label", words::label(task.lang, &class.label))])
        }
        None => match crate::near::nearest(name, classes) {
            near if near.is_empty() => task.say("load.no_class_near", &[("class", &name)]),
            near => task.say("load.no_class", &[("class", &name), ("near", &near.join(", "))]),
        },
    }
}

/// `osm_points`, `osm_lines`, …: what of a layer's name a collection's name may hold, or its place where that is nothing
/// or is taken.
fn collection_names<'l>(name: &str, layers: impl Iterator<Item = &'l str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (i, layer) in layers.enumerate() {
        let plain: String = layer.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
        let plain = plain.trim_matches('_');
        let wanted = format!("{name}_{plain}");
        let taken = plain.is_empty() || names.contains(&wanted);
        names.push(if taken { format!("{name}_{}", i + 1) } else { wanted });
    }
    names
}

fn names(hello: &Hello) -> String {
    hello.layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// How one layer's records become features: by one fit, or by one per kind of geometry where a collection of its own is
/// mixed. With each, what the layer has columns for.
pub(super) struct Fits(pub Vec<Fit>, Vec<Arc<Columns>>);

impl Fits {
    /// `store` is `None` when nothing is to be written.
    pub fn of(task: &Task, header: &LayerHeader, target: &Target, store: Option<&Store>, zone_minutes: i32) -> anyhow::Result<Self> {
        let name = match target {
            Target::Class(class) => return Ok(Self::with(header, vec![Fit::by_name(header, class, zone_minutes)])),
            Target::Own(name) => name,
        };
        let mut fits = Vec::new();
        for (name, kind) in own::collections(name, header) {
            // What an export or a list of refusals says beside the attributes is no attribute.
            let fields = header.fields.iter().filter(|f| !is_of_record(&f.name)).cloned().collect();
            let schema = own::OwnSchema::of(&LayerHeader { fields, ..header.clone() }, kind, &RESERVED);
            let class = match store {
                Some(store) => patiently(task.lang, store.dir(), || store.own_collection(&name, &collection(header, &schema)))?,
                None => Arc::new(schema.class(&name)),
            };
            fits.push(Fit::own(header, &schema, &class, zone_minutes));
        }
        Ok(Self::with(header, fits))
    }

    fn with(header: &LayerHeader, fits: Vec<Fit>) -> Self {
        // An export's column of all the rest speaks for all of it.
        let says_all = header.fields.iter().any(|f| f.name == OTHER_COLUMN);
        let columns = fits.iter().map(|fit| {
            // Measures come with the geometry, and go with it.
            let others = fit.unknown().chain(["m"]).map(str::to_owned).collect();
            Arc::new(Columns { attributes: fit.filled().to_vec(), others: (!says_all).then_some(others) })
        });
        let columns = columns.collect();
        Self(fits, columns)
    }

    fn place(&self, kind: GeometryKind) -> usize {
        self.0.iter().position(|fit| fit.class().geometry == kind).unwrap_or(0)
    }

    /// The fit for a record of this kind of geometry.
    pub fn by_kind(&self, kind: GeometryKind) -> &Fit {
        &self.0[self.place(kind)]
    }

    pub fn columns(&self, kind: GeometryKind) -> &Arc<Columns> {
        &self.1[self.place(kind)]
    }
}

fn collection(header: &LayerHeader, schema: &own::OwnSchema) -> CollectionSchema {
    use citytwin_datasets::pipe;
    use citytwin_model::AttributeType;
    let ty = |ty: &AttributeType| match ty {
        AttributeType::Bool => FieldType::Bool,
        AttributeType::Int => FieldType::Int,
        AttributeType::Real => FieldType::Real,
        AttributeType::Date => FieldType::Date,
        AttributeType::Time => FieldType::Time,
        AttributeType::Text | AttributeType::Code(_) | AttributeType::Ref(_) => FieldType::Text,
    };
    CollectionSchema {
        label: header.name.clone(),
        geometry: match schema.kind {
            None => Kind::None,
            Some(pipe::Kind::Point) => Kind::Point,
            Some(pipe::Kind::Line) => Kind::Line,
            Some(pipe::Kind::Area) => Kind::Area,
        },
        attributes: schema.attributes.iter().map(|a| Field { id: a.id.clone(), ty: ty(&a.ty) }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_of_a_file_gets_a_collection_of_its_own() {
        let named = |layers: &[&str]| collection_names("osm", layers.iter().copied());
        assert_eq!(named(&["points", "other_relations"]), ["osm_points", "osm_other_relations"]);
        assert_eq!(named(&["Foul Sewer", "阀门", "foul-sewer"]), ["osm_foul_sewer", "osm_2", "osm_3"]);
    }
}
