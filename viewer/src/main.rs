//! The viewer's program: reads how it is started, then runs the app or takes one picture.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    native::run()
}

#[cfg(target_arch = "wasm32")]
fn main() {
    use wasm_bindgen::prelude::*;
    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = citytwinHost)]
        fn query() -> String;
        #[wasm_bindgen(js_namespace = citytwinHost)]
        fn samples() -> u32;
    }
    let link = citytwin_wire::link::Link::parse(&query());
    citytwin_viewer::app::build(&citytwin_viewer::app::Options { link, samples: Some(samples()), ..Default::default() }).run();
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use citytwin_viewer::app::{self, Options};
    use citytwin_viewer::screenshot::Studio;
    use citytwin_viewer::ui::native::find_font;
    use citytwin_wire::link::Link;
    use clap::Parser;
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::Duration;

    /// Fly through a city that `citytwin serve` serves.
    ///
    ///     citytwin-viewer --server http://127.0.0.1:8080
    ///     citytwin-viewer --screenshot city.png --size 1600x900 --view 116,30,600,45,-30 --overlay risk
    #[derive(Parser)]
    #[command(version, verbatim_doc_comment)]
    struct Args {
        /// Address of the server
        #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
        server: String,
        /// File with the city's key, for acknowledging alarms; CITYTWIN_KEY holds the key itself
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// A link of the console or of another viewer: all after the `?`
        #[arg(long, value_name = "QUERY")]
        link: Option<String>,
        /// Where to look from: longitude, latitude (degrees), height (m in the city's datum), heading, pitch (degrees)
        #[arg(long, value_name = "LON,LAT,HEIGHT,HEADING,PITCH", allow_hyphen_values = true)]
        view: Option<String>,
        /// Overlay to switch on: risk, coverage
        #[arg(long, value_name = "ID")]
        overlay: Option<String>,
        /// See through the ground
        #[arg(long)]
        underground: bool,
        /// Feature to select: hydrant.12
        #[arg(long, value_name = "CLASS.FID")]
        selection: Option<String>,
        /// Layer groups to show, with commas between; all where absent
        #[arg(long, value_name = "IDS", value_delimiter = ',')]
        layers: Option<Vec<String>>,
        /// zh or en; LANG decides where absent
        #[arg(long, value_parser = ["zh", "en"])]
        lang: Option<String>,
        /// Samples per pixel for smooth edges: 4, or 1 on slow machines
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4))]
        samples: u32,
        /// Take one picture of the finished view and end; no window is opened
        #[arg(long, value_name = "FILE.png")]
        screenshot: Option<PathBuf>,
        /// Size of the picture in pixels
        #[arg(long, default_value = "1280x720", value_name = "WxH", value_parser = parse_size)]
        size: (u32, u32),
        /// Draw the panels into the picture, too
        #[arg(long)]
        panels: bool,
        /// How long to wait for the view to be complete
        #[arg(long, default_value_t = 120, value_name = "SECS")]
        patience: u64,
    }

    fn parse_size(text: &str) -> Result<(u32, u32), String> {
        let side = |text: &str| text.parse().ok().filter(|n| (16..=8192).contains(n));
        let (w, h) = text.split_once('x').ok_or("give it as 1280x720")?;
        side(w).zip(side(h)).ok_or_else(|| "each side is 16 to 8192 pixels".to_owned())
    }

    pub fn run() -> ExitCode {
        let args = Args::parse();
        match perform(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("citytwin-viewer: {why}");
                ExitCode::from(2)
            }
        }
    }

    fn perform(args: Args) -> Result<(), Box<dyn std::error::Error>> {
        let mut link = Link::parse(args.link.as_deref().unwrap_or_default());
        if let Some(view) = &args.view {
            let numbers: Vec<f64> = view
                .split(',')
                .map(|n| n.trim().parse())
                .collect::<Result<_, _>>()
                .map_err(|_| format!("--view {view}: numbers with commas between"))?;
            let [lon, lat, height, heading, pitch] = numbers[..] else {
                return Err(format!("--view {view}: five numbers, LON,LAT,HEIGHT,HEADING,PITCH").into());
            };
            (link.lon, link.lat, link.height, link.heading, link.pitch) = (Some(lon), Some(lat), Some(height), Some(heading), Some(pitch));
        }
        link.overlay = args.overlay.or(link.overlay);
        link.underground |= args.underground;
        link.selection = args.selection.or(link.selection);
        link.layers = args.layers.or(link.layers);
        let locale = || std::env::var("LANG").ok().and_then(|lang| citytwin_assets::Lang::of_locale(&lang));
        link.lang = args.lang.or(link.lang).or_else(|| locale().map(|lang| lang.tag().to_owned()));
        let key = match args.key {
            Some(path) => Some(std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?.trim().to_owned()),
            None => std::env::var("CITYTWIN_KEY").ok(),
        };
        if !args.server.starts_with("http://") {
            return Err(format!("--server {}: an address that begins with http://", args.server).into());
        }
        find_font()?;
        let options = Options { server: args.server, key, link, samples: Some(args.samples), ..Options::default() };
        let Some(file) = args.screenshot else {
            app::build(&options).run();
            return Ok(());
        };
        let mut studio = Studio::open(options, args.size);
        studio.show_panels(args.panels);
        studio.settle(Duration::from_secs(args.patience))?;
        studio.take()?.save(&file)?;
        Ok(())
    }
}
