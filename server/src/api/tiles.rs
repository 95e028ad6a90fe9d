//! `/xyz`: vector tiles in the form that map libraries expect.

/// Clients draw deeper zooms from tiles of this one, which are exact to half a pixel already.
pub const MAX_DATA_ZOOM: u8 = 16;
