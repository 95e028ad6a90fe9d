//! The city quarter by quarter: strips from south to north, in a strip from west to east. A quarter is made, handed to the
//! sink and forgotten, but for what its neighbours must know.

use crate::admin::{self, Census};
use crate::emit::Emitter;
use crate::frame::Frame;
use crate::geodesy::Geodesy;
use crate::mains::Main;
use crate::places::Places;
use crate::plan::Plan;
use crate::quarter::Quarter;
use crate::script::{self, Incident, Label, Script};
use crate::seams::Seams;
use crate::streets::{Node, Service};
use crate::truth::{self, Planted, Truth};
use crate::water::{self, Water};
use crate::{ORIGIN, Sink, SinkError, Size, Summary, buildings, drains, gas, places, roads, sensors, waters};

/// The script plays its incidents in this time, then starts again.
const REPEAT_S: f64 = 600.0;
/// So many of the pipes that break most are written down as failing.
const FAILING: usize = 12;

/// Makes a city and hands its features to the sink. The same size and seed give the same features, to the last bit.
pub fn generate(size: Size, seed: u64, sink: &mut dyn Sink) -> Result<Summary, SinkError> {
    let geodesy = Geodesy::at(ORIGIN);
    let frame = Frame::new(seed, size.extent(), size.rings());
    let mut out = Emitter::new(geodesy.clone(), sink);
    let mut city = City::default();
    waters::lake(&frame, &mut out)?;
    water::emit_patterns(&mut out)?;
    let total = frame.strips.len() * frame.across.len();
    for b in 0..frame.strips.len() {
        for a in 0..frame.across.len() {
            city.quarter(&Quarter::new(&frame, a, b), &mut out)?;
            out.made(frame.serial(a, b) + 1, total);
        }
    }
    let counts = out.counts();
    let planted = city.planted(&geodesy);
    let mut incidents = city.incidents;
    incidents.sort_by(|a, b| first_start(a).total_cmp(&first_start(b)));
    let script = Script { format: script::FORMAT.to_owned(), simulated: true, repeat_s: REPEAT_S, incidents };
    let truth = Truth { format: truth::FORMAT.to_owned(), size: size.to_string(), seed, counts: counts.clone(), planted };
    Ok(Summary { counts, script, truth, frame, geodesy })
}

fn first_start(incident: &Incident) -> f64 {
    incident.courses.iter().map(|course| course.start_s).fold(f64::INFINITY, f64::min)
}

/// What is kept of the quarters made so far.
#[derive(Debug, Default)]
struct City {
    seams: Seams,
    census: Census,
    /// One of each kind: the middle quarter's, or else the first.
    incidents: Vec<Incident>,
    gap: Option<Plan>,
    failing: Vec<Main>,
    ponding: Vec<(String, Plan, f64)>,
}

impl City {
    fn quarter(&mut self, quarter: &Quarter, out: &mut Emitter) -> Result<(), SinkError> {
        let seams = &mut self.seams;
        let roads = roads::emit(quarter, seams, out)?;
        let town = buildings::emit(quarter, seams, out)?;
        let places = places::emit(quarter, &town, out)?;
        admin::emit(quarter, &town.residents, &mut self.census, out)?;
        let water = water::emit(quarter, &town, seams, out)?;
        let gas = gas::emit(quarter, seams, out)?;
        let mut storm = drains::emit(quarter, Service::Storm, None, &places.river, seams, out)?;
        // The trunk sewers come in below drains of the quarter to the west.
        storm.low.extend(seams.storm_low.iter().filter(|(node, _)| !quarter.owns(**node)).map(|(node, low)| (*node, *low)));
        let sewer = drains::emit(quarter, Service::Sewer, Some(&storm), &places.river, seams, out)?;
        let banks = [quarter.south_bank, quarter.south_bank + 1].map(|j| Node { i: quarter.i1, j });
        seams.storm_low.extend(banks.into_iter().filter_map(|node| Some((node, *storm.low.get(&node)?))));
        seams.close(quarter);
        let hosts = sensors::Hosts { roads: &roads, water: &water, gas: &gas, storm: &storm, sewer: &sewer, places: &places };
        for incident in sensors::emit(quarter, hosts, out)? {
            match self.incidents.iter_mut().find(|known| known.id == incident.id) {
                Some(known) if quarter.is_middle() => *known = incident,
                Some(_) => {}
                None => self.incidents.push(incident),
            }
        }
        self.remember(water, places);
        Ok(())
    }

    fn remember(&mut self, water: Water, places: Places) {
        self.gap = self.gap.or(water.gap);
        // The pipes that break most, for their length.
        self.failing.extend(water.mains.into_iter().filter(|main| main.breaks > 0 && main.length_m > 20.0));
        let rate = |main: &Main| main.breaks as f64 / main.length_m;
        self.failing.sort_by(|a, b| rate(b).total_cmp(&rate(a)).then_with(|| a.code.cmp(&b.code)));
        self.failing.truncate(FAILING);
        self.ponding.extend(places.ponding.into_iter().map(|point| (point.code, point.at, point.radius_m)));
    }

    fn planted(&self, geodesy: &Geodesy) -> Vec<Planted> {
        let degrees = |p: Plan| {
            let at = geodesy.degrees(p);
            [at.lon, at.lat]
        };
        let label = |zh: &str, en: &str| Label { zh: zh.to_owned(), en: en.to_owned() };
        let mut planted = vec![];
        planted.extend(self.gap.map(|gap| Planted {
            kind: "hydrant_gap".into(),
            label: label("消火栓覆盖盲区", "no hydrant within reach"),
            at: degrees(gap),
            features: vec![],
            found_by: "coverage".into(),
            radius_m: Some(water::GAP_RADIUS_M),
        }));
        planted.extend(self.failing.iter().map(|main| Planted {
            kind: "failing_pipe".into(),
            label: label("频繁破损的供水管", "water pipe that breaks often"),
            at: degrees(main.middle),
            features: vec![["water_pipe".into(), main.code.clone()]],
            found_by: "risk".into(),
            radius_m: None,
        }));
        planted.extend(self.ponding.iter().map(|(code, at, radius_m)| Planted {
            kind: "ponding".into(),
            label: label("路口低洼积水", "hollow where rain gathers"),
            at: degrees(*at),
            features: vec![["ponding_point".into(), code.clone()]],
            found_by: "flooding".into(),
            radius_m: Some(*radius_m),
        }));
        planted
    }
}
