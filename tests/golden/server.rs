//! A server for one test: hands out the town's tiles and items over plain HTTP, and a live socket that says what the
//! test says.

use crate::support::{GEOID_OFFSET_M, ORIGIN, Village};
use citytwin_model::class::Group;
use citytwin_model::{City, FeatureId};
use citytwin_tiles::grid::TileId;
use citytwin_tiles::tiles3d::{self, Scene};
use citytwin_wire::catalogue::{Catalogue, City as CityWords, Class, Label, ObservedProperty};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

pub struct Server {
    pub url: String,
    say: Sender<String>,
}

struct Town {
    village: Village,
    scene: Scene,
    /// Byte of the risk overlay by feature; the rest is "no data".
    risk: fn(FeatureId) -> u8,
}

impl Server {
    pub fn start(village: Village, risk: fn(FeatureId) -> u8) -> Self {
        let scene = Scene::of(&village);
        let town = Arc::new(Town { village, scene, risk });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (say, heard) = channel();
        let heard = Arc::new(Mutex::new(heard));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (town, heard) = (town.clone(), heard.clone());
                thread::spawn(move || serve(stream, &town, &heard));
            }
        });
        Self { url, say }
    }

    /// Over the live socket.
    pub fn say(&self, message: &Value) {
        self.say.send(message.to_string()).expect("the server lives");
    }
}

fn serve(mut stream: TcpStream, town: &Town, heard: &Mutex<Receiver<String>>) {
    let mut start = [0u8; 9];
    if matches!(stream.peek(&mut start), Ok(9)) && start.starts_with(b"GET /live") {
        return live(stream, heard);
    }
    // One request after another on a connection, as browsers and ureq keep them.
    let mut held = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        while let Some(end) = held.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&held[..end]).into_owned();
            held.drain(..end + 4);
            let path = head.split(' ').nth(1).unwrap_or("/");
            let answer = answer(town, path);
            let (status, body) = match &answer {
                Some(body) => ("200 OK", body.as_slice()),
                None => ("404 Not Found", &b""[..]),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(n) => held.extend_from_slice(&chunk[..n]),
        }
    }
}

fn live(stream: TcpStream, heard: &Mutex<Receiver<String>>) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    let hello = json!({"type": "hello", "protocol": "citytwin.live.v1", "revision": 1, "simulated": true});
    let _ = socket.send(tungstenite::Message::text(hello.to_string()));
    // The subscription.
    let _ = socket.read();
    let _ = socket.send(tungstenite::Message::text(json!({"type": "snapshot", "seq": 1, "values": [], "alarms": []}).to_string()));
    let Ok(heard) = heard.lock() else { return };
    while let Ok(text) = heard.recv() {
        if socket.send(tungstenite::Message::text(text)).is_err() {
            return;
        }
    }
}

fn answer(town: &Town, path: &str) -> Option<Vec<u8>> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["catalogue"] => Some(serde_json::to_vec(&catalogue(&town.village)).expect("texts and numbers")),
        ["overlays"] => Some(overlays().to_string().into_bytes()),
        ["collections", class, "items"] => Some(items(&town.village, class)?.to_string().into_bytes()),
        ["collections", class, "items", fid] => Some(item(&town.village, class, fid.parse().ok()?)?.to_string().into_bytes()),
        ["3dtiles", "tileset.json"] => Some(town.scene.tileset().to_json()),
        ["3dtiles", group, level, x, file] => {
            let group = Group::from_id(group)?;
            let (y, kind) = file.split_once('.')?;
            let tile = TileId::new(level.parse().ok()?, x.parse().ok()?, y.parse().ok()?)?;
            match kind {
                "subtree" => town.scene.subtree(group, tile),
                "glb" => tiles3d::content(&town.village, group, tile),
                "values" if query == "overlay=risk" => Some(tiles3d::ids(&town.village, group, tile).into_iter().map(town.risk).collect()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn catalogue(village: &Village) -> Catalogue {
    Catalogue {
        classes: village.classes().iter().map(|class| Class::new(class, village.all(class.no).count() as u64)).collect(),
        properties: citytwin_catalogue::Catalogue::builtin().properties.iter().map(ObservedProperty::from).collect(),
        city: CityWords {
            name: Label { zh: "示范镇".to_owned(), en: "Shifan".to_owned() },
            origin: [ORIGIN.lon, ORIGIN.lat],
            bounds: Some([115.9955, 29.9965, 116.0045, 30.0035]),
            height_datum: "1985国家高程基准".to_owned(),
            geoid_offset_m: GEOID_OFFSET_M,
            simulated: true,
            revision: 1,
        },
    }
}

fn overlays() -> Value {
    json!([{"id": "risk", "label": {"zh": "管道风险", "en": "Pipe risk"}, "classes": ["water_pipe", "gas_pipe"], "revision": 1, "simulated": true, "legend": [
        {"byte_from": 0, "byte_to": 84, "colour": "#2e9e4f", "label": {"zh": "低", "en": "low"}},
        {"byte_from": 85, "byte_to": 169, "colour": "#e8b21c", "label": {"zh": "中", "en": "medium"}},
        {"byte_from": 170, "byte_to": 254, "colour": "#d7301f", "label": {"zh": "高", "en": "high"}}]}])
}

fn items(village: &Village, class: &str) -> Option<Value> {
    let class = village.class_by_id(class)?;
    let features: Vec<Value> = village.all(class.no).filter_map(|feature| item(village, &class.id, feature.id.fid)).collect();
    Some(json!({"type": "FeatureCollection", "numberReturned": features.len(), "features": features}))
}

fn item(village: &Village, class: &str, fid: u32) -> Option<Value> {
    let class = village.class_by_id(class)?;
    let feature = village.feature(FeatureId::new(class.no, fid))?;
    let mut text = Vec::new();
    citytwin_wire::geojson::write_feature(&mut text, &format!("{}.{fid}", class.id), class, &feature, &|_| None, b"");
    serde_json::from_slice(&text).ok()
}
