//! What each feature looks like now, without Bevy: class colours, overlays, live values, alarms and the selection
//! become texels of the style texture. Also the live socket's state.

pub mod live;
pub mod looks;
pub mod overlay;
pub mod style;
pub mod texels;

pub use live::Live;
pub use looks::{ClassLook, Looks, TileNo};
pub use overlay::Overlay;
pub use style::{Flags, Style};
