//! What coordinates look like by their numbers alone: something to offer to the operator, never to act on.
//!
//! In China one meets degrees with latitude first, northings before eastings, and eastings that begin with the number of
//! their zone. Numbers tell which, but not surely: so the ways are named as options, and the operator chooses.

use citytwin_model::Bounds;

/// Degrees in which China lies, with some room.
const CHINA: Bounds = Bounds { west: 73.0, south: 3.0, east: 136.0, north: 54.0 };
/// Northings of China, in metres from the equator.
const NORTHINGS: (f64, f64) = (900_000.0, 6_200_000.0);
/// Eastings within a zone, about the 500 000 of its middle.
const EASTINGS: (f64, f64) = (100_000.0, 900_000.0);
/// China in Web Mercator.
const MERCATOR: Bounds = Bounds { west: 8.1e6, south: 0.3e6, east: 15.2e6, north: 7.2e6 };

/// Options that would make sense of the coordinates, the likeliest first; empty where nothing does.
pub fn offers(box_of_most: &Bounds) -> Vec<String> {
    if box_of_most.is_empty() {
        return Vec::new();
    }
    let mut offers = as_they_are(box_of_most);
    if offers.is_empty() {
        offers = as_they_are(&swapped(box_of_most)).into_iter().map(|offer| format!("--swap-axes {offer}")).collect();
    }
    offers
}

/// The same box with x and y exchanged.
pub fn swapped(b: &Bounds) -> Bounds {
    Bounds { west: b.south, south: b.west, east: b.north, north: b.east }
}

fn as_they_are(b: &Bounds) -> Vec<String> {
    let mut offers = Vec::new();
    if CHINA.contains(b) {
        offers.push("--crs EPSG:4490".to_owned());
    }
    if let Some(code) = zone_code(b) {
        offers.push(format!("--crs EPSG:{code}"));
    }
    if MERCATOR.contains(b) {
        offers.push("--crs EPSG:3857".to_owned());
    }
    if between(EASTINGS, b.west, b.east) && between(NORTHINGS, b.south, b.north) {
        // Which of 21 zones, nobody can tell from the numbers.
        offers.push("--crs EPSG:4534 … EPSG:4554 (75°E … 135°E)".to_owned());
    }
    offers
}

/// The code of the CGCS2000 zone whose number stands before the eastings: 3-degree zones 25 to 45, 6-degree 13 to 23.
fn zone_code(b: &Bounds) -> Option<u32> {
    let zone = (b.west / 1e6).floor();
    let within = |easting: f64| easting - zone * 1e6;
    let fits = between(EASTINGS, within(b.west), within(b.east)) && between(NORTHINGS, b.south, b.north);
    match zone as u32 {
        zone @ 25..=45 if fits => Some(4513 + zone - 25),
        zone @ 13..=23 if fits => Some(4491 + zone - 13),
        _ => None,
    }
}

fn between((low, high): (f64, f64), a: f64, b: f64) -> bool {
    low <= a && b <= high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(x: f64, y: f64, by: f64) -> Vec<String> {
        offers(&Bounds::new(x - by, y - by, x + by, y + by))
    }

    #[test]
    fn each_is_known_by_its_numbers() {
        assert_eq!(about(116.4, 39.9, 0.1), ["--crs EPSG:4490"]);
        assert_eq!(about(39.9, 116.4, 0.1), ["--swap-axes --crs EPSG:4490"]);
        assert_eq!(about(38_505_952.0, 2_493_940.0, 900.0), ["--crs EPSG:4526"]);
        assert_eq!(about(20_500_000.0, 3_320_113.0, 900.0), ["--crs EPSG:4498"]);
        assert_eq!(about(2_493_940.0, 38_505_952.0, 900.0), ["--swap-axes --crs EPSG:4526"]);
        assert_eq!(about(505_952.0, 2_493_940.0, 900.0), ["--crs EPSG:4534 … EPSG:4554 (75°E … 135°E)"]);
        assert_eq!(about(2_493_940.0, 505_952.0, 900.0), ["--swap-axes --crs EPSG:4534 … EPSG:4554 (75°E … 135°E)"]);
        assert_eq!(about(12_958_034.0, 4_853_597.0, 900.0), ["--crs EPSG:3857"]);
    }

    #[test]
    fn two_ways_are_both_named() {
        // 121.5°E in Web Mercator; and a place in the 6-degree zone 13.
        assert_eq!(about(13_525_000.0, 3_660_000.0, 900.0), ["--crs EPSG:4491", "--crs EPSG:3857"]);
    }

    #[test]
    fn what_lies_nowhere_in_china_is_left_alone() {
        for (x, y) in [(0.0, 0.0), (-77.0, 38.9), (389_586.0, 262_882.0), (7.2, 51.3), (1e9, 1e9)] {
            assert!(about(x, y, 0.01).is_empty(), "{x} {y}: {:?}", about(x, y, 0.01));
        }
        assert!(offers(&Bounds::EMPTY).is_empty());
    }
}
