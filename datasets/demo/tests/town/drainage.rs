//! Storm water and sewage run downhill, all the way out.

use crate::town::{P, Thing, Town, plan_distance, towns};
use std::collections::{BTreeMap, BTreeSet};

const NETWORKS: [(&str, &str); 2] = [("storm_pipe", "storm"), ("sewer_pipe", "sewer")];

#[test]
fn inverts_fall_along_every_pipe_and_never_rise_at_a_manhole() {
    for (seed, town, _) in towns() {
        let manholes = town.by_code("manhole");
        for (class, kind) in NETWORKS {
            for pipe in town.all(class) {
                let (from, to) = (pipe.number("invert_from_m"), pipe.number("invert_to_m"));
                let line = pipe.vertices();
                let length = plan_distance(line[0], line[1]);
                let least = if pipe.number("diameter_mm") <= 300.0 { 0.003 } else { 0.0008 };
                let slope = (from - to) / length;
                assert!(slope >= least, "seed {seed}: {} falls {slope:.5}", pipe.code());
                // The axis is half a bore above the inverts.
                let half = pipe.number("diameter_mm") / 2000.0;
                assert!((line[0][2] - from - half).abs() < 0.002 && (line[1][2] - to - half).abs() < 0.002, "{}", pipe.code());
                for (node, invert, is_start) in [("from_node", from, true), ("to_node", to, false)] {
                    let Some(manhole) = manholes.get(pipe.text(node)) else { continue };
                    let bottom = manhole.number("invert_m");
                    assert_eq!(manhole.text("kind"), kind, "{}", pipe.code());
                    assert!(
                        invert >= bottom - 1e-9,
                        "seed {seed}: {} meets {} {:.3} m below its bottom",
                        pipe.code(),
                        manhole.code(),
                        bottom - invert
                    );
                    assert!(!is_start || invert == bottom, "seed {seed}: {} leaves {} above its bottom", pipe.code(), manhole.code());
                    let at = manhole.at();
                    let end = if is_start { line[0] } else { line[1] };
                    assert!(plan_distance(at, end) < 0.01, "seed {seed}: {} does not end at {}", pipe.code(), manhole.code());
                }
            }
        }
    }
}

/// Pipes by the node they leave; each node is left by one.
fn downstream(town: &Town, class: &str) -> BTreeMap<String, (String, f64)> {
    let mut next = BTreeMap::new();
    for pipe in town.all(class) {
        let onward = (pipe.text("to_node").to_owned(), pipe.number("diameter_mm"));
        assert!(next.insert(pipe.text("from_node").to_owned(), onward).is_none(), "two pipes leave {}", pipe.text("from_node"));
    }
    next
}

#[test]
fn every_manhole_drains_to_an_outfall_through_pipes_that_do_not_shrink() {
    for (seed, town, _) in towns() {
        let outfalls = town.by_code("outfall");
        for (class, kind) in NETWORKS {
            let next = downstream(town, class);
            for manhole in town.all("manhole").filter(|manhole| manhole.text("kind") == kind) {
                let mut at = manhole.code().to_owned();
                let (mut passed, mut bore) = (BTreeSet::new(), 0.0);
                while let Some((onward, diameter)) = next.get(&at) {
                    assert!(passed.insert(at.clone()), "seed {seed}: {} drains in a circle", manhole.code());
                    assert!(*diameter >= bore, "seed {seed}: the drain shrinks below {at}");
                    (at, bore) = (onward.clone(), *diameter);
                }
                let outfall =
                    outfalls.get(at.as_str()).unwrap_or_else(|| panic!("seed {seed}: {} drains to {at} and no further", manhole.code()));
                assert_eq!(outfall.text("kind"), kind);
            }
        }
    }
}

#[test]
fn manholes_stand_close_enough_and_reach_their_drains() {
    for (seed, town, _) in towns() {
        // Trunks come from far in a town.
        let deepest = if town.quarters() > 1 { 11.5 } else { 9.5 };
        let mut depths = vec![];
        for (class, _) in NETWORKS {
            for pipe in town.all(class) {
                let line = pipe.vertices();
                let length = plan_distance(line[0], line[1]);
                let to_outfall = pipe.text("to_node").starts_with("PK");
                assert!(
                    (20.0..=50.0).contains(&length) || (to_outfall && length <= 50.0),
                    "seed {seed}: {} is {length:.1} m long",
                    pipe.code()
                );
            }
        }
        for manhole in town.all("manhole") {
            let depth = manhole.number("rim_m") - manhole.number("invert_m");
            assert!((depth - manhole.number("depth_m")).abs() < 1e-6, "seed {seed}: {}", manhole.code());
            assert!((manhole.at()[2] - manhole.number("rim_m")).abs() < 1e-6);
            depths.push(depth);
        }
        depths.sort_by(f64::total_cmp);
        // Nobody digs sewers ten metres deep in a village.
        assert!(
            depths[0] > 2.4 && depths[depths.len() - 1] < deepest,
            "seed {seed}: {:.2} to {:.2} m",
            depths[0],
            depths[depths.len() - 1]
        );
        assert!(depths[depths.len() / 2] < 5.0, "seed {seed}: {:.2} m in the middle", depths[depths.len() / 2]);
    }
}

#[test]
fn storm_water_leaves_above_the_river() {
    for (seed, town, _) in towns() {
        let rivers = town.all("water_area").filter(|water| ["river", "canal"].contains(&water.text("kind")));
        let levels: Vec<P> = rivers.flat_map(Thing::vertices).collect();
        for outfall in town.all("outfall").filter(|outfall| outfall.text("kind") == "storm") {
            let at = outfall.at();
            let nearest = levels.iter().min_by(|a, b| plan_distance(**a, at).total_cmp(&plan_distance(**b, at))).unwrap();
            assert!(plan_distance(*nearest, at) < 20.0, "seed {seed}: {} is far from any water", outfall.code());
            let above = outfall.number("invert_m") - nearest[2];
            // Large ones are partly drowned.
            assert!((-0.7..2.5).contains(&above), "seed {seed}: {} is {above:.2} m above the water", outfall.code());
        }
    }
}
