//! What lies on the graphics card: tiles' buffers, the style texture, the frame's uniform, the shadow map.

use super::StyleBinding;
use super::uniforms::{FrameUniform, TileUniform};
use crate::mesh::Built;
use bevy::prelude::Resource;
use bevy::render::render_resource::*;
use bevy::render::renderer::{RenderDevice, RenderQueue};
use citytwin_viewer_state::texels::{Texels, WIDTH};
use std::num::NonZeroU64;
use std::sync::Mutex;

/// Samples per pixel: 4 smooth edges, 1 is for slow machines and for pictures of ids.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Samples(pub u32);

pub const SHADOW_SIZE: u32 = 2048;
pub const DEPTH: TextureFormat = TextureFormat::Depth32Float;

#[derive(Debug)]
pub struct GpuTile {
    pub origin: [f64; 3],
    /// Rows of features: the texel behind them is that of what is no feature.
    pub rows: u32,
    pub min: [f32; 3],
    pub max: [f32; 3],
    pub vertices: Option<Buffer>,
    pub indices: Option<(Buffer, u32)>,
    pub edges: Option<(Buffer, u32)>,
    pub tubes: Option<(Buffer, u32)>,
    pub uniform: Buffer,
    pub bind: BindGroup,
    /// What the uniform holds, so that it is written only when the render origin or the look changed.
    pub written: Mutex<Option<TileUniform>>,
}

/// Layouts and shared things; cloning shares them.
#[derive(Resource, Clone)]
pub struct Scene {
    pub device: RenderDevice,
    pub queue: RenderQueue,
    pub frame_layout: BindGroupLayout,
    pub shaded_layout: BindGroupLayout,
    pub tile_layout: BindGroupLayout,
    pub frame: Buffer,
    pub capsules: [Capsule; 2],
}

/// A unit tube: fine, and coarse without round ends.
#[derive(Clone)]
pub struct Capsule {
    pub corners: Buffer,
    pub indices: Buffer,
    pub count: u32,
}

/// The texture and its bind groups. A new one when rows were added.
pub struct StyleTexture {
    texture: Texture,
    rows: u32,
    pub binding: StyleBinding,
}

