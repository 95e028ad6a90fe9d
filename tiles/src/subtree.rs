//! Which tiles of an implicit tileset exist, and how far they reach: reading subtree files.
//!
//! Both forms are read, binary and JSON, as long as nothing lies in another file. Bits count from the lowest of each
//! byte; tiles of a level stand in Morton order.

use crate::grid::{Box3, morton};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The deepest subtree read: 9 levels are 87 381 tiles.
pub const MAX_LEVELS: u8 = 9;
const MAX_JSON_BYTES: usize = 64 << 10;
const HEADER: usize = 24;

/// One subtree, unpacked.
#[derive(Clone, Debug, PartialEq)]
pub struct Subtree {
    levels: u8,
    tiles: Bits,
    contents: Bits,
    children: Bits,
    /// By rank among the available tiles; empty when the file holds none.
    bounds: Vec<Box3>,
    /// For each tile in its order, how many available ones stand before it.
    rank: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubtreeError {
    #[error("the subtree is neither binary nor JSON")]
    Magic,
    #[error("subtree version {0} is not known")]
    Version(u32),
    #[error("the subtree ends before the bytes that it announces")]
    Truncated,
    #[error("the subtree's JSON is not understood: {0}")]
    Json(String),
    #[error("the subtree's data lie in another file")]
    External,
    #[error("the subtree refers to a buffer view that it does not have or that is too short: {0}")]
    View(usize),
    #[error("a subtree of {0} levels is too deep")]
    Levels(u8),
    #[error("the subtree's bounding boxes are not 12 finite numbers for each tile")]
    Bounds,
}

impl Subtree {
    /// `levels` is the tileset's `subtreeLevels`.
    pub fn decode(bytes: &[u8], levels: u8) -> Result<Self, SubtreeError> {
        if levels == 0 || levels > MAX_LEVELS {
            return Err(SubtreeError::Levels(levels));
        }
        let (json, binary) = split(bytes)?;
        let file: File = serde_json::from_slice(json).map_err(|error| SubtreeError::Json(error.to_string()))?;
        let views = Views { file: &file, binary };
        let tile_count = tiles_in(levels);
        let tiles = views.bits(&file.tile_availability, tile_count)?;
        let contents = match file.content_availability.first() {
            Some(availability) => views.bits(availability, tile_count)?,
            None => Bits::Constant(false),
        };
        let children = views.bits(&file.child_subtree_availability, 1 << (2 * u32::from(levels)))?;
        let mut rank = Vec::with_capacity(tile_count);
        let mut before = 0u32;
        for i in 0..tile_count {
            rank.push(before);
            before += u32::from(tiles.get(i));
        }
        let bounds = views.bounds(before as usize)?;
        Ok(Self { levels, tiles, contents, children, bounds, rank })
    }

    pub fn levels(&self) -> u8 {
        self.levels
    }

    /// Is there a tile? `level`, `x` and `y` count from this subtree's root.
    pub fn has_tile(&self, level: u8, x: u32, y: u32) -> bool {
        self.index(level, x, y).is_some_and(|i| self.tiles.get(i))
    }

    pub fn has_content(&self, level: u8, x: u32, y: u32) -> bool {
        self.index(level, x, y).is_some_and(|i| self.tiles.get(i) && self.contents.get(i))
    }

    /// Is there a subtree below? `x` and `y` count in the level after this subtree's last.
    pub fn has_child(&self, x: u32, y: u32) -> bool {
        let side = 1u32 << self.levels;
        x < side && y < side && self.children.get(morton(x, y) as usize)
    }

    /// How far a tile and all below it reach, in the frame before the root transform.
    pub fn bounds(&self, level: u8, x: u32, y: u32) -> Option<Box3> {
        let i = self.index(level, x, y).filter(|i| self.tiles.get(*i))?;
        self.bounds.get(self.rank[i] as usize).copied()
    }

