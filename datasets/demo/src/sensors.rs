//! What watches the town, what it reports on a normal day, and what goes wrong in the simulator's script.

use crate::SinkError;
use crate::drains::{Drains, Manhole};
use crate::emit::{Emitter, Row};
use crate::gas::Gas;
use crate::geodesy::round_to;
use crate::mains::{Main, Valve};
use crate::places::Places;
use crate::plan::Plan;
use crate::quarter::Quarter;
use crate::random::Random;
use crate::roads::Roads;
use crate::script::{Course, Incident, Label};
use crate::streets::Node;
use crate::water::{Hydrant, Water};
use citytwin_catalogue::Catalogue;

/// What the sensors are put on.
#[derive(Clone, Copy, Debug)]
pub struct Hosts<'a> {
    pub roads: &'a Roads,
    pub water: &'a Water,
    pub gas: &'a Gas,
    pub storm: &'a Drains,
    pub sewer: &'a Drains,
    pub places: &'a Places,
}

/// A quarter's sensors; returns what may happen in it.
pub fn emit(quarter: &Quarter, hosts: Hosts, out: &mut Emitter) -> Result<Vec<Incident>, SinkError> {
    let mut watch = Watch { out, random: quarter.random("sensors") };
    let mut incidents = vec![];
    hydrants(quarter, hosts.water, &mut watch, &mut incidents)?;
    water_mains(hosts.water, &mut watch)?;
    methane(hosts, &mut watch, &mut incidents)?;
    levels(quarter, hosts, &mut watch, &mut incidents)?;
    if quarter.b == quarter.frame.extent.middle().1 {
        bridges(hosts.roads, &mut watch, &mut incidents)?;
    }
    tunnel(hosts.roads, &mut watch, &mut incidents)?;
    gas_supply(hosts.gas, &mut watch)?;
    Ok(incidents)
}

/// A datastream on a normal day, and its limits.
#[derive(Clone, Copy)]
struct Stream {
    property: &'static str,
    baseline: f64,
    amplitude: f64,
    high: Option<f64>,
    low: Option<f64>,
    hysteresis: f64,
    severity: &'static str,
}

/// A thing that is watched.
struct Host<'a> {
    code: &'a str,
    at: Plan,
    z: f64,
}

struct Watch<'a, 'b> {
    out: &'a mut Emitter<'b>,
    random: Random,
}

impl Watch<'_, '_> {
    /// One sensor with its datastreams. Returns the datastreams' codes.
    fn sensor(&mut self, kind: &'static str, name: &str, host: &Host, streams: &[Stream]) -> Result<Vec<String>, SinkError> {
        let code = self.out.code("CG");
        let row = Row::of("sensor")
            .set("code", code.as_str())
            .set("name", name)
            .set("state", "in_use")
            .set("built_year", self.random.whole(2019, 2025))
            .set("kind", kind)
            .set("host", host.code)
            .set("simulated", true);
        self.out.point(row, host.at, host.z)?;
        streams.iter().map(|stream| self.datastream(&code, name, host, stream)).collect()
    }

    fn datastream(&mut self, sensor: &str, name: &str, host: &Host, stream: &Stream) -> Result<String, SinkError> {
        let property =
            Catalogue::builtin().property(stream.property).unwrap_or_else(|| panic!("no observed property `{}`", stream.property));
        let code = format!("{sensor}.{}", stream.property);
        let row = Row::of("datastream")
            .set("code", code.as_str())
            .set("name", format!("{name} {}", property.label.zh))
            .set("state", "in_use")
            .set("simulated", true)
            .set("sensor", sensor)
            .set("host", host.code)
            .set("property", stream.property)
            .set("unit", property.unit.as_str())
            .set("alarm_high", stream.high)
            .set("alarm_low", stream.low)
            .set("hysteresis", stream.hysteresis)
            .set("severity", stream.severity)
            .measure("baseline", stream.baseline, 3)
            .measure("amplitude", stream.amplitude, 3);
        self.out.put(row, None)?;
        Ok(code)
    }