impl Scene {
    pub fn new(device: RenderDevice, queue: RenderQueue) -> Self {
        let both = ShaderStages::VERTEX_FRAGMENT;
        let uniform = |binding, size: usize| BindGroupLayoutEntry {
            binding,
            visibility: both,
            ty: BindingType::Buffer {
                ty: BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: NonZeroU64::new(size as u64),
            },
            count: None,
        };
        let texture = |binding, visibility, sample_type| BindGroupLayoutEntry {
            binding,
            visibility,
            ty: BindingType::Texture { sample_type, view_dimension: TextureViewDimension::D2, multisampled: false },
            count: None,
        };
        let frame = uniform(0, size_of::<FrameUniform>());
        let styles = texture(1, ShaderStages::VERTEX, TextureSampleType::Uint);
        let shadow = texture(2, ShaderStages::FRAGMENT, TextureSampleType::Depth);
        let sampler = BindGroupLayoutEntry {
            binding: 3,
            visibility: ShaderStages::FRAGMENT,
            ty: BindingType::Sampler(SamplerBindingType::Comparison),
            count: None,
        };
        Self {
            frame_layout: device.create_bind_group_layout("frame", &[frame, styles]),
            shaded_layout: device.create_bind_group_layout("frame with shadows", &[frame, styles, shadow, sampler]),
            tile_layout: device.create_bind_group_layout("tile", &[uniform(0, size_of::<TileUniform>())]),
            frame: device.create_buffer(&BufferDescriptor {
                label: Some("frame"),
                size: size_of::<FrameUniform>() as u64,
                usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
            capsules: [Capsule::new(&device, 12, true), Capsule::new(&device, 6, false)],
            device,
            queue,
        }
    }

    pub fn upload(&self, built: &Built) -> GpuTile {
        let buffer = |label, bytes: &[u8], usage| {
            self.device.create_buffer_with_data(&BufferInitDescriptor { label: Some(label), contents: bytes, usage })
        };
        let counted = |label, indices: &[u32]| {
            (!indices.is_empty()).then(|| (buffer(label, bytemuck::cast_slice(indices), BufferUsages::INDEX), indices.len() as u32))
        };
        let uniform = self.device.create_buffer(&BufferDescriptor {
            label: Some("tile"),
            size: size_of::<TileUniform>() as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let bind = self.device.create_bind_group(
            "tile",
            &self.tile_layout,
            &[BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }],
        );
        let vertices = &built.vertices;
        let tubes = &built.tubes;
        GpuTile {
            origin: built.origin,
            rows: built.features.len() as u32,
            min: built.min,
            max: built.max,
            vertices: (!vertices.is_empty()).then(|| buffer("vertices", bytemuck::cast_slice(vertices), BufferUsages::VERTEX)),
            indices: counted("indices", &built.indices),
            edges: counted("edges", &built.edges),
            tubes: (!tubes.is_empty()).then(|| (buffer("tubes", bytemuck::cast_slice(tubes), BufferUsages::VERTEX), tubes.len() as u32)),
            uniform,
            bind,
            written: Mutex::new(None),
        }
    }

    /// Brings the texture up to date: a new one when the texels have grown, else the changed rows.
    pub fn update_styles(&self, held: &mut Option<StyleTexture>, texels: &mut Texels) {
        if held.as_ref().is_none_or(|styles| styles.rows != texels.rows()) {
            *held = Some(self.new_styles(texels.rows()));
        }
        if let (Some(styles), Some((rows, data))) = (held, texels.take_dirty()) {
            self.queue.write_texture(
                TexelCopyTextureInfo {
                    texture: &styles.texture,
                    mip_level: 0,
                    origin: Origin3d { x: 0, y: rows.start, z: 0 },
                    aspect: TextureAspect::All,
                },
                bytemuck::cast_slice(data),
                TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(WIDTH * 8), rows_per_image: None },
                Extent3d { width: WIDTH, height: rows.end - rows.start, depth_or_array_layers: 1 },
            );
        }
    }

    fn new_styles(&self, rows: u32) -> StyleTexture {
        let texture = |label, width, height, format, usage| {
            self.device.create_texture(&TextureDescriptor {
                label: Some(label),
                size: Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: TextureDimension::D2,
                format,
                usage,
                view_formats: &[],
            })
        };
        let styles = texture("styles", WIDTH, rows, TextureFormat::Rg32Uint, TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST);
        let shadow = texture("shadow", SHADOW_SIZE, SHADOW_SIZE, DEPTH, TextureUsages::TEXTURE_BINDING | TextureUsages::RENDER_ATTACHMENT);
        let style_view = styles.create_view(&TextureViewDescriptor::default());
        let shadow_map = shadow.create_view(&TextureViewDescriptor::default());
        let sampler = self.device.create_sampler(&SamplerDescriptor {
            label: Some("shadow"),
            mag_filter: FilterMode::Linear,
            min_filter: FilterMode::Linear,
            compare: Some(CompareFunction::LessEqual),
            ..SamplerDescriptor::default()
        });
        let entry = |binding, resource| BindGroupEntry { binding, resource };
        let frame = || entry(0, self.frame.as_entire_binding());
        let styled = || entry(1, BindingResource::TextureView(&style_view));
        StyleTexture {
            rows,
            binding: StyleBinding {
                plain: self.device.create_bind_group("frame", &self.frame_layout, &[frame(), styled()]),
                shaded: self.device.create_bind_group(
                    "frame with shadows",
                    &self.shaded_layout,
                    &[frame(), styled(), entry(2, BindingResource::TextureView(&shadow_map)), entry(3, BindingResource::Sampler(&sampler))],
                ),
                shadow_map,
            },
            texture: styles,
        }
    }
}

impl Capsule {
    /// Rings of corners from pole to pole; `far` tells which end a ring hangs on.
    fn new(device: &RenderDevice, sides: u32, round: bool) -> Self {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        // Radius and place along the axis beyond the end, and which end.
        let rings: &[(f32, f32, f32)] = if round {
            &[(0.0, -1.0, 0.0), (half, -half, 0.0), (1.0, 0.0, 0.0), (1.0, 0.0, 1.0), (half, half, 1.0), (0.0, 1.0, 1.0)]
        } else {
            &[(1.0, 0.0, 0.0), (1.0, 0.0, 1.0)]
        };
        let mut corners: Vec<[f32; 4]> = Vec::new();
        for (radius, along, far) in rings {
            for side in 0..sides {
                let (sin, cos) = (side as f32 / sides as f32 * std::f32::consts::TAU).sin_cos();
                corners.push([cos * radius, sin * radius, *along, *far]);
            }
        }
        let mut indices: Vec<u32> = Vec::new();
        for ring in 0..rings.len() as u32 - 1 {
            for side in 0..sides {
                let next = (side + 1) % sides;
                let (a, b, c, d) = (ring * sides + side, ring * sides + next, (ring + 1) * sides + side, (ring + 1) * sides + next);
                indices.extend([a, b, c, b, d, c]);
            }
        }
        let buffer =
            |contents: &[u8], usage| device.create_buffer_with_data(&BufferInitDescriptor { label: Some("capsule"), contents, usage });
        Self {
            corners: buffer(bytemuck::cast_slice(&corners), BufferUsages::VERTEX),
            indices: buffer(bytemuck::cast_slice(&indices), BufferUsages::INDEX),
            count: indices.len() as u32,
        }
    }
}
