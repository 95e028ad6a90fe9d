//! `tileset.json`: as much of 3D Tiles 1.1 as we write, and read back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More than this is not one of our tilesets: they are a root and a child per layer group.
pub const MAX_BYTES: usize = 256 << 10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tileset {
    pub asset: Asset,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    pub geometric_error: f64,
    pub root: Tile,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tileset_version: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tile {
    pub bounding_volume: BoundingVolume,
    pub geometric_error: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refine: Option<Refine>,
    /// Column-major, from this tile's coordinates to its parent's; the root's parent is ECEF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<[f64; 16]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implicit_tiling: Option<ImplicitTiling>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Self>,
    /// Ours: the layer group's id, on the root of its implicit tileset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extras: Option<TileExtras>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileExtras {
    pub group: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundingVolume {
    #[serde(rename = "box")]
    pub volume: [f64; 12],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Refine {
    Add,
    Replace,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub uri: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImplicitTiling {
    pub subdivision_scheme: SubdivisionScheme,
    pub subtree_levels: u8,
    pub available_levels: u8,
    pub subtrees: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SubdivisionScheme {
    Quadtree,
    Octree,
}

#[derive(Debug, thiserror::Error)]
pub enum TilesetError {
    #[error("tileset.json is {0} bytes long; one of ours is below {MAX_BYTES}")]
    TooLong(usize),
    #[error("tileset.json is not understood: {0}")]
    Json(#[from] serde_json::Error),
    #[error("tileset.json holds a number that is not finite")]
    NotFinite,
}

impl Tileset {
    pub fn decode(bytes: &[u8]) -> Result<Self, TilesetError> {
        if bytes.len() > MAX_BYTES {
            return Err(TilesetError::TooLong(bytes.len()));
        }
        let tileset: Self = serde_json::from_slice(bytes)?;
        if !tileset.geometric_error.is_finite() || !tileset.root.is_finite() {
            return Err(TilesetError::NotFinite);
        }
        Ok(tileset)
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts only")
    }
}

impl Tile {
    fn is_finite(&self) -> bool {
        self.geometric_error.is_finite()
            && self.bounding_volume.volume.iter().all(|x| x.is_finite())
            && self.transform.iter().flatten().all(|x| x.is_finite())
            && self.children.iter().all(Self::is_finite)
    }
}

/// Puts a tile's numbers into a template such as `buildings/{level}/{x}/{y}.glb`.
pub fn expand(template: &str, level: u8, x: u32, y: u32) -> String {
    template.replace("{level}", &level.to_string()).replace("{x}", &x.to_string()).replace("{y}", &y.to_string())
}
