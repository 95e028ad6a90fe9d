//! A city in a temporary folder, and the real program serving it on a port of its own.

#![allow(dead_code, reason = "each test uses its own part")]

use citytwin_catalogue::Catalogue;
use citytwin_model::{Geometry, LonLat, Position, Shape, Value};
use citytwin_store::{CityConfig, Edit, Store};
use serde_json::Value as Json;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The limit below which the test's datastreams raise an alarm.
pub const ALARM_LOW: f64 = 140.0;

/// A city of hydrants, each with a pressure datastream `H-n.pressure`.
pub fn make_city(dir: &Path, hydrants: usize, datastreams: usize) {
    let catalogue = Catalogue::builtin();
    let mut config = CityConfig::new("测试市", LonLat { lon: 116.0, lat: 30.0 });
    config.simulated = true;
    let store = Store::create(dir, &config, &catalogue.classes).unwrap();
    let at = |i: usize| Position::new(116.0 + (i % 100) as f64 * 1e-3, 30.0 + (i / 100) as f64 * 1e-3, 20.0 + i as f64 / 1e3);
    let hydrant = |i: usize| {
        create("hydrant", Some(Geometry::with_z(Shape::Point(at(i)))), &[("code", format!("H-{i}").into()), ("name", "消火栓".into())])
    };
    let edits: Vec<Edit> = (0..hydrants).map(hydrant).collect();
    store.write("test", "test", &edits).unwrap();
    let datastream = |i: usize| {
        let attributes: [(&str, Value); 7] = [
            ("code", format!("H-{i}.pressure").into()),
            ("host", format!("H-{i}").into()),
            ("property", "pressure".into()),
            ("unit", "kPa".into()),
            ("alarm_low", ALARM_LOW.into()),
            ("hysteresis", 10.0.into()),
            ("severity", "serious".into()),
        ];
        create("datastream", None, &attributes)
    };
    let edits: Vec<Edit> = (0..datastreams).map(datastream).collect();
    store.write("test", "test", &edits).unwrap();
}

fn create(class: &str, geometry: Option<Geometry>, attributes: &[(&str, Value)]) -> Edit {
    let class = Catalogue::builtin().class(class).unwrap();
    let mut values = vec![Value::Null; class.attributes.len()];
    for (name, value) in attributes {
        values[class.attribute_index(name).unwrap()] = value.clone();
    }
    Edit::Create { class: class.no, geometry, attributes: values, other: None }
}

/// `citytwin serve`, running.
pub struct Server {
    child: Child,
    pub url: String,
    pub sign_in: String,
    pub key: String,
    log: PathBuf,
    /// What it printed after the addresses.
    said: Arc<Mutex<String>>,
}

impl Server {
    pub fn start(city: &Path, more: &[&str]) -> Self {
        let log = city.join("serve.log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_citytwin"))
            .args(["serve", "--listen", "127.0.0.1:0", "--city"])
            .arg(city)
            .args(more)
            .env("LANG", "en_US.UTF-8")
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |word: &str| {
            for line in lines.by_ref() {
                let line = line.unwrap();
                if let Some(at) = line.find("http://").filter(|_| line.contains(word)) {
                    return line[at..].split_whitespace().next().unwrap().trim_end_matches('/').to_owned();
                }
            }
            panic!("the server ended before it said {word:?}: {}", fs::read_to_string(&log).unwrap_or_default());
        };
        let url = address("Address");
        let sign_in = address("sign in");
        // What it prints later must not fill the pipe.
        let said = Arc::new(Mutex::new(String::new()));
        let heard = said.clone();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| heard.lock().unwrap().push_str(&line)));
        let key = fs::read_to_string(city.join("admin.key")).unwrap().trim().to_owned();
        Self { child, url, sign_in, key, log, said }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.url, &self.key)
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as a service manager does, and waits.
    pub fn end(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Waits until it has printed this.
    pub fn says(&self, wanted: &str) {
        soon(Duration::from_secs(10), || self.said.lock().unwrap().contains(wanted).then_some(()));
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Nothing in the log that an operator would have to look at.
    pub fn assert_clean_log(&self) {
        let log = self.log();
        let bad: Vec<&str> =
            log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ") || line.contains("panicked")).collect();
        assert!(bad.is_empty(), "{bad:#?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP client that takes every status as an answer.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    key: String,
}

pub struct Answer {
    pub status: u16,
    pub etag: String,
    pub cookie: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Client {
    fn new(url: &str, key: &str) -> Self {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(Duration::from_secs(20)));
        Self { agent: config.build().into(), url: url.to_owned(), key: key.to_owned() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).unwrap()
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.get(format!("{}{path}", self.url)).header("accept", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call()?)
    }

    /// With the key, unless the headers say otherwise.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, ureq::Error> {
        let url = format!("{}{path}", self.url);
        let mut request = match method {
            "POST" => self.agent.post(url),
            "PUT" => self.agent.put(url),
            "PATCH" => self.agent.patch(url),
            other => panic!("{other}"),
        };
        request = request.header("content-type", "application/json");
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        answer(request.send(body)?)
    }
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (status, etag, cookie) = (response.status().as_u16(), header("etag"), header("set-cookie"));
    let mut body = Vec::new();
    response.into_body().into_reader().read_to_end(&mut body)?;
    Ok(Answer { status, etag, cookie, body })
}

/// Asks again until the answer is there.
pub fn soon<T>(at_most: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < at_most, "not within {at_most:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
