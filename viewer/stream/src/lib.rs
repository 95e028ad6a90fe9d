//! Which tiles to hold, and what a ray meets in them. Without Bevy, clock or socket.

pub mod bvh;
pub mod content;
pub mod stream;
pub mod subtree;
pub mod tileset;
pub mod view;

pub use bvh::{Bvh, Hit, Tube};
pub use content::{Content, NO_ROW, Part};
pub use stream::{Action, Config, Reply, RequestId, Statistics, Stream, TileKey, What};
pub use subtree::{Known, Subtree};
pub use tileset::{Cell, Tileset, TilesetError};
pub use view::{Aabb, View};
