//! Everything that one layer group shows in one leaf.

use super::builder::{Builder, Owner};
use super::stage::Stage;
use super::terrain::Terrain;
use super::{buildings, furniture, ground, networks, structures, write};
use crate::glb::DecodedTile;
use crate::grid::{Box3, TileId};
use citytwin_model::class::{Class, Form, Group};
use citytwin_model::{City, Feature, FeatureId, Kept};
use std::sync::Arc;

/// Half the widest road: how far outside a leaf the line of a band may lie that reaches into it.
const WIDEST_REACH_M: f64 = 51.0;

/// One leaf of one layer group. It exists only when it shows something.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// As a viewer decodes it.
    pub tile: DecodedTile,
    /// Holds all of it, in the city frame.
    pub bounds: Box3,
    /// Features beyond the 65 535 that a tile can number. They are not drawn.
    pub left_out: usize,
}

impl Leaf {
    /// `None` when `tile` is no leaf, or nothing of the group is there.
    pub fn of(city: &dyn City, group: Group, tile: TileId) -> Option<Self> {
        if !tile.is_leaf() {
            return None;
        }
        let stage = Stage::new(city);
        let features = candidates(&stage, group, tile);
        if group == Group::Ground {
            return Self::ground(&stage, tile, &features);
        }
        if features.is_empty() {
            return None;
        }
        let (east, north) = tile.rect().centre();
        let mut builder = Builder::new(tile, stage.at_ground(east, north, 0.0).0.up);
        for (class, feature) in &features {
            solid(&mut builder, &stage, &mut Owner::new(class, feature), tile);
        }
        Self::finish(builder)
    }

    fn ground(stage: &Stage<'_>, tile: TileId, features: &[(&Class, Arc<Feature>)]) -> Option<Self> {
        if features.is_empty() && !Terrain::is_known_in(stage, tile) {
            return None;
        }
        let terrain = Terrain::of(stage, tile);
        let mut builder = Builder::new(tile, terrain.middle_up());
        let mut owners: Vec<Owner<'_>> = features.iter().map(|(class, feature)| Owner::new(class, feature)).collect();
        ground::draw(&mut builder, stage, &terrain, tile, &mut owners);
        Self::finish(builder)
    }

    fn finish(builder: Builder) -> Option<Self> {
        let left_out = builder.left_out;
        builder.finish().map(|(tile, bounds)| Self { tile, bounds, left_out })
    }

    /// The features of the leaf in the order of their numbers.
    pub fn ids(&self) -> impl Iterator<Item = FeatureId> + '_ {
        self.tile.features.iter().map(|feature| feature.id())
    }

    /// The leaf as a glTF binary.
    pub fn glb(&self, city: &dyn City) -> Vec<u8> {
        write::glb(&self.tile, city)
    }
}

/// What stands by itself, not on the ground's surface.
pub(crate) fn solid(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, tile: TileId) {
    let rect = tile.rect();
    match &owner.class.form {
        Form::Prism { .. } => buildings::prism(builder, stage, owner, tile),
        Form::Tube { .. } => networks::pipe(builder, stage, owner, &rect),
        Form::Deck { .. } => structures::deck(builder, stage, owner, &rect),
        Form::Bore { .. } => structures::bore(builder, stage, owner, &rect),
        Form::Shaft { .. } => furniture::shaft(builder, stage, owner, &rect),
        Form::Post { height_m, radius_m } => furniture::post(builder, stage, owner, &rect, *height_m, *radius_m),
        Form::Ribbon { .. } | Form::Patch | Form::None => {}
    }
}

/// Does the class stand in the scene with this group? What lies on the ground is drawn with it, whatever its entry says:
/// the two are one surface.
pub(crate) fn is_drawn(class: &Class, group: Group) -> bool {
    let drawn_with = match class.form {
        Form::None => None,
        _ if lies(class) => class.group.map(|_| Group::Ground),
        _ => class.group,
    };
    drawn_with == Some(group) && class.kept == Kept::City
}

/// Is the class part of the ground's surface?
pub(crate) fn lies(class: &Class) -> bool {
    matches!(class.form, Form::Ribbon { .. } | Form::Patch)
}

/// Features that may reach into a leaf, by class and number: the order in which a tile counts them.
fn candidates<'a>(stage: &Stage<'a>, group: Group, tile: TileId) -> Vec<(&'a Class, Arc<Feature>)> {
    let bounds = stage.bounds(&tile.rect(), if group == Group::Ground { WIDEST_REACH_M } else { 1.0 });
    let mut found = Vec::new();
    let mut classes: Vec<&Class> = stage.city.classes().iter().map(AsRef::as_ref).filter(|class| is_drawn(class, group)).collect();
    classes.sort_by_key(|class| class.no);
    for class in classes {
        let mut features = stage.city.in_box(class.no, &bounds);
        features.sort_by_key(|feature| feature.id);
        features.dedup_by_key(|feature| feature.id);
        found.extend(features.into_iter().map(|feature| (class, feature)));
    }
    found
}
