//! Draws the city: one pass of our own within Bevy's frame, so that native and web run the same few pipelines.
//!
//! A tile is a handful of buffers and one bind group; a frame is a list of tiles. Nothing here knows where tiles come
//! from or what features mean. No entity, material or transform per tile: Bevy's own way would extract, specialise and
//! bin each of them every frame, which costs most where we have least, in the browser.

mod gpu;
mod pass;
mod uniforms;

pub use gpu::{GpuTile, SHADOW_SIZE, Samples, Scene as GpuScene, StyleTexture};
pub use uniforms::{FrameUniform, Kind};

use bevy::core_pipeline::{Core3d, Core3dSystems};
use bevy::prelude::*;
use bevy::render::extract_resource::{ExtractResource, ExtractResourcePlugin};
use bevy::render::render_resource::{BindGroup, TextureView};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::render::{Render, RenderApp, RenderSystems};
use std::sync::Arc;

/// What is to be drawn, handed over once a frame.
#[derive(Resource, Clone, Default, ExtractResource)]
pub struct Drawing {
    pub frame: FrameUniform,
    /// Metres in the city frame that the frame's world counts from.
    pub origin: [f64; 3],
    pub tiles: Arc<Vec<Draw>>,
    /// Tiles whose shadows may fall into the picture; changes with `shadow_key`.
    pub casters: Arc<Vec<Draw>>,
    /// The shadow map is drawn again only when this changes.
    pub shadow_key: u64,
    pub eye_is_below_ground: bool,
    /// Bind groups of the style texture now in use; `None` until there is one.
    pub styles: Option<StyleBinding>,
}

#[derive(Clone)]
pub struct Draw {
    pub tile: Arc<GpuTile>,
    pub base: u32,
    pub kind: Kind,
    /// Below 1 it is blended over what lies behind.
    pub opacity: f32,
    /// Far away, tubes have fewer sides and no round ends.
    pub coarse: bool,
    pub edges: bool,
}

#[derive(Clone)]
pub struct StyleBinding {
    /// Frame and styles.
    pub plain: BindGroup,
    /// The same, and the shadow map.
    pub shaded: BindGroup,
    pub shadow_map: TextureView,
}

pub struct CityRenderPlugin {
    pub samples: Samples,
}

impl Plugin for CityRenderPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Drawing>().insert_resource(self.samples).add_plugins(ExtractResourcePlugin::<Drawing>::default());
    }

    /// The device is there only after all plugins were built.
    fn finish(&self, app: &mut App) {
        let device = app.world().resource::<RenderDevice>().clone();
        let queue = app.world().resource::<RenderQueue>().clone();
        let scene = GpuScene::new(device, queue);
        app.insert_resource(scene.clone());
        let Some(render) = app.get_sub_app_mut(RenderApp) else { return };
        render
            .insert_resource(scene)
            .init_resource::<pass::Pipelines>()
            .init_resource::<pass::Depth>()
            .add_systems(Render, pass::write_uniforms.in_set(RenderSystems::PrepareResources))
            .add_systems(Core3d, pass::draw_city.in_set(Core3dSystems::MainPass));
    }
}
