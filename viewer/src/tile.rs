//! From the tiles crate's words to ours.

use citytwin_model::FeatureId;
use citytwin_tiles::glb::{self, DecodeError, DecodedTile, NO_FEATURE};
use citytwin_tiles::subtree::{Subtree as File, SubtreeError};
use citytwin_viewer_stream::{Aabb, Cell, Content, Known, NO_ROW, Part, Subtree, Tube};

pub fn decode(bytes: &[u8]) -> Result<Content, DecodeError> {
    Ok(content(glb::decode(bytes)?))
}

/// Joints are left out: our tubes have round ends, which close the same gaps.
pub fn content(tile: DecodedTile) -> Content {
    const { assert!(NO_FEATURE == NO_ROW) };
    Content {
        origin: tile.origin,
        features: tile.features.iter().map(|f| FeatureId::new(f.class, f.fid)).collect(),
        parts: tile
            .meshes
            .into_iter()
            .map(|m| Part { positions: m.positions, normals: m.normals, rows: m.features, indices: m.indices })
            .collect(),
        tubes: tile.tubes.iter().map(|t| Tube { start: t.start, end: t.end, radius: t.radius, row: u32::from(t.feature) }).collect(),
    }
}

/// `root` is where the subtree hangs in the quadtree.
pub fn subtree(bytes: &[u8], root: Cell, levels: u32) -> Result<Subtree, SubtreeError> {
    let file = File::decode(bytes, u8::try_from(levels).unwrap_or(u8::MAX))?;
    let mut found = Subtree::default();
    for level in 0..file.levels() {
        let side = 1u32 << level;
        for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (x, y))).filter(|(x, y)| file.has_tile(level, *x, *y)) {
            found.tiles.push(Known {
                cell: Cell { level: root.level + u32::from(level), x: (root.x << level) + x, y: (root.y << level) + y },
                content: file.has_content(level, x, y),
                bounds: file.bounds(level, x, y).map(|b| Aabb { min: b.min, max: b.max }),
            });
        }
    }
    let side = 1u32 << levels;
    for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (x, y))).filter(|(x, y)| file.has_child(*x, *y)) {
        found.children.push(Cell { level: root.level + levels, x: (root.x << levels) + x, y: (root.y << levels) + y });
    }
    Ok(found)
}
