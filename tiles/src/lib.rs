//! Features become bytes: vector tiles and 3D Tiles, and back again
