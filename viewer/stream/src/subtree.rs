//! What a subtree file tells: which cells exist, which have content, where the next subtrees are.

use crate::tileset::Cell;
use crate::view::Aabb;

/// A subtree as the stream uses it, whatever bytes it came from. Levels and places are those of the whole quadtree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subtree {
    pub tiles: Vec<Known>,
    /// Roots of the subtrees below.
    pub children: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    pub cell: Cell,
    pub content: bool,
    /// Encloses the content and all below it, where the file says so.
    pub bounds: Option<Aabb>,
}