    fn incident(&self, id: &str, zh: String, en: String, at: Plan, courses: Vec<Course>) -> Incident {
        let degrees = self.out.geodesy.degrees(at);
        Incident { id: id.to_owned(), label: Label { zh, en }, at: [degrees.lon, degrees.lat], courses }
    }
}

/// `[start, rise, hold, fall]` in seconds.
fn course(datastream: &str, [start_s, rise_s, hold_s, fall_s]: [f64; 4], target: f64) -> Course {
    Course { datastream: datastream.to_owned(), start_s, rise_s, hold_s, fall_s, target: round_to(target, 2) }
}

fn nearest<T>(things: &[T], to: Plan, at: impl Fn(&T) -> Plan) -> Option<usize> {
    (0..things.len()).min_by(|a, b| at(&things[*a]).distance(to).total_cmp(&at(&things[*b]).distance(to)))
}

fn town_centre(quarter: &Quarter) -> Plan {
    quarter.ground().plan(quarter.at(Node { i: quarter.main_column, j: quarter.main_row }))
}

/// Every sixth hydrant reports. One near the middle of the town loses its pressure first of all.
fn hydrants(quarter: &Quarter, water: &Water, watch: &mut Watch, incidents: &mut Vec<Incident>) -> Result<(), SinkError> {
    let central = nearest(&water.hydrants, town_centre(quarter), |hydrant| hydrant.at);
    for (k, hydrant) in water.hydrants.iter().enumerate() {
        if k % 6 != 3 && Some(k) != central {
            continue;
        }
        let Hydrant { code, at, ground_m, pressure_kpa } = hydrant;
        // GB 50974-2014: not below 0.14 MPa in normal use.
        let stream = Stream {
            property: "pressure",
            baseline: *pressure_kpa,
            amplitude: 22.0,
            high: None,
            low: Some(140.0),
            hysteresis: 10.0,
            severity: "serious",
        };
        let host = Host { code, at: *at, z: *ground_m };
        let streams = watch.sensor("smart_hydrant", &format!("智能消火栓 {code}"), &host, &[stream])?;
        if Some(k) == central {
            let (zh, en) = (format!("消火栓 {code} 压力骤降"), format!("Hydrant {code} loses its pressure"));
            let courses = vec![course(&streams[0], [40.0, 6.0, 130.0, 20.0], 62.0)];
            incidents.push(watch.incident("hydrant_pressure", zh, en, *at, courses));
        }
    }
    Ok(())
}

/// Pressure on every twentieth pipe; flow too on the large ones.
fn water_mains(water: &Water, watch: &mut Watch) -> Result<(), SinkError> {
    for main in water.mains.iter().filter(|main| main.length_m > 20.0).step_by(20) {
        let Main { code, middle, ground_m, diameter_mm, pressure_kpa, .. } = main;
        let pressure = Stream {
            property: "pressure",
            baseline: *pressure_kpa,
            amplitude: 25.0,
            high: Some(690.0),
            low: Some(160.0),
            hysteresis: 10.0,
            severity: "warning",
        };
        // 0.5 m/s on average.
        let bore_m = *diameter_mm as f64 / 1000.0;
        let mean = libm::round(0.5 * std::f64::consts::PI * bore_m * bore_m / 4.0 * 3600.0);
        let flow = Stream {
            property: "flow",
            baseline: mean,
            amplitude: mean * 0.4,
            high: Some(mean * 2.5),
            low: None,
            hysteresis: mean * 0.1,
            severity: "warning",
        };
        let streams: &[Stream] = if *diameter_mm >= 200 { &[pressure, flow] } else { &[pressure] };
        let kind = if streams.len() > 1 { "flow_meter" } else { "pressure_gauge" };
        watch.sensor(kind, &format!("供水管网测点 {code}"), &Host { code, at: *middle, z: *ground_m }, streams)?;
    }
    if let Some((code, at, z)) = &water.source {
        let pressure = Stream {
            property: "pressure",
            baseline: water.source_kpa,
            amplitude: 12.0,
            high: Some(water.source_kpa + 110.0),
            low: Some(water.source_kpa - 90.0),
            hysteresis: 10.0,
            severity: "serious",
        };
        let chlorine = Stream {
            property: "chlorine",
            baseline: 0.6,
            amplitude: 0.08,
            high: Some(2.0),
            low: Some(0.3),
            hysteresis: 0.05,
            severity: "serious",
        };
        let turbidity = Stream {
            property: "turbidity",
            baseline: 0.35,
            amplitude: 0.08,
            high: Some(1.0),
            low: None,
            hysteresis: 0.1,
            severity: "warning",
        };
        watch.sensor("other", "水厂出厂水监测", &Host { code, at: *at, z: *z }, &[pressure, chlorine, turbidity])?;
    }
    Ok(())
}

