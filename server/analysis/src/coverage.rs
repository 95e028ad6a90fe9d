//! What fire hydrants reach.
//!
//! Start at [`hydrants`]. A hydrant covers a disc in plan (GB 50974-2014: protection radius at most 150 m); the discs are
//! dissolved into one area. A building is covered when its outline comes within the radius of a hydrant.

use citytwin_model::geometry::Line;
use citytwin_model::{City, Class, Feature, FeatureId, Frame, Geometry, LocalPoint, Position, Shape};
use geo::{Distance, Euclidean, unary_union};
use rstar::RTree;
use rstar::primitives::GeomWithData;
use std::f64::consts::TAU;

/// The numbers behind the map. Change one, and change the version that reports show.
#[derive(Clone, Debug, PartialEq)]
pub struct CoverageRules {
    pub version: String,
    pub radius_m: f64,
    /// Class of what covers, and of what is to be covered.
    pub hydrant_class: String,
    pub building_class: String,
    /// States in which a hydrant gives no water. One without a state counts.
    pub idle_states: Vec<String>,
    /// States in which a building need not be covered.
    pub absent_states: Vec<String>,
    /// How far a ring may run inside the true circle.
    pub ring_error_m: f64,
}

impl Default for CoverageRules {
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Self {
            version: "1".to_owned(),
            radius_m: 150.0,
            hydrant_class: "hydrant".to_owned(),
            building_class: "building".to_owned(),
            idle_states: texts(&["planned", "stopped", "sealed", "scrapped"]),
            absent_states: texts(&["planned", "scrapped"]),
            ring_error_m: 0.05,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Coverage {
    /// A multipolygon without overlaps; `None` when no hydrant counts.
    pub area: Option<Geometry>,
    /// In paging order.
    pub buildings: Vec<BuildingCoverage>,
    /// Hydrants that give water, and those that were left out.
    pub hydrants: usize,
    pub idle: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BuildingCoverage {
    pub building: FeatureId,
    pub covered: bool,
    /// The nearest hydrant and its distance in plan from the building's outline, 0 when it stands inside; `None` when there is none.
    pub nearest: Option<(FeatureId, f64)>,
}

/// What the hydrants of the city cover, by the default rules and this radius.
pub fn hydrants(city: &dyn City, radius_m: f64) -> Coverage {
    hydrants_by(city, &CoverageRules { radius_m, ..CoverageRules::default() })
}

pub fn hydrants_by(city: &dyn City, rules: &CoverageRules) -> Coverage {
    let plan = Plan { frame: city.frame() };
    let mut spots: Vec<Spot> = Vec::new();
    let (mut counted, mut idle) = (0, 0);
    if let Some(class) = city.class_by_id(&rules.hydrant_class) {
        for hydrant in city.all(class.no) {
            if in_state(class, &hydrant, &rules.idle_states) {
                idle += 1;
                continue;
            }
            counted += 1;
            let points = hydrant.geometry.as_ref().map_or(&[][..], Geometry::points);
            spots.extend(points.iter().map(|p| Spot::new(plan.point(p), hydrant.id)));
        }
    }
    let area = plan.dissolved(&spots, rules.radius_m, rules.ring_error_m);
    let spots = RTree::bulk_load(spots);
    let mut buildings = Vec::new();
    if let Some(class) = city.class_by_id(&rules.building_class) {
        for building in city.all(class.no).filter(|building| !in_state(class, building, &rules.absent_states)) {
            let nearest = building.geometry.as_ref().and_then(|geometry| nearest(&spots, &plan.area(geometry)));
            let covered = nearest.is_some_and(|(_, distance)| distance <= rules.radius_m);
            buildings.push(BuildingCoverage { building: building.id, covered, nearest });
        }
    }
    Coverage { area, buildings, hydrants: counted, idle }
}

/// A hydrant's place in plan.
type Spot = GeomWithData<[f64; 2], FeatureId>;

fn in_state(class: &Class, feature: &Feature, states: &[String]) -> bool {
    feature.text(class, "state").is_some_and(|state| states.iter().any(|one| one == state))
}

/// The hydrant nearest to an outline. Hydrants are tried by distance from the outline's middle, until the rest must be farther.
fn nearest(spots: &RTree<Spot>, outline: &geo::MultiPolygon) -> Option<(FeatureId, f64)> {
    let (mut middle, mut vertices) = ([0.0, 0.0], 0.0);
    let each = || outline.iter().flat_map(|polygon| polygon.exterior().coords());
    for vertex in each() {
        middle = [middle[0] + vertex.x, middle[1] + vertex.y];
        vertices += 1.0;
    }
    if vertices == 0.0 {
        return None;
    }
    let middle = [middle[0] / vertices, middle[1] / vertices];
    let reach = each().map(|vertex| (vertex.x - middle[0]).hypot(vertex.y - middle[1])).fold(0.0, f64::max);
    let mut best: Option<(FeatureId, f64)> = None;
    for (spot, squared_m2) in spots.nearest_neighbor_iter_with_distance_2(&middle) {
        if best.is_some_and(|(_, distance)| squared_m2.sqrt() - reach > distance) {
            break;
        }
        let [x, y] = *spot.geom();
        let distance = Euclidean.distance(&geo::Point::new(x, y), outline);
        // Of two at the same distance the smaller number, so that the answer does not depend on the tree.
        if best.is_none_or(|(id, least)| distance < least || (distance == least && spot.data < id)) {
            best = Some((spot.data, distance));
        }
    }
    best
}

/// The city's plane, used for plan coordinates. At 30 km from the origin it shortens lengths by eleven millionths:
/// 2 mm on 150 m.
struct Plan<'a> {
    frame: &'a Frame,
}

impl Plan<'_> {
    fn point(&self, p: &Position) -> [f64; 2] {
        let local = self.frame.local(Position::new(p.lon, p.lat, 0.0));
        [local.east, local.north]
    }

    fn area(&self, geometry: &Geometry) -> geo::MultiPolygon {
        let ring = |line: &Line| line.iter().map(|p| geo::Coord::from(self.point(p))).collect::<geo::LineString>();
        let polygon = |rings: &Vec<Line>| {
            let mut rings = rings.iter().map(ring);
            rings.next().map(|outer| geo::Polygon::new(outer, rings.collect()))
        };
        geo::MultiPolygon(geometry.polygons().iter().filter_map(polygon).collect())
    }

    /// Degrees of a point of the plane, on the ellipsoid: the plane's *up* of the surface is found in a few steps.
    fn position(&self, point: geo::Coord) -> Position {
        let mut up = 0.0;
        for _ in 0..4 {
            up -= self.frame.position(LocalPoint::new(point.x, point.y, up)).z;
        }
        let on_surface = self.frame.position(LocalPoint::new(point.x, point.y, up));
        Position::new(on_surface.lon, on_surface.lat, 0.0)
    }

    fn dissolved(&self, spots: &[Spot], radius_m: f64, ring_error_m: f64) -> Option<Geometry> {
        if spots.is_empty() || !(radius_m > 0.0 && radius_m.is_finite()) {
            return None;
        }
        let corners = corners(radius_m, ring_error_m);
        let disc = |spot: &Spot| {
            let [x, y] = *spot.geom();
            let ring = (0..corners).map(|i| {
                let (sin, cos) = (TAU * i as f64 / corners as f64).sin_cos();
                (x + radius_m * cos, y + radius_m * sin)
            });
            geo::Polygon::new(ring.collect(), Vec::new())
        };
        let discs: Vec<geo::Polygon> = spots.iter().map(disc).collect();
        let ring = |line: &geo::LineString| line.coords().map(|vertex| self.position(*vertex)).collect::<Line>();
        let parts = unary_union(&discs).into_iter().map(|polygon| {
            let (outer, holes) = polygon.into_inner();
            std::iter::once(&outer).chain(&holes).map(ring).collect()
        });
        Some(Geometry::flat(Shape::MultiPolygon(parts.collect())))
    }
}

/// Corners of a ring whose edges run no farther than `error_m` inside the circle.
fn corners(radius_m: f64, error_m: f64) -> usize {
    let half_angle = (1.0 - (error_m / radius_m).clamp(1e-6, 0.5)).acos();
    ((TAU / 2.0 / half_angle).ceil() as usize).max(8)
}
