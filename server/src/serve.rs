//! `citytwin serve`: serves a city until interrupted. This file is the order in which things start and stop.

use crate::app::{App, Foundation};
use crate::classes::catalogue_of;
use crate::cli::Outcome;
use crate::compute::Compute;
use crate::config::{Config, Typed};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::readings::{Readings, Writer};
use crate::security::Security;
use crate::security::key::AdminKey;
use crate::view::View;
use crate::{clock, connections, feed, overlays, router, scene, simulator};
use anyhow::Context;
use citytwin_assets::{Lang, say};
use citytwin_live::Live;
use citytwin_store::Store;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Serve a city until interrupted
///
/// Without sign-in this machine reads; writing wants the key that is kept in the city's folder (admin.key, mode 600) and
/// printed as a one-time link at the start. Flags win over the environment, the environment over CITY/serve.toml.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  citytwin serve --city shifan --listen 127.0.0.1:8080")]
pub struct Args {
    #[command(flatten)]
    typed: Typed,
}

pub fn run(args: Args, lang: Lang) -> anyhow::Result<Outcome> {
    start_log(args.typed.log_json);
    let config = Config::resolve(&args.typed, lang).map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config, lang))
}

async fn serve(config: Config, lang: Lang) -> anyhow::Result<Outcome> {
    let simulate = config.simulate;
    let script = if simulate { simulator::read_script(&config.city).map_err(anyhow::Error::msg)? } else { None };
    // Listening first: a port that is taken should not cost reading the city.
    let listener = TcpListener::bind(config.listen).await.with_context(|| say(lang, "startup.port", &[("listen", &config.listen)]))?;
    let address = listener.local_addr()?;
    let config = Config { listen: address, ..config };
    let (app, writer) = tokio::task::spawn_blocking(move || open(config)).await??;

    let once = app.security.sessions.issue_once()?;
    announce(&app, address, &once, lang);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(feed::follow(app.clone()));
    tasks.spawn(overlays::follow(app.clone()));
    tasks.spawn(scene::follow(app.clone()));
    let store = app.store.clone();
    tasks.spawn_blocking(move || complete_indexes(&store));
    if simulate {
        tasks.spawn(simulator::play(app.clone(), script));
    }
    let ending = app.clone();
    tasks.spawn(async move {
        interrupted().await;
        ending.stopping.send_replace(true);
    });
    connections::serve(app.clone(), listener, router::router(&app)).await;

    while tasks.join_next().await.is_some() {}
    tokio::task::spawn_blocking(move || writer.end()).await?;
    tracing::info!("ended");
    Ok(Outcome::Done)
}

/// Opens everything that a city has. Blocks.
pub fn open(config: Config) -> anyhow::Result<(App, Writer)> {
    let catalogue = Arc::new(catalogue_of(&config.city)?);
    let store = Store::open(&config.city, &catalogue.classes)?;
    let view = View::read(&store, &catalogue)?;
    let live = Live::open(&config.city)?;
    let security = Security::new(AdminKey::open(&config.city)?, config.listen);
    let metrics = Arc::new(Metrics::default());
    // A clock's number is above all that an earlier run has given out.
    let start = u64::try_from(clock::now().micros()).unwrap_or(0);
    let hub = Arc::new(Hub::new(start, view.revision()));
    let (readings, writer) = Readings::start(live, &view.instruments.rules(), hub.clone(), metrics.clone())?;
    let compute = Compute::new(available_parallelism().map_or(2, usize::from))?;
    let city_tag = city_tag(&store)?;
    let store = Arc::new(store);
    let app = App::new(Foundation { config, store, catalogue, city_tag, view, compute, security, metrics, hub, readings });
    Ok((app, writer))
}

/// A load that was broken off may have left a spatial index aside. Nothing here waits for it: the server has its own.
fn complete_indexes(store: &Store) {
    match store.complete_indexes() {
        Ok(done) => done.iter().for_each(|class| tracing::info!(class, "the spatial index that a load had set aside is back")),
        Err(error) => tracing::warn!(%error, "a spatial index that a load had set aside could not be built"),
    }
}

