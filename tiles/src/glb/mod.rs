//! A glb of ours becomes a tile that can be drawn: merged meshes, tubes, and the features they belong to.
//!
//! Made for bytes from anywhere: what is not one of our tiles is refused with a reason, nothing panics, and no more
//! memory is taken than a fixed multiple of the bytes that came (several meshes may name the same bytes, so counts
//! alone do not bound it).

pub(crate) mod container;
mod decode;
pub(crate) mod document;

use citytwin_model::{ClassNo, FeatureId, Fid};

pub use decode::decode;

/// More than this is refused unread.
pub const MAX_BYTES: usize = 64 << 20;

/// Feature index of vertices that belong to none: the ground itself.
pub const NO_FEATURE: u16 = u16::MAX;

/// One tile. Positions are east, north, up in metres from `origin`, which is in the city frame.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DecodedTile {
    pub origin: [f64; 3],
    /// One for each material class.
    pub meshes: Vec<Mesh>,
    pub tubes: Vec<Tube>,
    pub joints: Vec<Joint>,
    /// In the tile's order: a feature index is a place in here.
    pub features: Vec<TileFeature>,
}

/// Triangles of one material class, all its features merged.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Mesh {
    /// The class's id (`building`, `road`), or `terrain`.
    pub material: String,
    /// Seen from both sides: tunnels are entered.
    pub two_sided: bool,
    /// Linear RGB of the class's symbol.
    pub colour: [f32; 3],
    pub positions: Vec<[f32; 3]>,
    /// Of length 1, one for each position.
    pub normals: Vec<[f32; 3]>,
    /// One for each position; [`NO_FEATURE`] or a place in [`DecodedTile::features`].
    pub features: Vec<u16>,
    /// Three for each triangle, counter-clockwise from outside; each below `positions.len()`.
    pub indices: Vec<u32>,
}

/// A straight round pipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tube {
    pub start: [f32; 3],
    pub end: [f32; 3],
    pub radius: f32,
    pub feature: u16,
}

/// The ball that closes the gap where tubes meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joint {
    pub centre: [f32; 3],
    pub radius: f32,
    pub feature: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileFeature {
    pub class: ClassNo,
    pub fid: Fid,
    /// The utility's own number; empty where there is none.
    pub code: String,
}

impl TileFeature {
    pub fn id(&self) -> FeatureId {
        FeatureId::new(self.class, self.fid)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("{0} bytes are more than a tile may have ({MAX_BYTES})")]
    TooLong(usize),
    #[error("not a glb")]
    Magic,
    #[error("glTF version {0} is not 2")]
    Version(u32),
    #[error("the glb's chunks are not JSON and then binary")]
    Chunk,
    #[error("the glb ends before the bytes that it announces")]
    Truncated,
    #[error("the glb's JSON is not understood: {0}")]
    Json(String),
    #[error("extension {0} is required and not known here")]
    Extension(String),
    #[error("{0} refers to something that the file does not have")]
    Missing(&'static str),
    #[error("{0} is not of the form that our tiles use")]
    Form(&'static str),
    #[error("{0} holds a number that is not finite or out of range")]
    Number(&'static str),
    #[error("the tile unpacks to more memory than its {0} bytes may ask for")]
    TooMuch(usize),
}