/// Gas detectors in sewer manholes; in one, and then its neighbour, methane rises.
fn methane(hosts: Hosts, watch: &mut Watch, incidents: &mut Vec<Incident>) -> Result<(), SinkError> {
    // 20 % of the lower explosive limit is the usual first alarm in chambers.
    let stream =
        Stream { property: "ch4", baseline: 2.0, amplitude: 1.2, high: Some(20.0), low: None, hysteresis: 3.0, severity: "critical" };
    let mut watched: Vec<(String, &Manhole)> = vec![];
    for manhole in hosts.sewer.manholes.iter().step_by(14) {
        let host = Host { code: &manhole.code, at: manhole.at, z: manhole.rim_m };
        let streams = watch.sensor("gas_detector", &format!("井下可燃气体 {}", manhole.code), &host, &[stream])?;
        watched.push((streams[0].clone(), manhole));
    }
    // A leaking gas main: the watched manhole that lies nearest to the main with most breaks.
    let leaking = hosts.gas.mains.iter().max_by_key(|main| (main.breaks, std::cmp::Reverse(&main.code)));
    let Some(leak) = leaking.map(|main| main.middle) else { return Ok(()) };
    watched.sort_by(|a, b| a.1.at.distance(leak).total_cmp(&b.1.at.distance(leak)));
    if let [first, second, ..] = watched.as_slice() {
        let code = &first.1.code;
        let (zh, en) = (format!("检查井 {code} 甲烷浓度升高"), format!("Methane rises in manhole {code}"));
        let courses = vec![course(&first.0, [95.0, 45.0, 140.0, 60.0], 46.0), course(&second.0, [150.0, 60.0, 80.0, 50.0], 24.0)];
        incidents.push(watch.incident("manhole_methane", zh, en, first.1.at, courses));
    }
    Ok(())
}

