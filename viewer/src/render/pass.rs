//! The city's pass: shadow map, sky, tiles, tubes, what is see-through.

use super::gpu::{DEPTH, GpuTile, Scene};
use super::uniforms::{Kind, TileUniform};
use super::{Draw, Drawing, StyleBinding};
use crate::mesh::{TubeInstance, Vertex};
use bevy::prelude::*;
use bevy::render::camera::ExtractedCamera;
use bevy::render::render_phase::TrackedRenderPass;
use bevy::render::render_resource::*;
use bevy::render::renderer::{RenderContext, RenderDevice, RenderQueue, ViewQuery};
use bevy::render::view::{Msaa, ViewTarget};

/// Built when the first picture shows which format and how many samples its target has.
#[derive(Resource, Default)]
pub struct Pipelines {
    built: Option<((TextureFormat, u32), Set)>,
}

struct Set {
    sky: RenderPipeline,
    surface: RenderPipeline,
    surface_depth: RenderPipeline,
    surface_blend: RenderPipeline,
    edges: RenderPipeline,
    tubes: RenderPipeline,
    shadow: RenderPipeline,
}

/// Depth of the picture, as large as its target; and which shadow map is drawn.
#[derive(Resource, Default)]
pub struct Depth {
    held: Option<(UVec2, u32, TextureView)>,
    shadow_key: Option<(u64, TextureViewId)>,
}

/// Uniforms are written here, not in the main world, which may already be a frame ahead.
pub fn write_uniforms(drawing: Res<Drawing>, scene: Res<Scene>, queue: Res<RenderQueue>) {
    queue.write_buffer(&scene.frame, 0, bytemuck::bytes_of(&drawing.frame));
    // A tile may cast and be drawn; then the drawn one's opacity counts.
    let casts = drawing.casters.iter().map(|draw| (draw, true));
    for (draw, only_casts) in drawing.tiles.iter().map(|draw| (draw, false)).chain(casts) {
        let tile = &draw.tile;
        let offset: [f32; 3] = std::array::from_fn(|i| (tile.origin[i] - drawing.origin[i]) as f32);
        let mut written = tile.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let opacity = written.filter(|_| only_casts).map_or(draw.opacity, |held| held.offset[3]);
        let uniform = TileUniform {
            offset: [offset[0], offset[1], offset[2], opacity],
            base: draw.base,
            rows: tile.rows,
            kind: draw.kind as u32,
            unused: 0,
        };
        if *written != Some(uniform) {
            queue.write_buffer(&tile.uniform, 0, bytemuck::bytes_of(&uniform));
            *written = Some(uniform);
        }
    }
}

