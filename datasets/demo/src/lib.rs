//! The demo city: a generator, deterministic by seed.
#![doc = include_str!("../README.md")]

mod blocks;
mod buildings;
pub mod dem;
mod drains;
mod emit;
mod flow;
mod geodesy;
mod gradient;
mod ground;
mod layout;
mod mains;
mod names;
mod places;
mod plan;
mod random;
mod roads;
pub mod script;
mod sensors;
mod stock;
pub mod truth;

pub use script::Script;
pub use truth::Truth;

use citytwin_model::class::Class;
use citytwin_model::{Geometry, LonLat, Value};
use emit::Emitter;
use geodesy::Geodesy;
use layout::{Extent, Layout, Service};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;
use truth::Planted;

/// Where the demo city lies.
pub const ORIGIN: LonLat = LonLat { lon: 116.0, lat: 30.0 };
/// Ellipsoid height = height + this. Not 0, so that a slip shows.
pub const GEOID_OFFSET_M: f64 = -12.5;

/// The classes that a demo city has something of; the catalogue knows many more.
pub const CLASSES: [&str; 25] = [
    "address",
    "bridge",
    "building",
    "datastream",
    "district",
    "fire_station",
    "gas_node",
    "gas_pipe",
    "gas_regulator",
    "gas_valve",
    "hydrant",
    "manhole",
    "outfall",
    "park",
    "ponding_point",
    "road",
    "sensor",
    "sewer_pipe",
    "storm_pipe",
    "tunnel",
    "water_area",
    "water_node",
    "water_pipe",
    "water_source",
    "water_valve",
];

/// How large a city to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// About 10 000 features on 1.6 × 1.2 km.
    Village,
}

impl Size {
    pub const ALL: [Self; 1] = [Self::Village];

    pub fn id(self) -> &'static str {
        match self {
            Self::Village => "village",
        }
    }

    fn extent(self) -> Extent {
        match self {
            Self::Village => Extent { half_u: 800.0, half_v: 600.0, columns: 14, rows_north: 8, rows_south: 5 },
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::id).join(", ");
        Self::ALL.into_iter().find(|size| size.id() == text).ok_or(format!("no such size; this version makes: {known}"))
    }
}

/// Why a sink could not take a feature: a full disk, mostly.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Takes features as they are made. Attributes are in the order of the class's own; references are codes.
pub trait Sink {
    fn add(&mut self, class: &Arc<Class>, geometry: Option<Geometry>, attributes: Vec<Value>) -> Result<(), SinkError>;
}

/// What was made, and what goes into the files beside it.
#[derive(Debug)]
pub struct Summary {
    /// Features per class.
    pub counts: BTreeMap<String, u64>,
    pub script: Script,
    pub truth: Truth,
    layout: Layout,
    geodesy: Geodesy,
}

impl Summary {
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// `FILE.city.toml`: what `load` gives to the city it creates.
    pub fn city_toml(&self) -> String {
        format!(
            "# 模拟数据 / simulated data: a fictional city\nname = {{ zh = \"示范市\", en = \"Shifan\" }}\ndivision = \"990100\"\ntime_zone = \"+08:00\"\n\
             origin = [{:.1}, {:.1}]\nheight_datum = \"1985\"\ngeoid_offset_m = {GEOID_OFFSET_M:.1}\nsimulated = true\n",
            ORIGIN.lon, ORIGIN.lat
        )
    }

    /// `FILE.dem.tif`: the ground on a grid of about 10 m.
    pub fn write_dem(&self, to: &mut impl Write) -> io::Result<()> {
        dem::write(&self.layout.ground, &self.geodesy, &dem::Grid::of(&self.layout, &self.geodesy), to)
    }
}

/// Makes a city and hands its features to the sink. The same size and seed give the same features, to the last bit.
pub fn generate(size: Size, seed: u64, sink: &mut dyn Sink) -> Result<Summary, SinkError> {
    let geodesy = Geodesy::at(ORIGIN);
    let layout = Layout::new(seed, size.extent());
    let mut out = Emitter::new(geodesy.clone(), sink);
    let roads = roads::emit(&layout, &mut out)?;
    let town = buildings::emit(&layout, &roads, &mut out)?;
    let places = places::emit(&layout, &town, &mut out)?;
    let water = mains::emit_water(&layout, &mut out)?;
    let gas = mains::emit_gas(&layout, &mut out)?;
    let storm = drains::emit(&layout, Service::Storm, None, &mut out)?;
    let sewer = drains::emit(&layout, Service::Sewer, Some(&storm), &mut out)?;
    let hosts = sensors::Hosts { roads: &roads, water: &water, gas: &gas, storm: &storm, sewer: &sewer, places: &places };
    let script = sensors::emit(&layout, hosts, &mut out)?;
    let planted = planted(&layout, &geodesy, &water, &places);
    let counts = out.counts();
    let truth = Truth { format: truth::FORMAT.to_owned(), size: size.to_string(), seed, counts: counts.clone(), planted };
    Ok(Summary { counts, script, truth, layout, geodesy })
}

fn planted(layout: &Layout, geodesy: &Geodesy, water: &mains::Water, places: &places::Places) -> Vec<Planted> {
    let degrees = |p| {
        let at = geodesy.degrees(p);
        [at.lon, at.lat]
    };
    let label = |zh: &str, en: &str| script::Label { zh: zh.to_owned(), en: en.to_owned() };
    let mut planted = vec![];
    if let Some(gap) = water.gap {
        planted.push(Planted {
            kind: "hydrant_gap".into(),
            label: label("消火栓覆盖盲区", "no hydrant within reach"),
            at: degrees(gap),
            features: vec![],
            found_by: "coverage".into(),
            radius_m: Some(mains::GAP_RADIUS_M),
        });
    }
    // The pipes that break most, for their length.
    let mut worst: Vec<&mains::Main> = water.mains.iter().filter(|main| main.breaks > 0 && main.length_m > 20.0).collect();
    worst.sort_by(|a, b| (b.breaks as f64 / b.length_m).total_cmp(&(a.breaks as f64 / a.length_m)).then_with(|| a.code.cmp(&b.code)));
    for main in worst.iter().take(12) {
        planted.push(Planted {
            kind: "failing_pipe".into(),
            label: label("频繁破损的供水管", "water pipe that breaks often"),
            at: degrees(main.middle),
            features: vec![["water_pipe".into(), main.code.clone()]],
            found_by: "risk".into(),
            radius_m: None,
        });
    }
    for (point, hollow) in places.ponding.iter().zip(&layout.ground.hollows) {
        planted.push(Planted {
            kind: "ponding".into(),
            label: label("路口低洼积水", "hollow where rain gathers"),
            at: degrees(point.at),
            features: vec![["ponding_point".into(), point.code.clone()]],
            found_by: "flooding".into(),
            radius_m: Some(hollow.radius_m),
        });
    }
    planted
}