/// Water levels in drains and river, ponding depth and rain; a cloudburst passes over.
fn levels(quarter: &Quarter, hosts: Hosts, watch: &mut Watch, incidents: &mut Vec<Incident>) -> Result<(), SinkError> {
    let mut courses = vec![];
    if let Some((code, at, z)) = &hosts.places.fire_station {
        let rain = Stream {
            property: "rain_intensity",
            baseline: 0.0,
            amplitude: 0.0,
            high: Some(50.0),
            low: None,
            hysteresis: 10.0,
            severity: "warning",
        };
        let streams = watch.sensor("rain_gauge", "雨量站", &Host { code, at: *at, z: z + 6.0 }, &[rain])?;
        courses.push(course(&streams[0], [215.0, 25.0, 110.0, 40.0], 62.0));
    }
    let mut at = Plan::new(0.0, 0.0);
    for (k, point) in hosts.places.ponding.iter().enumerate() {
        let depth = Stream {
            property: "water_depth",
            baseline: 0.0,
            amplitude: 0.0,
            high: Some(0.15),
            low: None,
            hysteresis: 0.03,
            severity: "serious",
        };
        let host = Host { code: &point.code, at: point.at, z: point.ground_m };
        let streams = watch.sensor("ponding_gauge", &format!("{}积水监测", point.name.zh), &host, &[depth])?;
        // The third stays dry.
        if k < 2 {
            at = point.at;
            courses.push(course(&streams[0], [245.0 + 15.0 * k as f64, 50.0, 90.0, 90.0], 0.36 - 0.12 * k as f64));
        }
    }
    for (drains, what, rises) in [(hosts.storm, "雨水井液位", true), (hosts.sewer, "污水井液位", false)] {
        // Trunks first: where much water comes together.
        let mut trunks: Vec<&Manhole> = drains.manholes.iter().collect();
        trunks.sort_by(|a, b| b.catchment_ha.total_cmp(&a.catchment_ha).then_with(|| a.code.cmp(&b.code)));
        for (k, manhole) in trunks.iter().step_by(8).take(26).enumerate() {
            let bore_m = manhole.diameter_mm as f64 / 1000.0;
            let limit = round_to((manhole.depth_m - 1.0).max(bore_m * 1.2), 2);
            let stream = Stream {
                property: "level",
                baseline: bore_m * if rises { 0.10 } else { 0.35 },
                amplitude: bore_m * if rises { 0.03 } else { 0.12 },
                high: Some(limit),
                low: None,
                hysteresis: 0.15,
                severity: "warning",
            };
            let host = Host { code: &manhole.code, at: manhole.at, z: manhole.rim_m };
            let streams = watch.sensor("level_gauge", &format!("{what} {}", manhole.code), &host, &[stream])?;
            if rises {
                // The three largest run full to the brim, the others well filled.
                let target = if k < 3 { limit + 0.4 } else { bore_m * 0.9 };
                courses.push(course(&streams[0], [225.0 + k as f64, 60.0, 80.0, 100.0], target));
            }
        }
    }
    if let Some((at, level)) = hosts.places.river_gauge {
        let stream = Stream {
            property: "level",
            baseline: level,
            amplitude: 0.08,
            high: Some(round_to(level + 2.5, 2)),
            low: None,
            hysteresis: 0.2,
            severity: "serious",
        };
        let streams = watch.sensor(
            "level_gauge",
            &format!("{}水位站", quarter.frame.water_name(quarter.b).zh),
            &Host { code: &hosts.places.river, at, z: level },
            &[stream],
        )?;
        courses.push(course(&streams[0], [260.0, 90.0, 60.0, 120.0], level + 1.3));
    }
    incidents.push(watch.incident("cloudburst", "短时强降雨，路口积水".into(), "Cloudburst, junctions under water".into(), at, courses));
    Ok(())
}

/// Strain at midspan and over the piers; a lorry that is too heavy crosses the main bridge.
fn bridges(roads: &Roads, watch: &mut Watch, incidents: &mut Vec<Incident>) -> Result<(), SinkError> {
    for bridge in &roads.bridges {
        let plan: Vec<Plan> = bridge.deck.iter().map(|(p, _)| *p).collect();
        let length = crate::plan::line_length(&plan);
        let mut courses = vec![];
        for (n, share) in [0.125, 0.375, 0.625, 0.875].into_iter().enumerate() {
            let (at, _) = crate::plan::along(&plan, length * share);
            let z = deck_height(&bridge.deck, length * share);
            let strain = Stream {
                property: "strain",
                baseline: 120.0,
                amplitude: 35.0,
                high: Some(320.0),
                low: None,
                hysteresis: 20.0,
                severity: "serious",
            };
            let vibration = Stream {
                property: "vibration",
                baseline: 0.05,
                amplitude: 0.02,
                high: Some(0.5),
                low: None,
                hysteresis: 0.05,
                severity: "warning",
            };
            let host = Host { code: &bridge.code, at, z };
            let streams =
                watch.sensor("strain_gauge", &format!("桥梁应变 {} 第 {} 跨", bridge.code, n + 1), &host, &[strain, vibration])?;
            if bridge.is_main {
                // Span after span, as the load rolls over.
                courses.push(course(&streams[0], [430.0 + 4.0 * n as f64, 3.0, 14.0, 6.0], if n == 1 { 365.0 } else { 290.0 }));
            }
        }
        if bridge.is_main {
            let (zh, en) = (format!("桥梁 {} 超载车辆通过", bridge.code), format!("Overloaded lorry on bridge {}", bridge.code));
            incidents.push(watch.incident("bridge_overload", zh, en, plan[plan.len() / 2], courses));
        }
    }
    Ok(())
}

