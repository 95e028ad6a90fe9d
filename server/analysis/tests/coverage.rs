//! What hydrants cover, against geodesics of Karney's algorithm (`geo::Geodesic`) and against a look at everything.

mod town;

use citytwin_analysis::coverage::{Coverage, hydrants};
use citytwin_model::{FeatureId, Geometry, LonLat, Position, Shape};
use geo::{Contains, Destination, Distance, Geodesic, GeodesicArea, InterpolatePoint, Validation};
use town::Town;

const RADIUS: f64 = 150.0;

/// Seeded, the same on every machine.
struct Dice(u64);

impl Dice {
    /// From 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn hydrant(town: &mut Town, at: geo::Point, state: &str) -> FeatureId {
    let point = Shape::Point(Position::new(at.x(), at.y(), 35.0));
    town.add("hydrant", Some(Geometry::with_z(point)), &[("state", state)])
}

fn area(coverage: &Coverage) -> geo::MultiPolygon {
    let polygons = coverage.area.as_ref().map_or(&[][..], Geometry::polygons);
    let ring = |line: &Vec<Position>| line.iter().map(|p| (p.lon, p.lat)).collect::<geo::LineString>();
    geo::MultiPolygon(polygons.iter().map(|rings| geo::Polygon::new(ring(&rings[0]), rings[1..].iter().map(ring).collect())).collect())
}

/// So many metres east and north along geodesics.
fn moved(from: geo::Point, east: f64, north: f64) -> geo::Point {
    Geodesic.destination(from, east.atan2(north).to_degrees(), east.hypot(north))
}

#[test]
fn one_ring_is_the_geodesic_circle_within_a_decimetre_even_far_from_the_origin() {
    let origin = geo::Point::new(116.0, 30.0);
    for (east, north) in [(0.0, 0.0), (20_000.0, 5_000.0), (-25_000.0, 25_000.0), (0.0, -32_000.0)] {
        let mut town = Town::default();
        let centre = moved(origin, east, north);
        hydrant(&mut town, centre, "in_use");
        let area = area(&hydrants(&town.snapshot(), RADIUS));
        assert_eq!((area.0.len(), area.0[0].interiors().len()), (1, 0));
        let mut worst: f64 = 0.0;
        for edge in area.0[0].exterior().lines() {
            for share in [0.0, 0.5] {
                let on_edge = edge.start_point() + (edge.end_point() - edge.start_point()) * share;
                worst = worst.max((Geodesic.distance(centre, on_edge) - RADIUS).abs());
            }
        }
        assert!(worst < 0.1, "{worst} m at {east}, {north}");
        let exact = std::f64::consts::PI * RADIUS * RADIUS;
        assert!((area.geodesic_area_unsigned() / exact - 1.0).abs() < 0.001);
    }
}

#[test]
fn overlapping_discs_are_dissolved_to_the_area_that_geometry_tells() {
    let mut town = Town::default();
    let first = geo::Point::new(116.05, 30.02);
    hydrant(&mut town, first, "in_use");
    hydrant(&mut town, moved(first, 120.0, 0.0), "in_use");
    let area = area(&hydrants(&town.snapshot(), RADIUS));
    assert_eq!(area.0.len(), 1);
    let (r, d): (f64, f64) = (RADIUS, 120.0);
    let lens = 2.0 * r * r * (d / (2.0 * r)).acos() - d / 2.0 * (4.0 * r * r - d * d).sqrt();
    let union = 2.0 * std::f64::consts::PI * r * r - lens;
    assert!((area.geodesic_area_unsigned() / union - 1.0).abs() < 0.001, "{} {union}", area.geodesic_area_unsigned());
}

#[test]
fn a_point_is_in_the_area_exactly_when_a_hydrant_is_near() {
    let mut dice = Dice(3);
    let mut town = Town::default();
    let corner = geo::Point::new(116.1, 29.9);
    let all: Vec<geo::Point> = (0..60).map(|_| moved(corner, dice.roll() * 2_000.0, dice.roll() * 2_000.0)).collect();
    for at in &all {
        hydrant(&mut town, *at, "in_use");
    }
    let coverage = hydrants(&town.snapshot(), RADIUS);
    let area = area(&coverage);
    assert!(area.is_valid(), "{:?}", area.validation_errors());
    assert!(area.0.iter().any(|polygon| !polygon.interiors().is_empty()), "the case should have a hole");
    let (mut inside, mut close) = (0, 0);
    for _ in 0..20_000 {
        let at = moved(corner, dice.roll() * 2_400.0 - 200.0, dice.roll() * 2_400.0 - 200.0);
        let nearest = all.iter().map(|hydrant| Geodesic.distance(*hydrant, at)).fold(f64::INFINITY, f64::min);
        if (nearest - RADIUS).abs() < 0.1 {
            close += 1;
            continue;
        }
        assert_eq!(area.contains(&at), nearest < RADIUS, "{nearest} m");
        inside += usize::from(nearest < RADIUS);
    }
    assert!((4_000..16_000).contains(&inside) && close < 100, "{inside} {close}");
}

