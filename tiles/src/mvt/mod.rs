//! Vector tiles (Mapbox Vector Tile 2.1) in Web Mercator.
//!
//! From zoom 14 on a tile holds everything, exact to half a unit of its 4096. Below, a class appears from its symbol's
//! `min_zoom`, and what is smaller than can be seen is left out; what is carried stays exact to a unit or two. The
//! feature id is the wire number, class · 2³² + fid. Layers come by class number, features by fid: same features, same
//! bytes, in whatever order they were found.

mod coord;
mod layer;
mod pbf;
mod shape;

pub use coord::{MAX_ZOOM, TileCoord};

use citytwin_model::{City, Class, Feature};
use std::sync::Arc;

/// Units along a tile's side.
pub const EXTENT: u32 = 4096;
/// Units carried beyond each side, so that lines and symbols meet over the border.
pub const BUFFER: u32 = 64;
/// From here on everything is drawn; below, what cannot be seen is left out.
pub const EVERYTHING_FROM: u8 = 14;

/// One layer's candidates: features that may meet the tile, in any order.
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    pub class: &'a Class,
    pub features: &'a [Arc<Feature>],
}

/// The tile's bytes; empty when nothing of the layers is in it.
pub fn encode(tile: TileCoord, layers: &[Layer<'_>]) -> Vec<u8> {
    let mut layers: Vec<&Layer<'_>> = layers.iter().filter(|layer| is_shown(layer.class, tile)).collect();
    layers.sort_by_key(|layer| layer.class.no);
    let mut out = pbf::Message::default();
    for layer in layers {
        if let Some(message) = layer::encode(tile, layer) {
            out.message(3, &message);
        }
    }
    out.into_bytes()
}

/// The same, with the candidates looked up in the city.
pub fn tile(city: &dyn City, tile: TileCoord, classes: &[&Class]) -> Vec<u8> {
    let bounds = tile.bounds();
    let shown = |class: &&Class| is_shown(class, tile);
    let found: Vec<(&Class, Vec<Arc<Feature>>)> =
        classes.iter().copied().filter(shown).map(|class| (class, city.in_box(class.no, &bounds))).collect();
    let layers: Vec<Layer<'_>> = found.iter().map(|(class, features)| Layer { class, features }).collect();
    encode(tile, &layers)
}

/// Is the class drawn at the tile's zoom at all?
pub fn is_shown(class: &Class, tile: TileCoord) -> bool {
    tile.zoom() >= class.symbol.min_zoom
}
