//! Our side as its clients meet it: a city in a folder, the real server on a port of its own, pages over HTTP.

use crate::rows::{self, ORIGIN};
use anyhow::{Context, Result, bail, ensure};
use citytwin_model::{Bounds, Feature, Shape};
use citytwin_store::{CityConfig, CollectionSchema, Field, FieldType, Kind, LoadInfo, Record, Store};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The collection that pages are asked of; points lie in one of their own.
pub const LINES: &str = "asset_line";
const POINTS: &str = "asset_point";

pub fn is_line(feature: &Feature) -> bool {
    feature.geometry.as_ref().is_some_and(|geometry| matches!(geometry.shape, Shape::Line(_)))
}

/// Writes the rows into a new city, lines and points each numbered in the order given.
pub fn make_city(dir: &Path, features: &[Feature]) -> Result<Duration> {
    let start = Instant::now();
    let mut config = CityConfig::new("bench", ORIGIN);
    config.simulated = true;
    let store = Store::create(dir, &config, &[])?;
    for (name, kind, wanted) in [(LINES, Kind::Line, true), (POINTS, Kind::Point, false)] {
        let field = |id: &str, ty| Field { id: id.to_owned(), ty };
        let attributes = vec![
            field("code", FieldType::Text),
            field("material", FieldType::Text),
            field("diameter_mm", FieldType::Int),
            field("built_year", FieldType::Int),
            field("cover_m", FieldType::Real),
        ];
        let class = store.own_collection(name, &CollectionSchema { label: name.to_owned(), geometry: kind, attributes })?;
        let places = |id: &str| rows::class().attribute_index(id).with_context(|| format!("{id} is no attribute of the rows"));
        let order: Vec<usize> = class.attributes.iter().map(|attribute| places(&attribute.id)).collect::<Result<_>>()?;
        let mut load = store.begin_load(LoadInfo { source: name.to_owned(), author: "bench".to_owned(), ..LoadInfo::default() })?;
        for (number, feature) in (1..).zip(features.iter().filter(|feature| is_line(feature) == wanted)) {
            load.add(Record {
                number,
                class: class.no,
                geometry: feature.geometry.clone(),
                attributes: order.iter().map(|place| feature.attributes.get(*place).cloned().unwrap_or_default()).collect(),
                other: None,
                source_id: None,
            })?;
        }
        let counts = load.finish()?.counts;
        ensure!(counts.refused == 0, "the store refused {} rows", counts.refused);
    }
    Ok(start.elapsed())
}

/// The server's process, until it is dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    pub ready: Duration,
}

impl Server {
    pub fn start(program: &Path, city: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let start = Instant::now();
        let log = city.with_extension("log");
        let file = File::create(&log)?;
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &address.to_string(), "--city"]).arg(city);
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        let mut server =
            Self { child: child.with_context(|| format!("cannot start {}", program.display()))?, address, ready: Duration::ZERO };
        while server.client().and_then(|mut client| client.get("/ready")).is_err() {
            if server.child.try_wait()?.is_some() || start.elapsed() > Duration::from_secs(120) {
                bail!("the server does not serve:\n{}", std::fs::read_to_string(&log)?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        server.ready = start.elapsed();
        Ok(server)
    }

    pub fn client(&self) -> Result<Client> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        Ok(Client { connection: BufReader::with_capacity(1 << 18, stream), address: self.address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection that stays open.
pub struct Client {
    connection: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    /// The first page of a box.
    pub fn page(&mut self, bounds: &Bounds, limit: usize) -> Result<Vec<u8>> {
        let Bounds { west, south, east, north } = bounds;
        self.get(&format!("/collections/{LINES}/items?bbox={west},{south},{east},{north}&limit={limit}"))
    }

    fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        write!(self.connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/geo+json\r\n\r\n", self.address)?;
        let status = self.line()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = self.line()?.to_ascii_lowercase();
            match header.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16)?;
                self.read(&mut body, size)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.read(&mut body, length)?;
        }
        ensure!(status.starts_with("HTTP/1.1 200"), "{path}: {status} {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.connection.read_line(&mut line)? > 0, "the server closed the connection");
        Ok(line.trim_end().to_owned())
    }

    fn read(&mut self, body: &mut Vec<u8>, size: usize) -> Result<()> {
        let start = body.len();
        body.resize(start + size, 0);
        Ok(self.connection.read_exact(&mut body[start..])?)
    }
}
