//! Writing subtree files: bits for what exists, and how far it reaches.

use crate::grid::{Box3, LEAF_LEVEL, SUBTREE_LEVELS, TileId, morton};
use crate::subtree::{BOUNDS_PROPERTY, tiles_in};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const METADATA_CLASS: &str = "tile";

/// What the tileset says of each tile: 12 numbers, a box in the frame before the root transform.
pub(crate) fn schema() -> Value {
    json!({
        "id": "citytwin_tiles",
        "classes": { METADATA_CLASS: { "properties": { BOUNDS_PROPERTY: {
            "type": "SCALAR", "componentType": "FLOAT64", "array": true, "count": 12, "required": true, "semantic": "TILE_BOUNDING_BOX",
        } } } },
    })
}

/// The binary subtree whose root is `root`; `None` when no subtree begins there or nothing stands in it.
pub(crate) fn write(leaves: &BTreeMap<TileId, Box3>, root: TileId) -> Option<Vec<u8>> {
    if root.level() % SUBTREE_LEVELS != 0 {
        return None;
    }
    let mut tiles: BTreeMap<usize, Box3> = BTreeMap::new();
    let mut contents = Bits::new(tiles_in(SUBTREE_LEVELS));
    let mut children = Bits::new(1 << (2 * usize::from(SUBTREE_LEVELS)));
    let below = root.level() + SUBTREE_LEVELS;
    for (leaf, bounds) in leaves.iter().filter(|(leaf, _)| leaf.at_level(root.level()) == root) {
        for level in root.level()..below.min(LEAF_LEVEL + 1) {
            let place = place(leaf.at_level(level), root);
            let whole = tiles.entry(place).or_insert(Box3::EMPTY);
            *whole = whole.union(bounds);
            if level == LEAF_LEVEL {
                contents.set(place);
            }
        }
        if below <= LEAF_LEVEL {
            let child = leaf.at_level(below);
            children.set(within(child, root));
        }
    }
    if tiles.is_empty() {
        return None;
    }
    let mut available = Bits::new(tiles_in(SUBTREE_LEVELS));
    tiles.keys().for_each(|place| available.set(*place));
    // In the order of the bits, one row for each tile that exists.
    let volumes: Vec<u8> = tiles.values().flat_map(Box3::to_volume).flat_map(f64::to_le_bytes).collect();
    let mut file = File::default();
    let bounds = file.view(&volumes);
    let json = json!({
        "tileAvailability": file.bits(&available),
        "contentAvailability": [file.bits(&contents)],
        "childSubtreeAvailability": file.bits(&children),
        "tileMetadata": 0,
        "propertyTables": [{ "class": METADATA_CLASS, "count": tiles.len(), "properties": { BOUNDS_PROPERTY: { "values": bounds } } }],
    });
    Some(file.close(json))
}

/// Place of a tile among the bits of the subtree that begins at `root`.
fn place(tile: TileId, root: TileId) -> usize {
    tiles_in(tile.level() - root.level()) + within(tile, root)
}

/// Place of a tile within its level of the subtree.
fn within(tile: TileId, root: TileId) -> usize {
    let mask = (1u32 << (tile.level() - root.level())) - 1;
    morton(tile.x() & mask, tile.y() & mask) as usize
}

struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn new(len: usize) -> Self {
        Self { bytes: vec![0; len.div_ceil(8)], len }
    }

    fn set(&mut self, i: usize) {
        self.bytes[i / 8] |= 1 << (i % 8);
    }

    fn count(&self) -> usize {
        self.bytes.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

#[derive(Default)]
struct File {
    binary: Vec<u8>,
    views: Vec<Value>,
}

impl File {
    /// All or nothing is said in a word, the rest in bits.
    fn bits(&mut self, bits: &Bits) -> Value {
        let count = bits.count();
        if count == 0 || count == bits.len {
            return json!({ "constant": u8::from(count > 0), "availableCount": count });
        }
        json!({ "bitstream": self.view(&bits.bytes), "availableCount": count })
    }

    fn view(&mut self, bytes: &[u8]) -> usize {
        let offset = self.binary.len();
        self.views.push(json!({ "buffer": 0, "byteOffset": offset, "byteLength": bytes.len() }));
        self.binary.extend_from_slice(bytes);
        self.binary.resize(self.binary.len().next_multiple_of(8), 0);
        self.views.len() - 1
    }

    fn close(self, mut json: Value) -> Vec<u8> {
        json["buffers"] = json!([{ "byteLength": self.binary.len() }]);
        json["bufferViews"] = Value::Array(self.views);
        let mut text = json.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut out = Vec::with_capacity(24 + text.len() + self.binary.len());
        out.extend_from_slice(b"subt");
        out.extend_from_slice(&1u32.to_le_bytes());
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(&(self.binary.len() as u64).to_le_bytes());
        out.extend_from_slice(&text);
        out.extend_from_slice(&self.binary);
        out
    }
}
