//! The ground as the file beside the city has it, and what lies under and above it.

use crate::town::{P, Thing, towns};
use citytwin_demo::{ORIGIN, Summary};
use citytwin_model::{Frame, LocalPoint};

/// A reader of its own for the one kind of GeoTIFF that is written.
struct Dem {
    columns: usize,
    rows: usize,
    step: f64,
    west: f64,
    north: f64,
    heights: Vec<f32>,
}

impl Dem {
    fn of(summary: &Summary) -> Self {
        let mut bytes = vec![];
        summary.write_dem(&mut bytes).unwrap();
        let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let f64_at = |at: usize| f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(&bytes[..4], b"II*\0");
        let directory = u32_at(4) as usize;
        let field = |tag: u16| {
            let entry = (0..u16_at(directory) as usize).map(|k| directory + 2 + 12 * k).find(|at| u16_at(*at) == tag);
            entry.unwrap_or_else(|| panic!("the file has no tag {tag}"))
        };
        let value = |tag| u32_at(field(tag) + 8) as usize;
        let (columns, rows) = (value(256), value(257));
        assert_eq!((u16_at(field(258) + 8), u16_at(field(259) + 8), u16_at(field(339) + 8)), (32, 1, 3));
        let strips = value(273);
        let first = u32_at(strips) as usize;
        assert_eq!(bytes.len(), first + columns * rows * 4, "strips follow each other to the end of the file");
        assert_eq!(u32_at(strips + 4) as usize, first + columns * 4);
        let heights =
            (0..columns * rows).map(|k| f32::from_le_bytes(bytes[first + 4 * k..first + 4 * k + 4].try_into().unwrap())).collect();
        let (scale, tie, keys) = (value(33550), value(33922), value(34735));
        let keys: Vec<u16> = (0..20).map(|k| u16_at(keys + 2 * k)).collect();
        assert!(keys.chunks(4).any(|key| key == [2048, 0, 1, 4490]), "{keys:?}");
        Self { columns, rows, step: f64_at(scale), west: f64_at(tie + 24), north: f64_at(tie + 32), heights }
    }

    /// Bilinear between the middles of cells.
    fn height(&self, p: P) -> f64 {
        let at = Frame::at(ORIGIN).position(LocalPoint::new(p[0], p[1], 0.0));
        let (x, y) = ((at.lon - self.west) / self.step - 0.5, (self.north - at.lat) / self.step - 0.5);
        let (i, j) = (x.floor() as usize, y.floor() as usize);
        assert!(i + 1 < self.columns && j + 1 < self.rows, "{p:?} lies beyond the terrain");
        let cell = |i: usize, j: usize| f64::from(self.heights[j * self.columns + i]);
        let (fx, fy) = (x - x.floor(), y - y.floor());
        (cell(i, j) * (1.0 - fx) + cell(i + 1, j) * fx) * (1.0 - fy) + (cell(i, j + 1) * (1.0 - fx) + cell(i + 1, j + 1) * fx) * fy
    }
}

#[test]
fn terrain_covers_the_town_and_what_stands_on_it_stands_on_it() {
    for (seed, town, summary) in towns() {
        let dem = Dem::of(summary);
        assert!(dem.heights.iter().all(|height| height.is_finite() && (10.0..120.0).contains(height)), "seed {seed}");
        for class in ["manhole", "hydrant", "water_valve", "gas_valve", "ponding_point", "address", "fire_station"] {
            for thing in town.all(class) {
                let off = thing.at()[2] - dem.height(thing.at());
                assert!(off.abs() < 0.5, "seed {seed}: {} {} is {off:.2} m off the ground", class, thing.code());
            }
        }
        for road in town.all("road").filter(|road| road.text("structure") == "ground") {
            for p in road.vertices() {
                // Cuttings and banks are steeper than cells are fine.
                let off = p[2] - dem.height(p);
                assert!(off.abs() < 4.0, "seed {seed}: road {} is {off:.2} m off the ground at {p:?}", road.code());
            }
        }
    }
}

