//! Water and gas reach everyone; hydrants stand where they must, and are missing where that was planned.

use crate::town::{P, Squares, Thing, Town, plan_distance, to_segment, towns};
use std::collections::{BTreeMap, BTreeSet};

fn reached<'a>(town: &'a Town, pipes: &str, from: &'a str) -> BTreeSet<&'a str> {
    let mut neighbours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pipe in town.all(pipes) {
        let (a, b) = (pipe.text("from_node"), pipe.text("to_node"));
        neighbours.entry(a).or_default().push(b);
        neighbours.entry(b).or_default().push(a);
    }
    for pump in town.all("water_pump").filter(|_| pipes == "water_pipe") {
        neighbours.entry(pump.text("from_node")).or_default().push(pump.text("to_node"));
        neighbours.entry(pump.text("to_node")).or_default().push(pump.text("from_node"));
    }
    let (mut reached, mut queue) = (BTreeSet::from([from]), vec![from]);
    while let Some(at) = queue.pop() {
        queue.extend(neighbours.get(at).into_iter().flatten().filter(|next| reached.insert(next)));
    }
    reached
}

#[test]
fn networks_hang_together_and_pipes_end_at_their_nodes() {
    for (seed, town, _) in towns() {
        for (pipes, nodes, source) in [
            ("water_pipe", &["water_node", "hydrant", "water_reservoir"][..], "water_source"),
            ("gas_pipe", &["gas_node"][..], "gas_regulator"),
        ] {
            let start = town.all(source).next().unwrap();
            let reached = reached(town, pipes, start.code());
            let mut at: BTreeMap<&str, P> = town.all(source).map(|source| (source.code(), source.at())).collect();
            for node in nodes.iter().flat_map(|class| town.all(class)) {
                assert!(reached.contains(node.code()), "seed {seed}: {} is cut off", node.code());
                at.insert(node.code(), node.at());
            }
            for pipe in town.all(pipes) {
                let line = pipe.vertices();
                for (node, end) in [("from_node", line[0]), ("to_node", line[line.len() - 1])] {
                    let apart = plan_distance(at[pipe.text(node)], end);
                    assert!(apart < 0.01, "seed {seed}: {} ends {apart:.2} m from {}", pipe.code(), pipe.text(node));
                }
                let length: f64 = line.windows(2).map(|s| plan_distance(s[0], s[1])).sum();
                assert!((length - pipe.number("length_m")).abs() < 0.02, "{}", pipe.code());
            }
        }
    }
}

#[test]
fn the_water_network_is_looped_and_pressures_are_in_range() {
    for (seed, town, _) in towns() {
        let pipes = town.all("water_pipe").count();
        let nodes = town.all("water_node").count() + town.all("hydrant").count() + 2 * town.quarters();
        assert!(pipes > nodes + 50 * town.quarters(), "seed {seed}: {pipes} pipes, {nodes} nodes");
        // The main from the works to its basin has none to speak of.
        for thing in town.all("hydrant").chain(town.all("water_pipe").filter(|pipe| !pipe.text("from_node").starts_with("SC"))) {
            let kpa = thing.number("pressure_kpa");
            assert!((14.0 * 9.81..=70.0 * 9.81).contains(&kpa), "seed {seed}: {} has {kpa} kPa", thing.code());
        }
    }
}

#[test]
fn a_valve_sits_on_its_pipe_near_its_node() {
    for (seed, town, _) in towns() {
        for (valves, pipes, node_classes) in
            [("water_valve", "water_pipe", &["water_node", "hydrant"][..]), ("gas_valve", "gas_pipe", &["gas_node"][..])]
        {
            let pipes = town.by_code(pipes);
            let nodes: BTreeMap<&str, P> =
                node_classes.iter().flat_map(|class| town.all(class)).map(|node| (node.code(), node.at())).collect();
            for valve in town.all(valves) {
                let pipe = pipes[valve.text("pipe")];
                let off = pipe.vertices().windows(2).map(|s| to_segment(valve.at(), s[0], s[1]).0).fold(f64::INFINITY, f64::min);
                assert!(off < 0.01, "seed {seed}: {} is {off:.2} m off its pipe", valve.code());
                let node = valve.text("node");
                assert!(pipe.text("from_node") == node || pipe.text("to_node") == node, "seed {seed}: {}", valve.code());
                assert!(plan_distance(nodes[node], valve.at()) < 5.0, "seed {seed}: {}", valve.code());
            }
        }
    }
}

fn gap(summary: &citytwin_demo::Summary) -> (P, f64) {
    let gap = summary.truth.planted.iter().find(|planted| planted.kind == "hydrant_gap").expect("a gap is planted");
    let at = citytwin_model::Frame::at(citytwin_demo::ORIGIN).local(citytwin_model::Position::new(gap.at[0], gap.at[1], 0.0));
    ([at.east, at.north, 0.0], gap.radius_m.unwrap())
}

