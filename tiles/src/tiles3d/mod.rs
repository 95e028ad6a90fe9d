//! 3D Tiles 1.1 of a city: an explicit root over one implicit quadtree for each layer group, content in the leaves.
//!
//! [`Scene`] knows which leaves exist and writes `tileset.json` and the subtree files; [`Leaf`] is one leaf's content,
//! made from the city alone. What spans several leaves (pipes, roads, bridges, tunnels, areas) is cut at their borders
//! under the same id; points and buildings belong to the leaf of their centre.

mod builder;
mod buildings;
mod furniture;
mod ground;
mod leaf;
mod networks;
mod place;
mod scene;
mod stage;
mod structures;
mod subtree_file;
mod sweep;
mod terrain;
mod write;

pub use leaf::Leaf;
pub use scene::Scene;

use crate::grid::TileId;
use citytwin_model::class::Group;
use citytwin_model::{City, FeatureId};

/// `/3dtiles/{group}/{level}/{x}/{y}.glb`; `None` where there is nothing.
pub fn content(city: &dyn City, group: Group, tile: TileId) -> Option<Vec<u8>> {
    Leaf::of(city, group, tile).map(|leaf| leaf.glb(city))
}

/// The features of that content in the order of their numbers: what `….values` counts by.
pub fn ids(city: &dyn City, group: Group, tile: TileId) -> Vec<FeatureId> {
    Leaf::of(city, group, tile).map(|leaf| leaf.ids().collect()).unwrap_or_default()
}
