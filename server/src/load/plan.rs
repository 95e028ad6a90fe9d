//! Which layer of a file goes where.

use super::patience::patiently;
use super::{Task, words};
use anyhow::bail;
use citytwin_datasets::pipe::{Hello, LayerHeader};
use citytwin_datasets::{Fit, class_of_layer, own};
use citytwin_model::{Class, GeometryKind};
use citytwin_store::{CollectionSchema, Field, FieldType, Kind, Store};
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

pub(super) fn plan(task: &Task, hello: &Hello, classes: &[Arc<Class>]) -> anyhow::Result<Plan> {
    let args = task.args;
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
        (Some(id), _) => {
            let class = classes.iter().find(|c| c.id == *id || c.label.zh == *id || c.label.en == *id);
            match class {
                Some(class) => Some(Target::Class(class.clone())),
                None => bail!(task.say("load.no_class", &[("class", id), ("near", &words::nearest(id, classes))])),
            }
        }
        (None, Some(name)) => Some(Target::Own(name.clone())),
        (None, None) => None,
    };
    if let Some(target) = forced {
        if chosen.len() > 1 {
            bail!(task.say("load.which_layer", &[("there", &names(hello))]));
        }
        let layers = chosen.into_iter().map(|(i, name)| (i, name, target.clone())).collect();
        return Ok(Plan { layers, unmatched: Vec::new(), forced: true });
    }
    let mut plan = Plan { layers: Vec::new(), unmatched: Vec::new(), forced: false };
    for (i, name) in chosen {
        match class_of_layer(&name, classes) {
            Some(class) => plan.layers.push((i, name, Target::Class(class.clone()))),
            None => plan.unmatched.push(name),
        }
    }
    Ok(plan)
}

fn names(hello: &Hello) -> String {
    hello.layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// How one layer's records become features: by one fit, or by one per kind of geometry where a collection of its own is mixed.
pub(super) struct Fits(pub Vec<Fit>);

impl Fits {
    /// `store` is `None` when nothing is to be written.
    pub fn of(task: &Task, header: &LayerHeader, target: &Target, store: Option<&Store>, zone_minutes: i32) -> anyhow::Result<Self> {
        let name = match target {
            Target::Class(class) => return Ok(Self(vec![Fit::by_name(header, class, zone_minutes)])),
            Target::Own(name) => name,
        };
        let mut fits = Vec::new();
        for (name, kind) in own::collections(name, header) {
            let schema = own::OwnSchema::of(header, kind, &RESERVED);
            let class = match store {
                Some(store) => patiently(task.lang, || store.own_collection(&name, &collection(header, &schema)))?,
                None => Arc::new(schema.class(&name)),
            };
            fits.push(Fit::own(header, &schema, &class, zone_minutes));
        }
        Ok(Self(fits))
    }

    /// The fit for a record of this kind of geometry.
    pub fn by_kind(&self, kind: GeometryKind) -> &Fit {
        self.0.iter().find(|fit| fit.class().geometry == kind).unwrap_or(&self.0[0])
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