/// Along every street with a water main, walked in steps: two neighbouring hydrants are at most 120 m apart, so no place
/// of the street is further than 60 m (and the street's own width) from one.
#[test]
fn hydrants_stand_close_enough_along_the_streets() {
    for (seed, town, summary) in towns() {
        let (gap_at, gap_m) = gap(summary);
        let hydrants: Vec<P> = town.all("hydrant").map(Thing::at).collect();
        let mut squares = Squares::default();
        hydrants.iter().enumerate().for_each(|(k, at)| squares.add(k, &[*at], 0.0));
        let mut walked = 0;
        // The open road beyond the last house has no main and no hydrants; neither has the tunnel's, nor a bridge's.
        let mut mains = Squares::default();
        let lines: Vec<Vec<P>> = town.all("water_pipe").filter(|pipe| pipe.text("kind") != "transmission").map(Thing::vertices).collect();
        lines.iter().enumerate().for_each(|(k, line)| mains.add(k, line, 0.0));
        for road in town.all("road").filter(|road| road.text("structure") == "ground") {
            for s in road.vertices().windows(2) {
                let along = [s[1][0] - s[0][0], s[1][1] - s[0][1]];
                let parallel = |t: &[P]| {
                    let other = [t[1][0] - t[0][0], t[1][1] - t[0][1]];
                    let cos = (along[0] * other[0] + along[1] * other[1]) / (along[0].hypot(along[1]) * other[0].hypot(other[1]));
                    cos.abs() > 0.95 && to_segment(s[0], t[0], t[1]).0 < 14.0
                };
                let has_main = mains.near(&[s[0]], 20.0).into_iter().any(|k| lines[k].windows(2).any(parallel));
                if !has_main || plan_distance(s[0], gap_at) < gap_m + 75.0 {
                    continue;
                }
                walked += 1;
                let nearest =
                    squares.near(&[s[0]], 90.0).into_iter().map(|k| plan_distance(hydrants[k], s[0])).fold(f64::INFINITY, f64::min);
                assert!(nearest < 75.0, "seed {seed}: no hydrant within {nearest:.0} m on {} at {:?}", road.text("name"), s[0]);
            }
        }
        assert!(walked > 1500, "seed {seed}: only {walked} places looked at");
    }
}

#[test]
fn the_planted_gap_is_there_and_is_the_only_one() {
    for (seed, town, summary) in towns() {
        let (gap_at, gap_m) = gap(summary);
        let hydrants: Vec<P> = town.all("hydrant").map(Thing::at).collect();
        assert!(hydrants.iter().all(|at| plan_distance(*at, gap_at) >= gap_m), "seed {seed}");
        let nearest = |p: P| hydrants.iter().map(|at| plan_distance(*at, p)).fold(f64::INFINITY, f64::min);
        let out_of_reach: Vec<P> = town.all("building").map(|building| building.vertices()[0]).filter(|p| nearest(*p) > 150.0).collect();
        assert!(out_of_reach.len() >= 8, "seed {seed}: {} buildings in the gap", out_of_reach.len());
        assert!(out_of_reach.iter().all(|p| plan_distance(*p, gap_at) < gap_m), "seed {seed}: another gap");
    }
}

#[test]
fn old_and_corroded_districts_break_more_often() {
    for (seed, town, _) in towns() {
        let mut by_soil: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        let mut by_age: BTreeMap<bool, (f64, f64)> = BTreeMap::new();
        for pipe in town.all("water_pipe") {
            let (breaks, km) = (pipe.number("breaks"), pipe.number("length_m") / 1000.0);
            for sum in [by_soil.entry(pipe.text("soil")).or_default(), by_age.entry(pipe.number("built_year") < 1990.0).or_default()] {
                *sum = (sum.0 + breaks, sum.1 + km);
            }
        }
        let rate = |(breaks, km): (f64, f64)| breaks / km;
        let (old, young) = (rate(by_age[&true]), rate(by_age[&false]));
        assert!(old > 4.0 * young, "seed {seed}: {old:.1} and {young:.1} breaks per km");
        assert!(rate(by_soil["low"]) < 1.0, "seed {seed}: {by_soil:?}");
        assert!(summary_of(town) > 40.0, "seed {seed}");
    }
}

/// Breaks in all.
fn summary_of(town: &Town) -> f64 {
    town.all("water_pipe").map(|pipe| pipe.number("breaks")).sum()
}

/// What is asked for is what people and works use, and every block's water comes from its own zone.
#[test]
fn demand_is_that_of_the_people_and_customers_are_supplied_within_their_zone() {
    for (seed, town, _) in towns() {
        let zone_of: BTreeMap<&str, &str> = town.all("water_node").map(|node| (node.code(), node.text("zone"))).collect();
        let mut demand: BTreeMap<&str, f64> = BTreeMap::new();
        for node in town.all("water_node").filter(|node| !node.get("demand_lps").is_null()) {
            *demand.entry(node.text("zone")).or_default() += node.number("demand_lps");
        }
        assert_eq!(demand.len(), town.quarters(), "seed {seed}");
        let people: f64 = town.all("building").map(|building| building.number("residents")).sum();
        let a_head = demand.values().sum::<f64>() * 86_400.0 / people;
        assert!((190.0..350.0).contains(&a_head), "seed {seed}: {a_head:.0} L/d for each");
        let users: f64 = town.all("water_customer").map(|customer| customer.number("users")).sum();
        assert!(users > people * 0.3 && users <= people, "seed {seed}: {users} of {people}");
        let pipes = town.by_code("water_pipe");
        let mut district_meters = 0;
        for meter in town.all("water_meter") {
            let (pipe, node) = (pipes[meter.text("pipe")], meter.text("node"));
            assert!(pipe.text("from_node") == node || pipe.text("to_node") == node, "seed {seed}: {}", meter.code());
            assert_eq!(zone_of[node], meter.text("zone"), "seed {seed}: {}", meter.code());
            district_meters += usize::from(*meter.get("district_meter") == citytwin_model::Value::Bool(true));
        }
        assert_eq!(district_meters, town.quarters(), "seed {seed}");
        assert_eq!(town.all("water_meter").count(), town.all("water_customer").count() + district_meters, "seed {seed}");
    }
}
