//! The demo city: a generator, deterministic by seed.
#![doc = include_str!("../README.md")]

mod admin;
mod blocks;
mod buildings;
mod catchments;
mod city;
pub mod dem;
mod drains;
mod emit;
mod flow;
mod frame;
mod gas;
mod geodesy;
mod gradient;
mod ground;
mod lake;
mod lines;
mod mains;
mod names;
mod overpass;
mod places;
mod plan;
mod quarter;
mod random;
mod rise;
mod roads;
pub mod script;
mod seams;
mod sensors;
mod stock;
mod street_plan;
mod streets;
mod toponyms;
pub mod truth;
mod water;
mod waters;

pub use city::generate;
pub use script::Script;
pub use truth::Truth;

use citytwin_model::class::Class;
use citytwin_model::{Geometry, LonLat, Value};
use frame::Frame;
use geodesy::Geodesy;
use ground::Extent;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

/// Where the demo city lies.
pub const ORIGIN: LonLat = LonLat { lon: 116.0, lat: 30.0 };
/// Ellipsoid height = height + this. Not 0, so that a slip shows.
pub const GEOID_OFFSET_M: f64 = -12.5;

/// The classes that a demo city has something of; the catalogue knows many more.
pub const CLASSES: [&str; 34] = [
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
    "network_curve",
    "ponding_point",
    "road",
    "road_node",
    "sensor",
    "sewer_pipe",
    "storm_pipe",
    "tunnel",
    "unit_grid",
    "water_area",
    "water_customer",
    "water_meter",
    "water_node",
    "water_pipe",
    "water_pump",
    "water_pump_station",
    "water_reservoir",
    "water_source",
    "water_valve",
    "water_zone",
];

/// How large a city to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// About 10 000 features on 1.6 × 1.2 km.
    Village,
    /// About 100 000 features on 4.8 × 3.6 km.
    Town,
    /// About 1 million features on 14 × 13 km.
    City,
    /// About 10 million features on 50 × 40 km.
    Metropolis,
}

impl Size {
    pub const ALL: [Self; 4] = [Self::Village, Self::Town, Self::City, Self::Metropolis];

    pub fn id(self) -> &'static str {
        match self {
            Self::Village => "village",
            Self::Town => "town",
            Self::City => "city",
            Self::Metropolis => "metropolis",
        }
    }

    /// Odd numbers of quarters, so that one lies in the middle. Larger cities lie on flatter land.
    fn extent(self) -> Extent {
        match self {
            Self::Village => Extent { across: 1, strips: 1, slope: 0.0022, has_lake: false },
            Self::Town => Extent { across: 3, strips: 3, slope: 0.0021, has_lake: true },
            Self::City => Extent { across: 9, strips: 11, slope: 0.0016, has_lake: true },
            Self::Metropolis => Extent { across: 31, strips: 33, slope: 0.0011, has_lake: true },
        }
    }

    /// Ring roads: how many quarters lie between the middle one and each.
    fn rings(self) -> &'static [usize] {
        match self {
            Self::Village => &[],
            Self::Town => &[0],
            Self::City => &[1, 3],
            Self::Metropolis => &[2, 6, 11],
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

    /// So many of the city's quarters are made.
    fn made(&mut self, _quarters: usize, _of: usize) {}
}

/// What was made, and what goes into the files beside it.
#[derive(Debug)]
pub struct Summary {
    /// Features per class.
    pub counts: BTreeMap<String, u64>,
    pub script: Script,
    pub truth: Truth,
    frame: Frame,
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

    /// `FILE.dem.tif`: the ground on a grid of about 10 m, of 20 m for the largest.
    pub fn write_dem(&self, to: &mut impl Write) -> io::Result<()> {
        dem::write(&self.frame.ground, &self.geodesy, &dem::Grid::of(&self.frame, &self.geodesy), to)
    }
}