pub fn draw_city(
    view: ViewQuery<(&ExtractedCamera, &ViewTarget, &Msaa)>,
    drawing: Res<Drawing>,
    scene: Res<Scene>,
    mut pipelines: ResMut<Pipelines>,
    mut depth: ResMut<Depth>,
    mut context: RenderContext,
) {
    let (camera, target, msaa) = view.into_inner();
    let (Some(size), Some(styles)) = (camera.physical_target_size, drawing.styles.as_ref()) else { return };
    let samples = msaa.samples();
    let set = pipelines.of(&scene, target.main_texture_format(), samples);
    let depth_view = depth.of(&scene.device, size, samples);

    let key = (drawing.shadow_key, styles.shadow_map.id());
    if drawing.frame.shadow[0] > 0.5 && depth.shadow_key != Some(key) {
        depth.shadow_key = Some(key);
        let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
            label: Some("shadow"),
            color_attachments: &[],
            depth_stencil_attachment: Some(depth_attachment(&styles.shadow_map, 1.0)),
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        });
        pass.set_render_pipeline(&set.shadow);
        pass.set_bind_group(0, &styles.plain, &[]);
        drawing.casters.iter().for_each(|draw| draw_surface(&mut pass, &draw.tile));
    }

    let ids = drawing.frame.modes[1] == 1;
    // Underground the terrain is a backdrop: it is drawn first, and what lies below is drawn over it as if it were glass.
    let backdrop = !ids && drawing.frame.modes[0] == 1 && !drawing.eye_is_below_ground;
    if backdrop {
        let colour = [Some(target.get_color_attachment())];
        let mut pass = context.begin_tracked_render_pass(city_pass("backdrop", &colour, &depth_view));
        surfaces(&mut pass, set, styles, &drawing, |draw| draw.kind == Kind::Ground);
        sky(&mut pass, set, styles);
    }

    let colour = [Some(target.get_color_attachment())];
    let mut pass = context.begin_tracked_render_pass(city_pass("city", &colour, &depth_view));
    let opaque = |draw: &Draw| ids || (draw.opacity >= 1.0 && !(backdrop && draw.kind == Kind::Ground));
    // Nearest first: what is hidden behind need not be shaded.
    surfaces(&mut pass, set, styles, &drawing, opaque);

    pass.set_render_pipeline(&set.tubes);
    pass.set_bind_group(0, &styles.plain, &[]);
    for coarse in [false, true] {
        let capsule = &scene.capsules[usize::from(coarse)];
        pass.set_vertex_buffer(0, capsule.corners.slice(..));
        pass.set_index_buffer(capsule.indices.slice(..), IndexFormat::Uint32);
        for draw in drawing.tiles.iter().filter(|draw| draw.coarse == coarse) {
            if let Some((tubes, count)) = &draw.tile.tubes {
                pass.set_bind_group(1, &draw.tile.bind, &[]);
                pass.set_vertex_buffer(1, tubes.slice(..));
                pass.draw_indexed(0..capsule.count, 0, 0..*count);
            }
        }
    }

    if !backdrop {
        sky(&mut pass, set, styles);
    }
    if ids {
        return;
    }

    // See-through things: each kind as one skin, so that what lies behind shows once and not per wall. Seen from below,
    // the ground is nearer than the houses on it.
    for kind in [Kind::Solid, Kind::Furniture, Kind::Ground] {
        let skin = |draw: &Draw| draw.kind == kind && draw.opacity < 1.0 && draw.opacity > 0.0 && !(backdrop && kind == Kind::Ground);
        if !drawing.tiles.iter().any(|draw| skin(draw)) {
            continue;
        }
        for pipeline in [&set.surface_depth, &set.surface_blend] {
            pass.set_render_pipeline(pipeline);
            pass.set_bind_group(0, &styles.shaded, &[]);
            drawing.tiles.iter().filter(|draw| skin(draw)).for_each(|draw| draw_surface(&mut pass, &draw.tile));
        }
    }

    pass.set_render_pipeline(&set.edges);
    pass.set_bind_group(0, &styles.plain, &[]);
    for draw in drawing.tiles.iter().filter(|draw| draw.edges && !(backdrop && draw.kind == Kind::Ground)) {
        if let (Some(vertices), Some((edges, count))) = (&draw.tile.vertices, &draw.tile.edges) {
            pass.set_bind_group(1, &draw.tile.bind, &[]);
            pass.set_vertex_buffer(0, vertices.slice(..));
            pass.set_index_buffer(edges.slice(..), IndexFormat::Uint32);
            pass.draw_indexed(0..*count, 0, 0..1);
        }
    }
}

fn city_pass<'a>(
    label: &'static str,
    colour: &'a [Option<RenderPassColorAttachment<'a>>],
    depth: &'a TextureView,
) -> RenderPassDescriptor<'a> {
    RenderPassDescriptor {
        label: Some(label),
        color_attachments: colour,
        depth_stencil_attachment: Some(depth_attachment(depth, 0.0)),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    }
}

fn surfaces<'w>(
    pass: &mut TrackedRenderPass<'w>,
    set: &'w Set,
    styles: &'w StyleBinding,
    drawing: &'w Drawing,
    takes: impl Fn(&Draw) -> bool,
) {
    pass.set_render_pipeline(&set.surface);
    pass.set_bind_group(0, &styles.shaded, &[]);
    drawing.tiles.iter().filter(|draw| takes(draw)).for_each(|draw| draw_surface(pass, &draw.tile));
}

