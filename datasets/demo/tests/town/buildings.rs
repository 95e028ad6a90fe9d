//! Buildings stand on ground of their own: off the streets, out of the water, apart.

use crate::town::{P, Squares, Thing, crossing, is_inside, plan_distance, segment_distance, to_segment, towns};

fn touch(a: &[P], b: &[P]) -> bool {
    a.windows(2).any(|s| b.windows(2).any(|t| crossing(s[0], s[1], t[0], t[1]).is_some())) || is_inside(a, b[0]) || is_inside(b, a[0])
}

#[test]
fn no_building_stands_on_a_road() {
    for (seed, town, _) in towns() {
        // Under the hill a road harms nobody, and nobody builds there.
        let roads: Vec<&Thing> = town.all("road").collect();
        let lines: Vec<Vec<P>> = roads.iter().map(|road| road.vertices()).collect();
        let mut squares = Squares::default();
        lines.iter().enumerate().for_each(|(k, line)| squares.add(k, line, 20.0));
        for building in town.all("building") {
            let ring = building.vertices();
            for k in squares.near(&ring, 0.0) {
                let free = roads[k].number("width_m") / 2.0 + 2.0;
                for (s, t) in lines[k].windows(2).flat_map(|s| ring.windows(2).map(move |t| (s, t))) {
                    let distance = segment_distance(s[0], s[1], t[0], t[1]);
                    assert!(
                        distance >= free,
                        "seed {seed}: building {} is {distance:.2} m from the middle of road {}",
                        building.code(),
                        roads[k].code()
                    );
                }
            }
        }
    }
}

#[test]
fn no_building_stands_in_water_or_in_another() {
    for (seed, town, _) in towns() {
        let waters: Vec<Vec<P>> = town.all("water_area").map(Thing::vertices).collect();
        let buildings: Vec<&Thing> = town.all("building").collect();
        let rings: Vec<Vec<P>> = buildings.iter().map(|building| building.vertices()).collect();
        let mut squares = Squares::default();
        rings.iter().enumerate().for_each(|(k, ring)| squares.add(k, ring, 0.0));
        for (k, ring) in rings.iter().enumerate() {
            assert!(waters.iter().all(|water| !touch(ring, water)), "seed {seed}: {} stands in water", buildings[k].code());
            for other in squares.near(ring, 0.0).into_iter().filter(|other| *other > k) {
                assert!(!touch(ring, &rings[other]), "seed {seed}: {} and {} overlap", buildings[k].code(), buildings[other].code());
            }
        }
    }
}

#[test]
fn water_leaves_roads_and_parks_alone() {
    for (seed, town, _) in towns() {
        for water in town.all("water_area") {
            let ring = water.vertices();
            for road in town.all("road").filter(|road| road.text("structure") != "bridge") {
                let line = road.vertices();
                let near = line
                    .windows(2)
                    .flat_map(|s| ring.windows(2).map(move |t| segment_distance(s[0], s[1], t[0], t[1])))
                    .fold(f64::INFINITY, f64::min);
                assert!(near > road.number("width_m") / 2.0, "seed {seed}: road {} is {near:.1} m from {}", road.code(), water.code());
            }
        }
    }
}

#[test]
fn storeys_heights_and_people_fit_each_other() {
    for (seed, town, _) in towns() {
        let mut people = 0.0;
        for building in town.all("building") {
            let (height, storeys) = (building.number("height_m"), building.number("storeys"));
            let storey = height / storeys;
            assert!((2.8..=14.0).contains(&storey), "seed {seed}: {} has storeys of {storey:.1} m", building.code());
            people += building.number("residents");
        }
        for kind in ["district", "street", "community"] {
            let counted =
                town.all("district").filter(|district| district.text("kind") == kind).map(|district| district.number("residents"));
            assert_eq!(people, counted.sum::<f64>(), "seed {seed}: {kind}");
        }
        assert_eq!(people, town.all("unit_grid").map(|cell| cell.number("residents")).sum::<f64>(), "seed {seed}");
        let a_quarter = people / town.quarters() as f64;
        assert!((15_000.0..60_000.0).contains(&a_quarter), "seed {seed}: {a_quarter} people in a quarter");
    }
}

#[test]
fn an_address_lies_in_its_building_and_near_its_road() {
    for (seed, town, _) in towns() {
        let (buildings, roads) = (town.by_code("building"), town.by_code("road"));
        assert!(town.all("address").count() > 300);
        for address in town.all("address") {
            let at = address.at();
            assert!(is_inside(&buildings[address.text("building")].vertices(), at), "seed {seed}: {}", address.text("name"));
            let road = roads[address.text("road")];
            assert!(address.text("name").starts_with(road.text("name")));
            let distance = road.vertices().windows(2).map(|s| to_segment(at, s[0], s[1]).0).fold(f64::INFINITY, f64::min);
            assert!(distance < 100.0, "seed {seed}: {} is {distance:.0} m from its road", address.text("name"));
        }
    }
}

#[test]
fn the_fire_station_has_a_building_and_a_yard() {
    for (seed, town, _) in towns() {
        let station = town.all("fire_station").next().unwrap_or_else(|| panic!("seed {seed} has no fire station"));
        let buildings = town.by_code("building");
        let ring = buildings[station.text("building")].vertices();
        assert!(!is_inside(&ring, station.at()) && plan_distance(ring[0], station.at()) < 60.0, "seed {seed}");
    }
}
