//! Puts the rooms together: with a window, on a page, or for a picture without either.

use crate::camera::{CameraPlugin, Looking};
use crate::city::{City, CityPlugin};
use crate::eye::Eye;
use crate::labels::LabelPlugin;
use crate::live::LivePlugin;
use crate::net::NetPlugin;
use crate::pace::PacePlugin;
use crate::render::{CityRenderPlugin, Samples};
use crate::scene::{ScenePlugin, SceneSystems};
use crate::selection::{Selection, SelectionPlugin};
use crate::ui::UiPlugin;
use crate::wish::Wish;
use bevy::camera::RenderTarget;
use bevy::core_pipeline::Core3d;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::camera::CameraRenderGraph;
use bevy::render::settings::{Backends, RenderCreation, WgpuSettings};
use citytwin_wire::link::Link;

/// How the viewer is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub server: String,
    pub key: Option<String>,
    pub link: Link,
    pub samples: Option<u32>,
    /// A picture of so many pixels instead of a window.
    pub picture: Option<(u32, u32)>,
    /// Several viewers in one process share the first one's log.
    pub quiet: bool,
}

/// What a link asks for is applied once the city's frame is known.
#[derive(Resource)]
struct Opening(Link);

pub fn build(options: &Options) -> App {
    let mut app = App::new();
    add_bevy(&mut app, options);
    let wish = Wish::from_link(&options.link);
    let lang = wish.lang.tag().to_owned();
    let samples = Samples(options.samples.unwrap_or(4));
    let budget_bytes = if cfg!(target_arch = "wasm32") { 384 << 20 } else { 2 << 30 };
    app.insert_resource(wish)
        .insert_resource(Opening(options.link.clone()))
        .insert_resource(ClearColor(Color::srgb_u8(0xDF, 0xE9, 0xF0)))
        .add_plugins((
            NetPlugin { server: options.server.clone(), key: options.key.clone(), lang },
            CityPlugin,
            CityRenderPlugin { samples },
            ScenePlugin { budget_bytes },
            LivePlugin,
            CameraPlugin,
            SelectionPlugin,
            LabelPlugin,
            UiPlugin,
        ))
        .add_systems(Update, open_link.before(SceneSystems::Stream));
    if options.picture.is_none() {
        app.add_plugins(PacePlugin);
        app.add_systems(Startup, move |mut commands: Commands| {
            spawn_camera(&mut commands, RenderTarget::default(), samples);
        });
    }
    app
}

/// Our pass fills the picture and needs nothing of Bevy's 3D camera but its schedule: no phases, no prepass, no lights.
pub fn spawn_camera(commands: &mut Commands, target: RenderTarget, samples: Samples) -> Entity {
    let msaa = if samples.0 >= 4 { Msaa::Sample4 } else { Msaa::Off };
    let camera = commands.spawn((Camera::default(), CameraRenderGraph::new(Core3d), Projection::default(), target, msaa)).id();
    #[cfg(not(target_arch = "wasm32"))]
    commands.entity(camera).insert(bevy_egui::PrimaryEguiContext);
    camera
}

fn open_link(
    mut opening: ResMut<Opening>,
    city: Res<City>,
    mut looking: ResMut<Looking>,
    mut selection: ResMut<Selection>,
    mut done: Local<bool>,
) {
    let (false, Some(frame)) = (*done, city.frame) else { return };
    *done = true;
    let link = std::mem::take(&mut opening.0);
    let eye = Eye::from_link(&link, &frame, city.geoid_offset_m());
    if let Some(eye) = eye {
        looking.set(eye);
    }
    if let Some(id) = link.selection {
        // With a place of its own the link says where to look from.
        selection.want(Some(id), eye.is_none());
    }
}

/// Only what the viewer draws with, so that the rest is not linked into the web build.
fn add_bevy(app: &mut App, options: &Options) {
    let window = Window {
        title: "CityTwin".to_owned(),
        canvas: Some("#city".to_owned()),
        fit_canvas_to_parent: true,
        prevent_default_event_handling: true,
        ..Window::default()
    };
    let headless = options.picture.is_some();
    let window_plugin = WindowPlugin {
        primary_window: (!headless).then_some(window),
        exit_condition: if headless { bevy::window::ExitCondition::DontExit } else { bevy::window::ExitCondition::OnPrimaryClosed },
        ..WindowPlugin::default()
    };
    if !options.quiet {
        // What the graphics libraries have to say about their drivers is for developers: RUST_LOG shows it.
        let filter = "warn,citytwin_viewer=info,wgpu_core=error,wgpu_hal=error,bevy_render=error,bevy_core_pipeline=error,bevy_egui=error"
            .to_owned();
        app.add_plugins(bevy::log::LogPlugin { filter, ..Default::default() });
    }
    app.add_plugins((
        bevy::app::PanicHandlerPlugin,
        bevy::app::TaskPoolPlugin::default(),
        bevy::diagnostic::FrameCountPlugin,
        bevy::time::TimePlugin,
        bevy::transform::TransformPlugin,
        bevy::diagnostic::DiagnosticsPlugin,
        bevy::input::InputPlugin,
        window_plugin,
        bevy::a11y::AccessibilityPlugin,
    ));
    app.add_plugins(bevy::asset::AssetPlugin::default());
    let mut settings = WgpuSettings::default();
    if cfg!(not(target_arch = "wasm32")) {
        // Vulkan, Metal or DX12: asking for OpenGL as well costs a second and finds nothing better.
        settings.backends = Some(Backends::from_env().unwrap_or(Backends::PRIMARY));
    }
    if !headless {
        app.add_plugins(bevy::winit::WinitPlugin::default());
    }
    app.add_plugins((
        RenderPlugin {
            render_creation: RenderCreation::Automatic(Box::new(settings)),
            synchronous_pipeline_compilation: headless,
            ..RenderPlugin::default()
        },
        bevy::image::ImagePlugin::default(),
        bevy::mesh::MeshPlugin,
        bevy::camera::CameraPlugin,
    ));
    #[cfg(not(target_arch = "wasm32"))]
    app.add_plugins(bevy::render::pipelined_rendering::PipelinedRenderingPlugin);
    app.add_plugins(bevy::core_pipeline::CorePipelinePlugin);
}