/// Fills what nothing stands before.
fn sky<'w>(pass: &mut TrackedRenderPass<'w>, set: &'w Set, styles: &'w StyleBinding) {
    pass.set_render_pipeline(&set.sky);
    pass.set_bind_group(0, &styles.plain, &[]);
    pass.draw(0..3, 0..1);
}

fn draw_surface<'w>(pass: &mut TrackedRenderPass<'w>, tile: &'w GpuTile) {
    if let (Some(vertices), Some((indices, count))) = (&tile.vertices, &tile.indices) {
        pass.set_bind_group(1, &tile.bind, &[]);
        pass.set_vertex_buffer(0, vertices.slice(..));
        pass.set_index_buffer(indices.slice(..), IndexFormat::Uint32);
        pass.draw_indexed(0..*count, 0, 0..1);
    }
}

fn depth_attachment(view: &TextureView, clear: f32) -> RenderPassDepthStencilAttachment<'_> {
    RenderPassDepthStencilAttachment {
        view,
        depth_ops: Some(Operations { load: LoadOp::Clear(clear), store: StoreOp::Store }),
        stencil_ops: None,
    }
}

impl Depth {
    fn of(&mut self, device: &RenderDevice, size: UVec2, samples: u32) -> TextureView {
        if let Some((held, at, view)) = &self.held
            && (*held, *at) == (size, samples)
        {
            return view.clone();
        }
        let texture = device.create_texture(&TextureDescriptor {
            label: Some("depth"),
            size: Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: samples,
            dimension: TextureDimension::D2,
            format: DEPTH,
            usage: TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        let view = texture.create_view(&TextureViewDescriptor::default());
        self.held = Some((size, samples, view.clone()));
        view
    }
}

impl Pipelines {
    fn of(&mut self, scene: &Scene, format: TextureFormat, samples: u32) -> &Set {
        let key = (format, samples);
        if self.built.as_ref().is_none_or(|(held, _)| *held != key) {
            self.built = Some((key, Set::new(scene, format, samples)));
        }
        &self.built.as_ref().expect("just built").1
    }
}

impl Set {
    fn new(scene: &Scene, format: TextureFormat, samples: u32) -> Self {
        let maker = Maker { scene, format, samples };
        let surface = maker.module("surface", include_str!("surface.wgsl"));
        let edges = maker.module("edges", include_str!("edges.wgsl"));
        let tubes = maker.module("tubes", include_str!("tubes.wgsl"));
        let sky = maker.module("sky", include_str!("sky.wgsl"));
        let shadow = maker.module("shadow", include_str!("shadow.wgsl"));

        let corner =
            [attribute(0, 0, VertexFormat::Float32x3), attribute(1, 12, VertexFormat::Snorm8x4), attribute(2, 16, VertexFormat::Uint32)];
        let corners =
            [RawVertexBufferLayout { array_stride: size_of::<Vertex>() as u64, step_mode: VertexStepMode::Vertex, attributes: &corner }];
        let ring = [attribute(0, 0, VertexFormat::Float32x3), attribute(1, 12, VertexFormat::Float32)];
        let segment = [
            attribute(2, 0, VertexFormat::Float32x3),
            attribute(3, 12, VertexFormat::Float32),
            attribute(4, 16, VertexFormat::Float32x3),
            attribute(5, 28, VertexFormat::Uint32),
        ];
        let capsules = [
            RawVertexBufferLayout { array_stride: 16, step_mode: VertexStepMode::Vertex, attributes: &ring },
            RawVertexBufferLayout {
                array_stride: size_of::<TubeInstance>() as u64,
                step_mode: VertexStepMode::Instance,
                attributes: &segment,
            },
        ];
        let solid = Recipe { buffers: &corners, shaded: true, ..Recipe::new("surface", &surface) };
        Self {
            surface_depth: maker.pipeline(&Recipe { colour: false, ..solid }),
            surface_blend: maker.pipeline(&Recipe { blend: true, writes_depth: false, ..solid }),
            surface: maker.pipeline(&solid),
            edges: maker.pipeline(&Recipe {
                buffers: &corners,
                blend: true,
                writes_depth: false,
                topology: PrimitiveTopology::LineList,
                ..Recipe::new("edges", &edges)
            }),
            tubes: maker.pipeline(&Recipe { buffers: &capsules, ..Recipe::new("tubes", &tubes) }),
            sky: maker.pipeline(&Recipe { writes_depth: false, ..Recipe::new("sky", &sky) }),
            shadow: maker.pipeline(&Recipe { buffers: &corners, shadow: true, colour: false, ..Recipe::new("shadow", &shadow) }),
        }
    }
}

const fn attribute(shader_location: u32, offset: u64, format: VertexFormat) -> VertexAttribute {
    VertexAttribute { format, offset, shader_location }
}

#[derive(Clone, Copy)]
struct Recipe<'a> {
    label: &'static str,
    module: &'a ShaderModule,
    buffers: &'a [RawVertexBufferLayout<'a>],
    topology: PrimitiveTopology,
    shaded: bool,
    colour: bool,
    blend: bool,
    writes_depth: bool,
    shadow: bool,
}

