//! The HTTP side over a small city, through the real router. One file per part of the URL tree.

mod edits;
mod features;
mod maps;
mod pages;
mod readings;
mod security;

use crate::app::App;
use crate::config::Config;
use crate::{feed, overlays, router, scene, serve};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use citytwin_catalogue::Catalogue;
use citytwin_model::{Geometry, LonLat, Position, Shape, Value};
use citytwin_store::{CityConfig, Edit, Store};
use serde_json::Value as Json;
use std::path::Path;
use tower::ServiceExt;

const HOST: &str = "localhost:8080";

/// A running server over a city in a temporary folder, without its sockets.
pub struct Desk {
    pub app: App,
    router: Router,
    key: String,
    city: tempfile::TempDir,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and problem code: what a refusal comes down to.
    pub fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }
}

impl Desk {
    pub async fn open() -> Self {
        let city = tempfile::tempdir().unwrap();
        make_city(city.path());
        Self::open_in(city, |_| {}).await
    }

    pub async fn open_in(city: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::for_city(city.path());
        change(&mut config);
        let desk = Self::start(city, config).await;
        tokio::spawn(feed::follow(desk.app.clone()));
        tokio::spawn(overlays::follow(desk.app.clone()));
        tokio::spawn(scene::follow(desk.app.clone()));
        desk
    }

    /// One that answers requests and follows nothing.
    pub async fn rest_in(city: tempfile::TempDir) -> Self {
        let config = Config::for_city(city.path());
        Self::start(city, config).await
    }

    async fn start(city: tempfile::TempDir, config: Config) -> Self {
        let (app, _writer) = tokio::task::spawn_blocking(move || serve::open(config).unwrap()).await.unwrap();
        let key = std::fs::read_to_string(city.path().join("admin.key")).unwrap().trim().to_owned();
        Self { router: router::router(&app), app, key, city }
    }

    pub fn path(&self) -> &Path {
        self.city.path()
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request("GET", path, headers, Body::empty())).await
    }

    /// With the key.
    pub async fn change(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(request(method, path, &all, Body::from(body.to_owned()))).await
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
    request.headers_mut().insert(header::HOST, HOST.parse().unwrap());
    request.headers_mut().insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// A street corner: two pipes, two hydrants (one fed by a pipe), two buildings, one sensor with two datastreams.
pub fn make_city(dir: &Path) {
    let catalogue = Catalogue::builtin();
    let mut config = CityConfig::new("测试市", LonLat { lon: 116.0, lat: 30.0 });
    config.name.en = "Testville".into();
    config.geoid_offset_m = -12.5;
    config.simulated = true;
    let store = Store::create(dir, &config, &catalogue.classes).unwrap();
    let at = |lon: f64, lat: f64, z: f64| Position::new(116.0 + lon, 30.0 + lat, z);
    let edits = [
        create(
            "hydrant",
            Some(point(at(0.0005, 0.0005, 21.25))),
            &[("code", "H-1".into()), ("name", "东街消火栓".into()), ("state", "in_use".into()), ("pressure_kpa", 280.5.into())],
        ),
        create("hydrant", Some(point(at(0.01, 0.01, 22.0))), &[("code", "H-2".into()), ("state", "stopped".into())]),
        create(
            "water_pipe",
            Some(Geometry::with_z(Shape::Line(vec![at(0.0, 0.0005, 18.5), at(0.0005, 0.0005, 18.4), at(0.002, 0.0005, 18.2)]))),
            &[
                ("code", "P-1".into()),
                ("state", "in_use".into()),
                ("material", "cast_iron".into()),
                ("diameter_mm", Value::Int(200)),
                ("built_year", Value::Int(1990)),
                ("soil", "medium".into()),
                ("pressure_kpa", 400.0.into()),
                ("to_node", "H-1".into()),
            ],
        ),
        create(
            "water_pipe",
            Some(Geometry::with_z(Shape::Line(vec![at(0.002, 0.0005, 18.2), at(0.004, 0.0005, 18.0)]))),
            &[("code", "P-2".into()), ("state", "in_use".into())],
        ),
        create(
            "building",
            Some(square(at(0.0003, 0.0003, 0.0), 0.0001)),
            &[("code", "B-1".into()), ("name", "一号楼".into()), ("height_m", 24.0.into())],
        ),
        create("building", Some(square(at(0.005, 0.005, 0.0), 0.0001)), &[("code", "B-2".into()), ("height_m", 9.5.into())]),
        create(
            "sensor",
            Some(point(at(0.0005, 0.0005, 21.3))),
            &[("code", "S-1".into()), ("host", "H-1".into()), ("simulated", true.into())],
        ),
        create(
            "datastream",
            None,
            &[
                ("code", "H-1.pressure".into()),
                ("sensor", "S-1".into()),
                ("host", "H-1".into()),
                ("property", "pressure".into()),
                ("unit", "kPa".into()),
                ("alarm_low", 140.0.into()),
                ("hysteresis", 10.0.into()),
                ("severity", "serious".into()),
                ("simulated", true.into()),
                ("baseline", 280.0.into()),
                ("amplitude", 15.0.into()),
            ],
        ),
        create(
            "datastream",
            None,
            &[("code", "P-1.flow".into()), ("host", "P-1".into()), ("property", "flow".into()), ("unit", "m³/h".into())],
        ),
    ];
    // One by one: a reference needs its target to be there.
    for edit in edits {
        store.write("test", "test", &[edit]).unwrap();
    }
}

fn create(class: &str, geometry: Option<Geometry>, attributes: &[(&str, Value)]) -> Edit {
    let class = Catalogue::builtin().class(class).unwrap();
    let mut values = vec![Value::Null; class.attributes.len()];
    for (name, value) in attributes {
        let place = class.attribute_index(name).unwrap_or_else(|| panic!("{} has no {name}", class.id));
        values[place] = value.clone();
    }
    Edit::Create { class: class.no, geometry, attributes: values, other: None }
}

fn point(at: Position) -> Geometry {
    Geometry::with_z(Shape::Point(at))
}

fn square(at: Position, side: f64) -> Geometry {
    let corner = |x: f64, y: f64| Position::new(at.lon + x * side, at.lat + y * side, 0.0);
    Geometry::flat(Shape::Polygon(vec![vec![corner(0.0, 0.0), corner(1.0, 0.0), corner(1.0, 1.0), corner(0.0, 1.0), corner(0.0, 0.0)]]))
}