fn deck_height(deck: &[(Plan, f64)], metres: f64) -> f64 {
    let mut left = metres;
    for pair in deck.windows(2) {
        let length = pair[0].0.distance(pair[1].0);
        if left <= length {
            return pair[0].1 + (pair[1].1 - pair[0].1) * left / length;
        }
        left -= length;
    }
    deck[deck.len() - 1].1
}

/// Air in the tunnel; the fans stop for a while.
fn tunnel(roads: &Roads, watch: &mut Watch, incidents: &mut Vec<Incident>) -> Result<(), SinkError> {
    let Some(tunnel) = &roads.tunnel else { return Ok(()) };
    let n = tunnel.bore.len();
    let mut courses = vec![];
    for (k, at) in [n / 5, n / 2, n - 1 - n / 5].into_iter().enumerate() {
        let (p, floor) = tunnel.bore[at];
        let co =
            Stream { property: "co", baseline: 12.0, amplitude: 7.0, high: Some(70.0), low: None, hysteresis: 8.0, severity: "serious" };
        let seen = Stream {
            property: "visibility",
            baseline: 220.0,
            amplitude: 40.0,
            high: None,
            low: Some(80.0),
            hysteresis: 15.0,
            severity: "warning",
        };
        let host = Host { code: &tunnel.code, at: p, z: floor + 3.0 };
        let streams = watch.sensor("air_monitor", &format!("隧道空气监测 {}", k + 1), &host, &[co, seen])?;
        if k == 1 {
            courses.push(course(&streams[0], [490.0, 25.0, 45.0, 30.0], 96.0));
            courses.push(course(&streams[1], [495.0, 25.0, 40.0, 30.0], 66.0));
        }
    }
    let (zh, en) = (format!("{}风机停运，一氧化碳升高", tunnel.name.zh), format!("Fans stop in {}, carbon monoxide rises", tunnel.name.en));
    incidents.push(watch.incident("tunnel_air", zh, en, tunnel.bore[n / 2].0, courses));
    Ok(())
}

/// Pressure and leakage where the gas comes in, and in valve pits.
fn gas_supply(gas: &Gas, watch: &mut Watch) -> Result<(), SinkError> {
    let ch4 = Stream { property: "ch4", baseline: 1.0, amplitude: 0.5, high: Some(20.0), low: None, hysteresis: 3.0, severity: "critical" };
    if let Some((code, at, z)) = &gas.regulator {
        let pressure = Stream {
            property: "pressure",
            baseline: 180.0,
            amplitude: 8.0,
            high: Some(220.0),
            low: Some(120.0),
            hysteresis: 5.0,
            severity: "serious",
        };
        watch.sensor("pressure_gauge", "门站出口监测", &Host { code, at: *at, z: *z }, &[pressure, ch4])?;
    }
    for Valve { code, at, ground_m } in gas.valves.iter().step_by(16) {
        watch.sensor("gas_detector", &format!("燃气阀井 {code}"), &Host { code, at: *at, z: *ground_m }, &[ch4])?;
    }
    Ok(())
}