impl<'a> Recipe<'a> {
    fn new(label: &'static str, module: &'a ShaderModule) -> Self {
        Self {
            label,
            module,
            buffers: &[],
            topology: PrimitiveTopology::TriangleList,
            shaded: false,
            colour: true,
            blend: false,
            writes_depth: true,
            shadow: false,
        }
    }
}

struct Maker<'a> {
    scene: &'a Scene,
    format: TextureFormat,
    samples: u32,
}

impl Maker<'_> {
    fn module(&self, label: &str, own: &str) -> ShaderModule {
        let text = format!("{}\n{own}", include_str!("common.wgsl"));
        self.scene
            .device
            .create_and_validate_shader_module(ShaderModuleDescriptor { label: Some(label), source: ShaderSource::Wgsl(text.into()) })
    }

    fn pipeline(&self, r: &Recipe) -> RenderPipeline {
        let device = &self.scene.device;
        let first = if r.shaded { &self.scene.shaded_layout } else { &self.scene.frame_layout };
        let layouts = [Some(&**first), Some(&*self.scene.tile_layout)];
        let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: Some(r.label),
            bind_group_layouts: if r.buffers.is_empty() { &layouts[..1] } else { &layouts },
            immediate_size: 0,
        });
        let targets = [Some(ColorTargetState {
            format: self.format,
            blend: r.blend.then_some(BlendState::ALPHA_BLENDING),
            // The picture itself stays opaque, whatever is blended into it.
            write_mask: if r.colour { ColorWrites::COLOR } else { ColorWrites::empty() },
        })];
        device.create_render_pipeline(&RawRenderPipelineDescriptor {
            label: Some(r.label),
            layout: Some(&layout),
            vertex: RawVertexState {
                module: r.module,
                entry_point: Some("vertex"),
                compilation_options: PipelineCompilationOptions::default(),
                buffers: r.buffers,
            },
            // Winding is not relied upon: a city has open bands, and is looked at from below, too.
            primitive: PrimitiveState { topology: r.topology, cull_mode: None, ..PrimitiveState::default() },
            depth_stencil: Some(DepthStencilState {
                format: DEPTH,
                depth_write_enabled: Some(r.writes_depth),
                depth_compare: Some(if r.shadow { CompareFunction::LessEqual } else { CompareFunction::GreaterEqual }),
                stencil: StencilState::default(),
                bias: if r.shadow { DepthBiasState { constant: 2, slope_scale: 1.5, clamp: 0.0 } } else { DepthBiasState::default() },
            }),
            multisample: MultisampleState { count: if r.shadow { 1 } else { self.samples }, ..MultisampleState::default() },
            fragment: (!r.shadow).then_some(RawFragmentState {
                module: r.module,
                entry_point: Some("fragment"),
                compilation_options: PipelineCompilationOptions::default(),
                targets: &targets,
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}
