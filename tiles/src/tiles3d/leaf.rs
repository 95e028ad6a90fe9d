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
/// The ground where the catalogue has no class for it.
const TERRAIN: (&str, [u8; 3]) = ("terrain", [0xd9, 0xd2, 0xbd]);

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
        let rect = tile.rect();
        if group == Group::Ground {
            return Self::ground(&stage, tile, &features);
        }
        let (east, north) = rect.centre();
        let mut builder = Builder::new(tile, stage.at_ground(east, north, 0.0).0.up);
        for (class, feature) in &features {
            let mut owner = Owner::new(class, feature);
            match &class.form {
                Form::Prism { .. } => buildings::prism(&mut builder, &stage, &mut owner, tile),
                Form::Tube { .. } => networks::pipe(&mut builder, &stage, &mut owner, &rect),
                Form::Deck { .. } => structures::deck(&mut builder, &stage, &mut owner, &rect),
                Form::Bore { .. } => structures::bore(&mut builder, &stage, &mut owner, &rect),
                Form::Shaft { .. } => furniture::shaft(&mut builder, &stage, &mut owner, &rect),
                Form::Post { height_m, radius_m } => furniture::post(&mut builder, &stage, &mut owner, &rect, *height_m, *radius_m),
                // Bands and patches lie on the ground, whatever group the catalogue gives them.
                Form::Ribbon { .. } | Form::Patch => lay(&mut builder, &stage, &mut owner, &Terrain::of(&stage, tile), tile),
                Form::None => {}
            }
        }
        Self::finish(builder)
    }

    fn ground(stage: &Stage<'_>, tile: TileId, features: &[(&Class, Arc<Feature>)]) -> Option<Self> {
        let terrain = Terrain::of(stage, tile);
        let mut builder = Builder::new(tile, terrain.middle_up());
        let (material, colour) = stage.city.class_by_id(TERRAIN.0).map_or(TERRAIN, |class| (TERRAIN.0, class.symbol.colour));
        terrain.draw(&mut builder, material, colour);
        for (class, feature) in features {
            lay(&mut builder, stage, &mut Owner::new(class, feature), &terrain, tile);
        }
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

fn lay(builder: &mut Builder, stage: &Stage<'_>, owner: &mut Owner<'_>, terrain: &Terrain, tile: TileId) {
    let lift = ground::lift(stage.city.classes(), owner.class);
    let has_line = owner.feature.geometry.as_ref().is_some_and(|geometry| !geometry.lines().is_empty());
    match owner.class.form {
        Form::Ribbon { .. } if has_line => ground::ribbon(builder, stage, owner, terrain, &tile.rect(), lift),
        Form::Ribbon { .. } | Form::Patch => ground::patch(builder, stage, owner, terrain, &tile.rect(), lift),
        _ => {}
    }
}

/// Does the class stand in the scene with this group?
pub(crate) fn is_drawn(class: &Class, group: Group) -> bool {
    class.group == Some(group) && class.kept == Kept::City && class.form != Form::None
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
