//! What a decoded tile holds, whatever bytes it came in.

use crate::bvh::Tube;
use citytwin_model::FeatureId;

/// Metres east, north and up of `origin`, which is in the city frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    pub origin: [f64; 3],
    pub parts: Vec<Part>,
    pub tubes: Vec<Tube>,
    /// Row by row; the rows of parts and tubes index this.
    pub features: Vec<FeatureId>,
}

/// The row of what belongs to no feature: terrain.
pub const NO_ROW: u16 = u16::MAX;

/// Triangles of one mesh. Normals and rows have one entry per vertex.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    pub positions: Vec<[f32; 3]>,
    pub normals: Vec<[f32; 3]>,
    pub rows: Vec<u16>,
    pub indices: Vec<u32>,
}

impl Content {
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.indices.is_empty()) && self.tubes.is_empty()
    }
}