    fn index(&self, level: u8, x: u32, y: u32) -> Option<usize> {
        let side = 1u32.checked_shl(u32::from(level))?;
        (level < self.levels && x < side && y < side).then(|| tiles_in(level) + morton(x, y) as usize)
    }
}

/// Tiles in the first `levels` levels of a quadtree.
pub fn tiles_in(levels: u8) -> usize {
    ((1usize << (2 * usize::from(levels))) - 1) / 3
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), SubtreeError> {
    if bytes.first() == Some(&b'{') {
        return if bytes.len() <= MAX_JSON_BYTES { Ok((bytes, &[])) } else { Err(SubtreeError::Truncated) };
    }
    if bytes.get(..4) != Some(b"subt") {
        return Err(SubtreeError::Magic);
    }
    let header = bytes.get(..HEADER).ok_or(SubtreeError::Truncated)?;
    let u32_at = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("inside the header"));
    let u64_at = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("inside the header"));
    if u32_at(4) != 1 {
        return Err(SubtreeError::Version(u32_at(4)));
    }
    let rest = &bytes[HEADER..];
    let json_len = usize::try_from(u64_at(8)).ok().filter(|n| *n <= rest.len() && *n <= MAX_JSON_BYTES).ok_or(SubtreeError::Truncated)?;
    let (json, rest) = rest.split_at(json_len);
    let binary_len = usize::try_from(u64_at(16)).ok().filter(|n| *n <= rest.len()).ok_or(SubtreeError::Truncated)?;
    Ok((json, &rest[..binary_len]))
}

#[derive(Clone, Debug, PartialEq)]
enum Bits {
    Constant(bool),
    Stream(Vec<u8>),
}

impl Bits {
    fn get(&self, i: usize) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Stream(bytes) => bytes.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    buffers: Vec<Buffer>,
    #[serde(default)]
    buffer_views: Vec<View>,
    #[serde(default)]
    property_tables: Vec<PropertyTable>,
    tile_availability: Availability,
    #[serde(default)]
    content_availability: Vec<Availability>,
    child_subtree_availability: Availability,
    tile_metadata: Option<usize>,
}

#[derive(Deserialize)]
struct Buffer {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    buffer: usize,
    #[serde(default)]
    byte_offset: usize,
    byte_length: usize,
}

#[derive(Deserialize)]
struct Availability {
    bitstream: Option<usize>,
    constant: Option<u8>,
}

#[derive(Deserialize)]
struct PropertyTable {
    #[serde(default)]
    properties: BTreeMap<String, Property>,
}

#[derive(Deserialize)]
struct Property {
    values: usize,
}

/// Name of the property that holds TILE_BOUNDING_BOX in the tilesets that we write.
pub(crate) const BOUNDS_PROPERTY: &str = "bounds";

struct Views<'a> {
    file: &'a File,
    binary: &'a [u8],
}

impl Views<'_> {
    fn bytes(&self, view: usize, at_least: usize) -> Result<&[u8], SubtreeError> {
        let found = self.file.buffer_views.get(view).ok_or(SubtreeError::View(view))?;
        let buffer = self.file.buffers.get(found.buffer).ok_or(SubtreeError::View(view))?;
        if buffer.uri.is_some() || found.buffer != 0 {
            return Err(SubtreeError::External);
        }
        let end = found.byte_offset.checked_add(found.byte_length).ok_or(SubtreeError::View(view))?;
        let bytes = self.binary.get(found.byte_offset..end).ok_or(SubtreeError::View(view))?;
        bytes.get(..at_least).ok_or(SubtreeError::View(view))
    }

    fn bits(&self, availability: &Availability, count: usize) -> Result<Bits, SubtreeError> {
        match (availability.bitstream, availability.constant) {
            (Some(view), _) => Ok(Bits::Stream(self.bytes(view, count.div_ceil(8))?.to_vec())),
            (None, Some(constant)) => Ok(Bits::Constant(constant == 1)),
            (None, None) => Err(SubtreeError::Json("an availability has neither bits nor a constant".into())),
        }
    }

    fn bounds(&self, tiles: usize) -> Result<Vec<Box3>, SubtreeError> {
        let table = self.file.tile_metadata.map(|i| self.file.property_tables.get(i).ok_or(SubtreeError::Bounds)).transpose()?;
        let Some(property) = table.and_then(|table| table.properties.get(BOUNDS_PROPERTY)) else { return Ok(Vec::new()) };
        let bytes = self.bytes(property.values, tiles * 96)?;
        bytes
            .chunks_exact(96)
            .map(|tile| {
                let volume = std::array::from_fn(|i| f64::from_le_bytes(tile[i * 8..i * 8 + 8].try_into().expect("8 bytes")));
                Box3::from_volume(&volume).ok_or(SubtreeError::Bounds)
            })
            .collect()
    }
}
