//! A picture without a window: renders to an image, waits until every tile of the view is there, reads it back.

use crate::app::{self, Options};
use crate::camera::Looking;
use crate::labels::Labels;
use crate::live::Lively;
use crate::render::Samples;
use crate::scene::Scene;
use crate::ui::native::Panels;
use crate::wish::Wish;
use bevy::camera::RenderTarget;
use bevy::math::DVec2;
use bevy::prelude::*;
use bevy::render::gpu_readback::{Readback, ReadbackComplete};
use bevy::render::render_resource::{TextureFormat, TextureUsages};
use std::path::Path;
use std::time::{Duration, Instant};

const LIVE_PATIENCE: Duration = Duration::from_secs(4);

/// RGBA, row by row from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("the view was not complete after {0} s: {1}")]
    Late(u64, String),
    #[error("the program ended before the picture was taken")]
    Ended,
    #[error("cannot write the picture: {0}")]
    Png(#[from] png::EncodingError),
    #[error("cannot write the picture: {0}")]
    Io(#[from] std::io::Error),
}

/// A viewer without a window. Frames pass only when asked for.
pub struct Studio {
    app: App,
    size: (u32, u32),
    image: Handle<Image>,
}

#[derive(Resource, Default)]
struct Taken(Option<Vec<u8>>);

impl Studio {
    pub fn open(mut options: Options, size: (u32, u32)) -> Self {
        options.picture = Some(size);
        let mut app = app::build(&options);
        let samples = *app.world().resource::<Samples>();
        app.init_resource::<Taken>();
        let mut image = Image::new_target_texture(size.0, size.1, TextureFormat::Rgba8UnormSrgb, None);
        image.texture_descriptor.usage |= TextureUsages::COPY_SRC;
        let image = app.world_mut().resource_mut::<Assets<Image>>().add(image);
        let target = RenderTarget::Image(image.clone().into());
        app.add_systems(Startup, move |mut commands: Commands| {
            app::spawn_camera(&mut commands, target.clone(), samples);
        });
        app.world_mut().resource_mut::<Looking>().size = DVec2::new(f64::from(size.0), f64::from(size.1));
        app.world_mut().resource_mut::<Wish>().still = true;
        // The device is made in the background; plugins are finished once it is here.
        while app.plugins_state() == bevy::app::PluginsState::Adding {
            bevy::tasks::tick_global_task_pools_on_main_thread();
        }
        app.finish();
        app.cleanup();
        Self { app, size, image }
    }

    pub fn world(&mut self) -> &mut World {
        self.app.world_mut()
    }

    pub fn show_panels(&mut self, shown: bool) {
        self.world().resource_mut::<Panels>().shown = shown;
    }

    pub fn frame(&mut self) {
        self.app.update();
    }

    /// Frames until nothing of the view is missing.
    pub fn settle(&mut self, patience: Duration) -> Result<(), PictureError> {
        let start = Instant::now();
        let mut calm = 0;
        while calm < 3 {
            self.app.update();
            if self.app.should_exit().is_some() {
                return Err(PictureError::Ended);
            }
            let world = self.app.world();
            // What is in alarm belongs into the picture; a server without a live socket does not hold it up for long.
            let live = world.resource::<Lively>().live.seq().is_some() || start.elapsed() > LIVE_PATIENCE;
            let done = live
                && world.resource::<Scene>().settled()
                && world.resource::<Labels>().settled()
                && !world.resource::<Looking>().moving();
            calm = if done { calm + 1 } else { 0 };
            if start.elapsed() > patience {
                let trouble = world.resource::<crate::city::City>().trouble.clone();
                let why = trouble.unwrap_or_else(|| format!("{:?}", world.resource::<Scene>().stream.statistics()));
                return Err(PictureError::Late(patience.as_secs(), why));
            }
            std::thread::sleep(Duration::from_millis(if done { 0 } else { 4 }));
        }
        // Labels look for houses before them a few at a time.
        (0..16).for_each(|_| self.app.update());
        Ok(())
    }

    pub fn take(&mut self) -> Result<Picture, PictureError> {
        let image = self.image.clone();
        self.world().resource_mut::<Taken>().0 = None;
        let reader = self
            .world()
            .spawn(Readback::texture(image))
            .observe(|read: On<ReadbackComplete>, mut taken: ResMut<Taken>| taken.0 = Some(read.data.clone()))
            .id();
        // The first answers may be of frames that were under way.
        let mut answers = 0;
        for _ in 0..2000 {
            self.app.update();
            if let Some(rgba) = self.world().resource_mut::<Taken>().0.take() {
                answers += 1;
                if answers >= 4 {
                    self.world().despawn(reader);
                    self.app.update();
                    return Ok(Picture { width: self.size.0, height: self.size.1, rgba: without_padding(&rgba, self.size) });
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(PictureError::Ended)
    }
}

/// The card copies rows of a multiple of 256 bytes.
fn without_padding(padded: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let row = width as usize * 4;
    padded.chunks(row.next_multiple_of(256)).take(height as usize).flat_map(|padded| &padded[..row]).copied().collect()
}

impl Picture {
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y * self.width + x) as usize * 4;
        [self.rgba[at], self.rgba[at + 1], self.rgba[at + 2], self.rgba[at + 3]]
    }

    pub fn save(&self, path: &Path) -> Result<(), PictureError> {
        let file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let mut encoder = png::Encoder::new(file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header()?.write_image_data(&self.rgba)?;
        Ok(())
    }
}