/// Which city this is, for ETags: the file itself and not its name, when its first revision was made (a city that was
/// removed and made again may get the same file number and the same revisions), and what its settings say: heights and
/// names are in the answers.
fn city_tag(store: &Store) -> anyhow::Result<String> {
    let about = std::fs::metadata(store.dir().join(citytwin_store::STORE_FILE))?;
    let settings = std::fs::read(store.dir().join(citytwin_store::CONFIG_FILE))?;
    let mut hasher = DefaultHasher::new();
    (about.dev(), about.ino(), env!("CARGO_PKG_VERSION"), store.founded()?, settings).hash(&mut hasher);
    Ok(format!("{:08x}", hasher.finish() as u32))
}

/// What the operator sees.
fn announce(app: &App, address: std::net::SocketAddr, once: &str, lang: Lang) {
    let config = app.store.config();
    let name = if lang == Lang::Zh { &config.name.zh } else { &config.name.en };
    let features: usize = {
        let view = app.view();
        use citytwin_model::City;
        view.city.classes().iter().map(|class| view.city.count(class.no)).sum()
    };
    let say = |key: &str, values: &[(&str, &dyn std::fmt::Display)]| println!("{}", say(lang, key, values));
    say("startup.serving", &[("name", name), ("features", &features), ("revision", &app.view().revision())]);
    if config.simulated || app.config.simulate {
        say("startup.simulated", &[]);
    }
    say("startup.address", &[("url", &format!("http://{address}/"))]);
    say("startup.sign_in", &[("url", &format!("http://{address}/signin?once={once}"))]);
    for table in app.store.estranged() {
        say("startup.estranged", &[("table", &table), ("folder", &app.config.city.display())]);
    }
    // One that cannot be read now is no reason not to serve: the doctor looks at leisure.
    for table in app.store.strangers().unwrap_or_default() {
        say("startup.stranger", &[("table", &table), ("folder", &app.config.city.display())]);
    }
}

/// Ctrl-C, or what a service manager sends.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// The log goes to stderr; CITYTWIN_LOG says how much (`debug`, `citytwin=debug,info`).
fn start_log(json: bool) {
    let filter = EnvFilter::try_from_env("CITYTWIN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    if json { log.json().init() } else { log.init() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_catalogue::Catalogue;
    use citytwin_model::LonLat;
    use citytwin_store::{CityConfig, Edit};

    fn city(dir: &std::path::Path) -> Store {
        let classes = &Catalogue::builtin().classes;
        let store = Store::create(dir, &CityConfig::new("甲市", LonLat { lon: 116.0, lat: 30.0 }), classes).unwrap();
        let district = Catalogue::builtin().class("datastream").unwrap();
        let attributes = vec![citytwin_model::Value::Null; district.attributes.len()];
        store.write("test", "test", &[Edit::Create { class: district.no, geometry: None, attributes, other: None }]).unwrap();
        store
    }

    #[test]
    fn another_city_in_the_same_place_and_other_settings_are_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("city");
        let store = city(&dir);
        let first = city_tag(&store).unwrap();
        assert_eq!(city_tag(&store).unwrap(), first);
        // What is in its place is told by when it began, whatever the file system says.
        let founded = store.founded().unwrap();
        drop(store);
        std::fs::remove_dir_all(&dir).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let store = city(&dir);
        assert_ne!(store.founded().unwrap(), founded);
        let second = city_tag(&store).unwrap();
        assert_ne!(second, first);
        let settings = dir.join(citytwin_store::CONFIG_FILE);
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, text.replace("geoid_offset_m = 0.0", "geoid_offset_m = -12.5")).unwrap();
        assert_ne!(std::fs::read_to_string(&settings).unwrap(), text);
        assert_ne!(city_tag(&store).unwrap(), second);
    }
}
