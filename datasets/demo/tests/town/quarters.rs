//! What makes a city of quarters: who administers it, how its streets hang together, where one network ends.

use crate::town::{P, Thing, Town, is_inside, large_town, plan_distance, towns};
use citytwin_demo::{Sink, SinkError, Size, generate};
use citytwin_model::class::Class;
use citytwin_model::{Geometry, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn area(ring: &[P]) -> f64 {
    ring.windows(2).map(|s| s[0][0] * s[1][1] - s[1][0] * s[0][1]).sum::<f64>() / 2.0
}

#[test]
fn codes_grow_from_division_to_cell_and_areas_add_up() {
    for (seed, town, _) in towns() {
        let districts = town.by_code("district");
        let mut parts: BTreeMap<&str, f64> = BTreeMap::new();
        for district in districts.values() {
            let (code, digits) = (district.code(), district.code().bytes().all(|c| c.is_ascii_digit()));
            let length = match district.text("kind") {
                "district" => 6,
                "street" => 9,
                _ => 12,
            };
            assert!(digits && code.len() == length && code.starts_with("9901"), "seed {seed}: {code}");
            let size = area(&district.vertices());
            assert!((size / 1e6 - district.number("area_km2")).abs() < 0.0006 + size * 1e-9, "seed {seed}: {code}");
            if length > 6 {
                let parent = district.text("parent");
                assert_eq!(parent, &code[..length - 3]);
                assert!(districts.contains_key(parent), "seed {seed}: {parent}");
                *parts.entry(parent).or_default() += size;
            }
        }
        let mut seen = BTreeSet::new();
        for cell in town.all("unit_grid") {
            let (code, community) = (cell.code(), cell.text("district"));
            assert!(code.len() == 15 && code.starts_with(community) && districts.contains_key(community), "seed {seed}: {code}");
            assert!(seen.insert(code), "seed {seed}: {code} stands twice");
            *parts.entry(community).or_default() += area(&cell.vertices());
        }
        // Each is the sum of its parts: no gap, nothing twice.
        for (code, sum) in parts {
            let own = area(&districts[code].vertices());
            assert!((sum / own - 1.0).abs() < 1e-6, "seed {seed}: {code} has {own:.0} m², its parts {sum:.0}");
        }
    }
}

#[test]
fn no_street_ends_blindly_and_all_hang_together() {
    for (seed, town, _) in towns() {
        let key = |p: P| ((p[0] * 20.0).round() as i64, (p[1] * 20.0).round() as i64);
        let mut ends: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        let roads: Vec<(&Thing, Vec<P>)> = town.all("road").map(|road| (road, road.vertices())).collect();
        for (k, (_, line)) in roads.iter().enumerate() {
            for end in [line[0], line[line.len() - 1]] {
                ends.entry(key(end)).or_default().push(k);
            }
        }
        let lone: Vec<&str> = ends.values().filter(|roads| roads.len() == 1).map(|k| roads[k[0]].0.code()).collect();
        // The ways out into the country.
        let ways_out = lone.len();
        assert!(if town.quarters() == 1 { ways_out == 4 } else { (6..30).contains(&ways_out) }, "seed {seed}: {lone:?}");
        for code in &lone {
            let length: f64 =
                roads.iter().find(|(road, _)| road.code() == *code).unwrap().1.windows(2).map(|s| plan_distance(s[0], s[1])).sum();
            assert!(length > 300.0, "seed {seed}: {code} ends after {length:.0} m");
        }
        let (mut reached, mut queue) = (BTreeSet::from([0]), vec![0]);
        while let Some(k) = queue.pop() {
            let line = &roads[k].1;
            for end in [line[0], line[line.len() - 1]] {
                queue.extend(ends[&key(end)].iter().copied().filter(|next| reached.insert(*next)));
            }
        }
        assert_eq!(reached.len(), roads.len(), "seed {seed}");
        // Junctions stand where streets say that they begin and end.
        let nodes = town.by_code("road_node");
        for (road, line) in &roads {
            for (attribute, end) in [("from_node", line[0]), ("to_node", line[line.len() - 1])] {
                if let Some(node) = road.get(attribute).as_text() {
                    let nearer = [line[0], line[line.len() - 1]]
                        .into_iter()
                        .map(|p| plan_distance(p, nodes[node].at()))
                        .fold(f64::INFINITY, f64::min);
                    assert!(plan_distance(nodes[node].at(), end) < 0.01 || nearer < 0.01, "seed {seed}: {} and {node}", road.code());
                }
            }
        }
    }
}

/// With the valves shut that are shut, a quarter's water comes from its own pumps alone; so does each trunk main's, which
/// pours into the quarters' basins.
#[test]
fn water_zones_end_at_closed_valves() {
    let (town, _) = large_town();
    let shut: BTreeSet<(&str, &str)> = town
        .all("water_valve")
        .filter(|valve| valve.get("position").as_text() == Some("closed"))
        .map(|valve| (valve.text("pipe"), valve.text("node")))
        .collect();
    assert!(shut.len() > 50);
    let inlets: Vec<&Thing> = town.all("water_valve").filter(|valve| valve.text("kind") == "fcv").collect();
    assert_eq!(inlets.len(), town.quarters());
    let pours: BTreeSet<&str> = inlets.iter().map(|valve| valve.text("pipe")).collect();
    let mut neighbours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pump in town.all("water_pump") {
        neighbours.entry(pump.text("from_node")).or_default().push(pump.text("to_node"));
    }
    for pipe in town.all("water_pipe") {
        let (from, to) = (pipe.text("from_node"), pipe.text("to_node"));
        if pours.contains(pipe.code()) || shut.contains(&(pipe.code(), from)) || shut.contains(&(pipe.code(), to)) {
            continue;
        }
        neighbours.entry(from).or_default().push(to);
        neighbours.entry(to).or_default().push(from);
    }
    let reach = |start: &str| {
        let (mut reached, mut queue) = (BTreeSet::from([start.to_owned()]), vec![start.to_owned()]);
        while let Some(at) = queue.pop() {
            for next in neighbours.get(at.as_str()).into_iter().flatten() {
                if reached.insert((*next).to_owned()) {
                    queue.push((*next).to_owned());
                }
            }
        }
        reached
    };
    let sources: Vec<&str> = town.all("water_reservoir").map(Thing::code).collect();
    let trunks = town.all("water_source").count();
    assert_eq!(sources.len(), town.quarters() + trunks);
    assert!(trunks >= 3);
    let mains: Vec<f64> = town.all("water_pipe").map(|pipe| pipe.number("diameter_mm")).filter(|mm| *mm > 500.0).collect();
    assert!(mains.len() > 20 && mains.iter().all(|mm| *mm <= 1200.0), "{mains:?}");
    let zones: Vec<BTreeSet<String>> = sources.iter().map(|source| reach(source)).collect();
    // A quarter's water is its own, and everybody has some.
    for (k, zone) in zones.iter().enumerate() {
        assert!(sources.iter().enumerate().all(|(other, source)| other == k || !zone.contains(*source)));
    }
    for node in town.all("water_node").chain(town.all("hydrant")) {
        assert_eq!(zones.iter().filter(|zone| zone.contains(node.code())).count(), 1, "{}", node.code());
    }
    for (zone, source) in zones.iter().zip(town.all("water_reservoir")) {
        for node in town.all("water_node").filter(|node| zone.contains(node.code())) {
            assert_eq!(node.text("zone"), source.text("zone"), "{}", node.code());
        }
    }
}

#[test]
fn where_a_ring_and_an_avenue_cross_one_passes_over_the_other() {
    let (town, _) = large_town();
    let overpasses: Vec<&Thing> = town.all("bridge").filter(|bridge| !bridge.get("clearance_m").is_null()).collect();
    assert_eq!(overpasses.len(), 4);
    for bridge in overpasses {
        let deck = bridge.vertices();
        for s in deck.windows(2) {
            let grade = (s[1][2] - s[0][2]).abs() / plan_distance(s[0], s[1]);
            assert!(grade <= 0.055, "{} rises {grade:.3}", bridge.code());
        }
        let crossed: Vec<Vec<P>> = town
            .all("road")
            .filter(|road| road.text("name") == bridge.text("crosses") && road.text("structure") == "ground")
            .map(Thing::vertices)
            .collect();
        let middle = *deck.iter().max_by(|a, b| a[2].total_cmp(&b[2])).unwrap();
        let below = crossed.iter().flatten().min_by(|a, b| plan_distance(**a, middle).total_cmp(&plan_distance(**b, middle))).unwrap();
        assert!(plan_distance(*below, middle) < 15.0 && middle[2] - below[2] >= bridge.number("clearance_m"), "{}", bridge.code());
    }
}

#[test]
fn the_lake_takes_all_water_and_nothing_stands_in_it() {
    let (town, _) = large_town();
    let lake = town.all("water_area").find(|water| water.text("kind") == "lake").unwrap();
    let ring = lake.vertices();
    assert!(area(&ring) > 1e6);
    let rivers: Vec<&Thing> = town.all("water_area").filter(|water| ["river", "canal"].contains(&water.text("kind"))).collect();
    assert_eq!(rivers.iter().filter(|river| river.vertices().iter().any(|p| is_inside(&ring, *p))).count(), 3, "three mouths");
    for class in ["building", "road", "manhole", "hydrant", "park"] {
        for thing in town.all(class) {
            assert!(thing.vertices().iter().all(|p| !is_inside(&ring, *p)), "{} stands in the lake", thing.code());
        }
    }
}

#[test]
fn names_of_streets_are_as_many_as_streets() {
    let (town, _) = large_town();
    // Pieces of one street lie one behind the other, but for a hill or a block between.
    let mut by_name: BTreeMap<&str, Vec<(P, P)>> = BTreeMap::new();
    for road in town.all("road").filter(|road| road.text("structure") == "ground") {
        let line = road.vertices();
        by_name.entry(road.text("name")).or_default().push((line[0], line[line.len() - 1]));
    }
    assert!(by_name.len() > 200, "{}", by_name.len());
    for (name, pieces) in by_name {
        let (mut reached, mut queue) = (BTreeSet::from([0]), vec![0]);
        while let Some(k) = queue.pop() {
            for (other, piece) in pieces.iter().enumerate() {
                let near = [pieces[k].0, pieces[k].1].iter().any(|p| [piece.0, piece.1].iter().any(|q| plan_distance(*p, *q) < 800.0));
                if near && reached.insert(other) {
                    queue.push(other);
                }
            }
        }
        assert_eq!(reached.len(), pieces.len(), "{name} is the name of two streets");
    }
}

/// Only counts, and the most that one look at a sink's memory would have to hold.
#[derive(Default)]
struct Counts(BTreeMap<String, u64>, Vec<usize>);

impl Sink for Counts {
    fn add(&mut self, class: &Arc<Class>, _: Option<Geometry>, _: Vec<Value>) -> Result<(), SinkError> {
        *self.0.entry(class.id.clone()).or_insert(0) += 1;
        Ok(())
    }

    fn made(&mut self, quarters: usize, of: usize) {
        assert_eq!(of, 9);
        self.1.push(quarters);
    }
}

#[test]
fn a_sink_is_told_how_far_the_city_is() {
    let mut counts = Counts::default();
    let summary = generate(Size::Town, 5, &mut counts).unwrap();
    assert_eq!(counts.0, summary.counts);
    assert_eq!(counts.1, (1..=9).collect::<Vec<_>>());
}

/// Keeps a few quarters of a city that is too large to keep.
struct Sample {
    wanted: &'static [usize],
    made: usize,
    kept: Town,
    total: u64,
}

impl Sink for Sample {
    fn add(&mut self, class: &Arc<Class>, geometry: Option<Geometry>, attributes: Vec<Value>) -> Result<(), SinkError> {
        self.total += 1;
        if self.wanted.contains(&self.made) { self.kept.add(class, geometry, attributes) } else { Ok(()) }
    }

    fn made(&mut self, quarters: usize, _: usize) {
        self.made = quarters;
    }
}

/// Corners, edges and the middle of a city: what is true of a village's pipes is true of theirs.
#[test]
fn a_city_is_as_sound_as_a_village() {
    let mut sample = Sample { wanted: &[0, 8, 49, 53, 90, 98], made: 0, kept: Town::default(), total: 0 };
    let summary = generate(Size::City, 3, &mut sample).unwrap();
    assert_eq!(sample.total, summary.total());
    assert!((800_000..1_200_000).contains(&sample.total), "{}", sample.total);
    let city = sample.kept;
    assert!(city.things.len() > 45_000);
    for thing in city.all("hydrant").chain(city.all("water_pipe").filter(|pipe| !pipe.text("from_node").starts_with("SC"))) {
        let kpa = thing.number("pressure_kpa");
        assert!((14.0 * 9.81..=70.0 * 9.81).contains(&kpa), "{} has {kpa} kPa", thing.code());
    }
    for pipe in city.all("storm_pipe").chain(city.all("sewer_pipe")) {
        let line = pipe.vertices();
        let slope = (pipe.number("invert_from_m") - pipe.number("invert_to_m")) / plan_distance(line[0], line[1]);
        assert!(slope >= if pipe.number("diameter_mm") <= 300.0 { 0.003 } else { 0.0008 }, "{} falls {slope:.5}", pipe.code());
    }
    let deepest = city.all("manhole").map(|manhole| manhole.number("depth_m")).fold(0.0, f64::max);
    assert!(deepest < 13.0, "{deepest:.1} m");
    let divisions: BTreeSet<&str> = city.all("unit_grid").map(|cell| &cell.code()[..6]).collect();
    assert!(divisions.len() >= 4 && !divisions.contains("990100"), "{divisions:?}");
    for building in city.all("building") {
        assert!((20.0..160.0).contains(&building.at()[2]), "{}", building.code());
    }
}

#[test]
fn a_sink_that_fails_is_heard() {
    struct Full(usize);
    impl Sink for Full {
        fn add(&mut self, _: &Arc<Class>, _: Option<Geometry>, _: Vec<Value>) -> Result<(), SinkError> {
            self.0 += 1;
            if self.0 > 5000 { Err("the disk is full".into()) } else { Ok(()) }
        }
    }
    assert_eq!(generate(Size::City, 1, &mut Full(0)).unwrap_err().to_string(), "the disk is full");
}

/// Blocks of one kind of community are not those of another.
#[test]
fn communities_differ_in_character() {
    let (town, _): (&Town, _) = large_town();
    let mut storeys: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for building in town.all("building").filter(|building| building.text("use") == "residential") {
        let sum = storeys.entry(building.text("district")).or_default();
        *sum = (sum.0 + building.number("storeys"), sum.1 + 1.0);
    }
    let means: Vec<f64> = storeys.values().map(|(sum, n)| sum / n).collect();
    let (low, high) = means.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), mean| (low.min(*mean), high.max(*mean)));
    assert!(low < 3.5 && high > 7.0, "{low:.1} to {high:.1} storeys");
}