#[test]
fn pipes_lie_deep_enough_everywhere() {
    for (seed, town, summary) in towns() {
        let dem = Dem::of(summary);
        let waters: Vec<Vec<P>> = town.all("water_area").filter(|water| water.text("kind") != "pond").map(Thing::vertices).collect();
        for (class, least) in [("water_pipe", 1.1), ("gas_pipe", 0.7), ("storm_pipe", 2.0), ("sewer_pipe", 2.3)] {
            for pipe in town.all(class).filter(|pipe| !pipe.text("to_node").starts_with("PK")) {
                let line = pipe.vertices();
                // Trunk mains lie in the green of the banks: 0.6 m is asked for (GB 50289-2016 table 4.1.1), and a bank is
                // steeper than the grid is fine.
                let is_trunk = class == "water_pipe" && pipe.text("kind") == "transmission" && pipe.number("cover_m") < 1.0;
                let least = if is_trunk { 0.4 } else { least };
                // Under the river 0.5 m is asked for; the banks are steeper than the grid is fine.
                let least = if waters.iter().any(|water| line.iter().any(|p| crate::town::is_inside(water, *p))) { 0.5 } else { least };
                for p in line {
                    let cover = dem.height(p) - p[2] - pipe.number("diameter_mm") / 2000.0;
                    assert!(cover > least, "seed {seed}: {} has {cover:.2} m of cover at {p:?}", pipe.code());
                }
            }
        }
    }
}

#[test]
fn the_bridges_span_the_water_and_the_tunnel_lies_under_the_hill() {
    for (seed, town, summary) in towns() {
        let dem = Dem::of(summary);
        let rivers: Vec<(&Thing, Vec<P>)> = town
            .all("water_area")
            .filter(|water| ["river", "canal"].contains(&water.text("kind")))
            .map(|water| (water, water.vertices()))
            .collect();
        let over_water = |bridge: &&Thing| bridge.get("clearance_m").is_null();
        assert!(town.all("bridge").filter(over_water).count() >= 3 * town.quarters(), "seed {seed}");
        for bridge in town.all("bridge").filter(over_water) {
            let deck = bridge.vertices();
            let middle = deck[deck.len() / 2];
            let water = rivers.iter().find(|(_, ring)| crate::town::is_inside(ring, middle));
            let (water, _) = water.unwrap_or_else(|| panic!("seed {seed}: {} spans nothing", bridge.code()));
            assert_eq!(bridge.text("crosses"), water.text("name"));
            let level = water.number("level_m");
            assert!(middle[2] > level + 3.0 && middle[2] - dem.height(middle) > 5.0, "seed {seed}: {}", bridge.code());
            for end in [deck[0], deck[deck.len() - 1]] {
                assert!((end[2] - dem.height(end)).abs() < 0.9, "seed {seed}: {} does not land", bridge.code());
            }
        }
        let tunnels: Vec<&Thing> = town.all("tunnel").collect();
        assert!(!tunnels.is_empty(), "seed {seed}");
        tunnels.into_iter().for_each(|tunnel| lies_under_its_hill(seed, town, &dem, tunnel));
    }
}

fn lies_under_its_hill(seed: u64, town: &crate::town::Town, dem: &Dem, tunnel: &Thing) {
    let bore = tunnel.vertices();
    let inner = &bore[2..bore.len() - 2];
    assert!(inner.iter().all(|p| dem.height(*p) - p[2] > tunnel.number("height_m")), "seed {seed}: the tunnel comes to light");
    assert!((150.0..500.0).contains(&tunnel.number("length_m")), "seed {seed}: {}", tunnel.number("length_m"));
    // The road goes on where the bore ends.
    let ends: Vec<P> = town
        .all("road")
        .filter(|road| road.text("structure") == "ground")
        .map(Thing::vertices)
        .flat_map(|line| [line[0], line[line.len() - 1]])
        .collect();
    for portal in [bore[0], bore[bore.len() - 1]] {
        assert!(
            ends.iter().any(|end| crate::town::plan_distance(*end, portal) < 0.01 && (end[2] - portal[2]).abs() < 0.01),
            "seed {seed}: no road at the portal"
        );
    }
}

#[test]
fn districts_cover_every_building_once() {
    for (seed, town, _) in towns() {
        let communities = town.all("district").filter(|district| district.text("kind") == "community");
        let districts: Vec<(&str, Vec<P>)> = communities.map(|district| (district.code(), district.vertices())).collect();
        for building in town.all("building") {
            let ring = building.vertices();
            let centre = [(ring[0][0] + ring[2][0]) / 2.0, (ring[0][1] + ring[2][1]) / 2.0, 0.0];
            let within: Vec<&str> =
                districts.iter().filter(|(_, ring)| crate::town::is_inside(ring, centre)).map(|(code, _)| *code).collect();
            assert_eq!(within, [building.text("district")], "seed {seed}: {}", building.code());
        }
    }
}
