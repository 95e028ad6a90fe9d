//! The bytes that the shaders' `Frame` and `Tile` are read from (std140: rows of 16 bytes).

use bytemuck::{Pod, Zeroable};

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct FrameUniform {
    pub clip_from_world: [[f32; 4]; 4],
    pub shadow_from_world: [[f32; 4]; 4],
    pub eye: [f32; 4],
    pub right: [f32; 4],
    pub up: [f32; 4],
    pub forward: [f32; 4],
    pub sun: [f32; 4],
    pub sun_colour: [f32; 4],
    pub sky_light: [f32; 4],
    pub ground_light: [f32; 4],
    pub zenith: [f32; 4],
    pub horizon: [f32; 4],
    pub haze: [f32; 4],
    pub land: [f32; 4],
    pub selection: [f32; 4],
    pub tint: [f32; 4],
    pub ground_tint: [f32; 4],
    pub shadow: [f32; 4],
    pub origin: [f32; 4],
    pub modes: [u32; 4],
}

impl Default for FrameUniform {
    fn default() -> Self {
        Self::zeroed()
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct TileUniform {
    pub offset: [f32; 4],
    pub base: u32,
    pub rows: u32,
    pub kind: u32,
    pub unused: u32,
}

/// How a tile's triangles are shaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ground = 0,
    Solid = 1,
    Furniture = 2,
    /// Tubes only.
    Network = 3,
}