#[test]
fn each_building_has_the_nearest_of_all_hydrants() {
    let mut dice = Dice(5);
    let mut town = Town::default();
    let corner = geo::Point::new(115.9, 30.1);
    let all: Vec<(FeatureId, geo::Point)> = (0..40)
        .map(|_| {
            let at = moved(corner, dice.roll() * 3_000.0, dice.roll() * 3_000.0);
            (hydrant(&mut town, at, "in_use"), at)
        })
        .collect();
    let mut outlines = Vec::new();
    for _ in 0..150 {
        let middle = moved(corner, dice.roll() * 3_000.0, dice.roll() * 3_000.0);
        let (w, h) = (5.0 + dice.roll() * 120.0, 5.0 + dice.roll() * 40.0);
        let ring: Vec<geo::Point> = [(-w, -h), (w, -h), (w, h), (-w, h), (-w, -h)].iter().map(|(x, y)| moved(middle, *x, *y)).collect();
        let line = ring.iter().map(|p| Position::new(p.x(), p.y(), 0.0)).collect();
        town.add("building", Some(Geometry::flat(Shape::Polygon(vec![line]))), &[]);
        outlines.push(ring);
    }
    let coverage = hydrants(&town.snapshot(), RADIUS);
    assert_eq!(coverage.buildings.len(), outlines.len());
    let (mut covered, mut inside) = (0, 0);
    for found in &coverage.buildings {
        let ring = &outlines[found.building.fid as usize - 1];
        let polygon = geo::Polygon::new(ring.iter().map(|p| p.0).collect(), vec![]);
        // Every half metre of the outline, against every hydrant.
        let samples: Vec<geo::Point> = ring
            .windows(2)
            .flat_map(|pair| (0..=500).map(|i| Geodesic.point_at_ratio_between(pair[0], pair[1], f64::from(i) / 500.0)))
            .collect();
        let to = |at: geo::Point| {
            if polygon.contains(&at) { 0.0 } else { samples.iter().map(|p| Geodesic.distance(*p, at)).fold(f64::INFINITY, f64::min) }
        };
        let rough = |at: geo::Point| Geodesic.distance(ring[0], at);
        let mut candidates = all.clone();
        candidates.sort_by(|a, b| rough(a.1).total_cmp(&rough(b.1)));
        // A diagonal is at most 320 m: who is 330 m farther than the first from a corner cannot be nearest.
        let least = rough(candidates[0].1);
        candidates.retain(|(_, at)| rough(*at) < least + 330.0);
        let best = candidates.iter().map(|(id, at)| (to(*at), *id)).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let (id, distance) = found.nearest.unwrap();
        assert!((distance - best.0).abs() < 0.1, "{distance} is not {}", best.0);
        assert!(id == best.1 || (best.0 - distance).abs() < 0.1);
        if (distance - RADIUS).abs() > 0.1 {
            assert_eq!(found.covered, best.0 < RADIUS);
        }
        covered += usize::from(found.covered);
        inside += usize::from(distance == 0.0);
    }
    assert!(covered > 20 && covered < 145 && inside > 0, "the case should have all kinds: {covered} {inside}");
}

#[test]
fn hydrants_that_give_no_water_do_not_count() {
    let mut town = Town::default();
    let at = geo::Point::new(116.0, 30.0);
    for state in ["stopped", "scrapped", "sealed", "planned"] {
        hydrant(&mut town, at, state);
    }
    let ring = vec![
        Position::new(116.0, 30.0, 0.0),
        Position::new(116.0001, 30.0, 0.0),
        Position::new(116.0, 30.0001, 0.0),
        Position::new(116.0, 30.0, 0.0),
    ];
    town.add("building", Some(Geometry::flat(Shape::Polygon(vec![ring.clone()]))), &[]);
    town.add("building", Some(Geometry::flat(Shape::Polygon(vec![ring]))), &[("state", "scrapped")]);
    let coverage = hydrants(&town.snapshot(), RADIUS);
    assert_eq!((coverage.hydrants, coverage.idle), (0, 4));
    assert!(coverage.area.is_none());
    assert_eq!(coverage.buildings.len(), 1, "a building that is no more need not be covered");
    assert_eq!((coverage.buildings[0].covered, coverage.buildings[0].nearest), (false, None));

    let far = hydrant(&mut town, moved(at, 0.0, -400.0), "in_use");
    let coverage = hydrants(&town.snapshot(), RADIUS);
    let (nearest, distance) = coverage.buildings[0].nearest.unwrap();
    assert_eq!((nearest, coverage.buildings[0].covered), (far, false));
    assert!((distance - 400.0).abs() < 0.01, "{distance}");

    // No state recorded: it counts.
    town.add("hydrant", Some(Geometry::flat(Shape::Point(Position::new(116.0, 30.0005, 0.0)))), &[]);
    let coverage = hydrants(&town.snapshot(), RADIUS);
    assert!(coverage.buildings[0].covered);
    assert_eq!(coverage.hydrants, 2);
}

#[test]
fn a_town_without_classes_or_with_a_senseless_radius_has_no_area() {
    let mut town = Town { classes: Vec::new(), features: Vec::new(), origin: LonLat { lon: 116.0, lat: 30.0 } };
    assert!(hydrants(&town.snapshot(), RADIUS).area.is_none());
    town = Town::default();
    hydrant(&mut town, geo::Point::new(116.0, 30.0), "in_use");
    for radius in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(hydrants(&town.snapshot(), radius).area.is_none(), "{radius}");
    }
}
