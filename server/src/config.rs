//! How the server is to run: flags over environment over file, resolved once into a struct without `Option`s.

use citytwin_assets::{Lang, say};
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Read from the city's folder when it is there.
pub const FILE_NAME: &str = "serve.toml";

pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
pub const DEFAULT_REQUEST_TIMEOUT_SECS: u64 = 30;
pub const DEFAULT_MAX_BODY_MIB: usize = 16;
pub const DEFAULT_MAX_CONNECTIONS: usize = 4096;
pub const DEFAULT_MAX_SUBSCRIBERS: usize = 2048;

/// What was typed, or set in the environment. The doc comments are the manual.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Typed {
    /// The city's folder; it holds city.toml and city.gpkg
    #[arg(long, value_name = "DIR", env = "CITYTWIN_CITY")]
    pub city: PathBuf,
    #[arg(long, value_name = "ADDRESS:PORT", env = "CITYTWIN_LISTEN", help = format!("Address to listen at; a loopback address [default: {DEFAULT_LISTEN}]"))]
    pub listen: Option<SocketAddr>,
    /// Drive the city's simulated datastreams (模拟数据): daily patterns, noise, and the incidents of script.json
    #[arg(long, env = "CITYTWIN_SIMULATE")]
    pub simulate: bool,
    /// Folder of the viewer's web build; where absent, `viewer` beside the program
    #[arg(long, value_name = "DIR", env = "CITYTWIN_VIEWER_DIR")]
    pub viewer_dir: Option<PathBuf>,
    #[arg(long, value_name = "SECS", env = "CITYTWIN_REQUEST_TIMEOUT_SECS", help = format!("Longest time for a request [default: {DEFAULT_REQUEST_TIMEOUT_SECS}]"))]
    pub request_timeout_secs: Option<u64>,
    #[arg(long, value_name = "MIB", env = "CITYTWIN_MAX_BODY_MIB", help = format!("Largest request body in MiB [default: {DEFAULT_MAX_BODY_MIB}]"))]
    pub max_body_mib: Option<usize>,
    #[arg(long, value_name = "N", env = "CITYTWIN_MAX_CONNECTIONS", help = format!("Connections open at once; more wait to be accepted [default: {DEFAULT_MAX_CONNECTIONS}]"))]
    pub max_connections: Option<usize>,
    #[arg(long, value_name = "N", env = "CITYTWIN_MAX_SUBSCRIBERS", help = format!("Live connections (WebSocket) at once; more are answered 503 [default: {DEFAULT_MAX_SUBSCRIBERS}]"))]
    pub max_subscribers: Option<usize>,
    /// Write the log as JSON, one object a line
    #[arg(long, env = "CITYTWIN_LOG_JSON")]
    pub log_json: bool,
}

/// What `serve.toml` may hold: the same names with underscores.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    simulate: Option<bool>,
    viewer_dir: Option<PathBuf>,
    request_timeout_secs: Option<u64>,
    max_body_mib: Option<usize>,
    max_connections: Option<usize>,
    max_subscribers: Option<usize>,
}

/// What it means.
#[derive(Clone, Debug)]
pub struct Config {
    pub city: PathBuf,
    pub listen: SocketAddr,
    pub simulate: bool,
    /// Where the viewer's web build is looked for, at each request: it may still be building.
    pub viewer_dir: PathBuf,
    pub request_timeout: Duration,
    pub max_body_bytes: usize,
    pub max_connections: usize,
    pub max_subscribers: usize,
}

impl Config {
    pub fn resolve(typed: &Typed, lang: Lang) -> Result<Self, String> {
        let path = typed.city.join(FILE_NAME);
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error: toml::de::Error| {
                say(lang, "config.file", &[("path", &path.display()), ("reason", &error.to_string().trim())])
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(say(lang, "config.file", &[("path", &path.display()), ("reason", &error)])),
        };
        let mut config = Self::merge(typed, file);
        if config.viewer_dir.is_relative() {
            config.viewer_dir = std::env::current_dir().map_err(|error| error.to_string())?.join(&config.viewer_dir);
        }
        config.check(lang)
    }

    fn merge(typed: &Typed, file: File) -> Self {
        let beside = || std::env::current_exe().ok().and_then(|exe| exe.parent().map(|dir| dir.join("viewer")));
        Self {
            city: typed.city.clone(),
            listen: typed.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            simulate: typed.simulate || file.simulate.unwrap_or(false),
            viewer_dir: typed.viewer_dir.clone().or(file.viewer_dir).or_else(beside).unwrap_or_else(|| PathBuf::from("viewer")),
            request_timeout: Duration::from_secs(
                typed.request_timeout_secs.or(file.request_timeout_secs).unwrap_or(DEFAULT_REQUEST_TIMEOUT_SECS),
            ),
            max_body_bytes: typed.max_body_mib.or(file.max_body_mib).unwrap_or(DEFAULT_MAX_BODY_MIB).saturating_mul(1 << 20),
            max_connections: typed.max_connections.or(file.max_connections).unwrap_or(DEFAULT_MAX_CONNECTIONS),
            max_subscribers: typed.max_subscribers.or(file.max_subscribers).unwrap_or(DEFAULT_MAX_SUBSCRIBERS),
        }
    }

    fn check(self, lang: Lang) -> Result<Self, String> {
        if !self.listen.ip().is_loopback() {
            return Err(say(lang, "config.not_loopback", &[("listen", &self.listen)]));
        }
        let limits: [(&str, u64); 4] = [
            ("request_timeout_secs", self.request_timeout.as_secs()),
            ("max_body_mib", self.max_body_bytes as u64),
            ("max_connections", self.max_connections as u64),
            ("max_subscribers", self.max_subscribers as u64),
        ];
        match limits.into_iter().find(|(_, limit)| *limit == 0) {
            Some((name, _)) => Err(say(lang, "config.zero", &[("name", &name)])),
            None => Ok(self),
        }
    }

    /// For tests: a city in a folder, everything else by default.
    #[cfg(test)]
    pub fn for_city(city: &Path) -> Self {
        Self::merge(&Typed { city: city.to_owned(), ..Typed::default() }, File::default())
    }
}

/// Whether a folder looks like a finished web build of the viewer.
pub fn is_viewer(dir: &Path) -> bool {
    dir.join("index.html").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let city = tempfile::tempdir().unwrap();
        std::fs::write(city.path().join(FILE_NAME), "listen = \"127.0.0.1:9000\"\nmax_body_mib = 2\nsimulate = true\n").unwrap();
        let mut typed = Typed { city: city.path().to_owned(), ..Typed::default() };
        let config = Config::resolve(&typed, Lang::En).unwrap();
        assert_eq!(
            (config.listen.port(), config.max_body_bytes, config.simulate, config.max_connections),
            (9000, 2 << 20, true, DEFAULT_MAX_CONNECTIONS)
        );
        typed.listen = Some("127.0.0.1:9001".parse().unwrap());
        assert_eq!(Config::resolve(&typed, Lang::En).unwrap().listen.port(), 9001);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let city = tempfile::tempdir().unwrap();
        let typed = Typed { city: city.path().to_owned(), ..Typed::default() };
        let refused = |text: &str| {
            std::fs::write(city.path().join(FILE_NAME), text).unwrap();
            Config::resolve(&typed, Lang::En).unwrap_err()
        };
        assert!(refused("lissten = \"127.0.0.1:1\"").contains("lissten"));
        assert!(refused("listen = \"0.0.0.0:8080\"").contains("0.0.0.0:8080"));
        assert!(refused("max_subscribers = 0").contains("max_subscribers"));
    }
}
