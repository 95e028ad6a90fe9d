//! The city as the sink saw it, in metres, and the plane geometry that the checks share.

use citytwin_demo::{GEOID_OFFSET_M, ORIGIN, Sink, SinkError, Size, Summary, generate};
use citytwin_model::class::Class;
use citytwin_model::{Frame, Geometry, Position, Shape, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Seeds that every property is tried with: a village each, and a town.
pub const SEEDS: [u64; 6] = [1, 2, 3, 7, 20_261_121, u64::MAX];
pub const TOWN_SEED: u64 = 1;

/// East, north, height.
pub type P = [f64; 3];

#[derive(Debug)]
pub struct Thing {
    pub class: Arc<Class>,
    pub geometry: Option<Geometry>,
    pub attributes: Vec<Value>,
}

impl Thing {
    pub fn get(&self, attribute: &str) -> &Value {
        &self.attributes[self.class.attribute_index(attribute).unwrap_or_else(|| panic!("{} has no {attribute}", self.class.id))]
    }

    pub fn text(&self, attribute: &str) -> &str {
        self.get(attribute).as_text().unwrap_or_else(|| panic!("{}.{attribute} is {:?}", self.class.id, self.get(attribute)))
    }

    pub fn number(&self, attribute: &str) -> f64 {
        self.get(attribute).as_number().unwrap_or_else(|| panic!("{}.{attribute} is {:?}", self.class.id, self.get(attribute)))
    }

    pub fn code(&self) -> &str {
        self.text("code")
    }

    /// Vertices of a point, a line or a polygon's outer ring.
    pub fn vertices(&self) -> Vec<P> {
        match &self.geometry.as_ref().expect("it has a geometry").shape {
            Shape::Point(p) => vec![local(p)],
            Shape::Line(line) => line.iter().map(local).collect(),
            Shape::Polygon(rings) => rings[0].iter().map(local).collect(),
            other => panic!("{} has {other:?}", self.class.id),
        }
    }

    pub fn at(&self) -> P {
        self.vertices()[0]
    }
}

fn local(p: &Position) -> P {
    // The frame wants ellipsoidal heights; the height itself stays what it is.
    let at = Frame::at(ORIGIN).local(Position::new(p.lon, p.lat, p.z + GEOID_OFFSET_M));
    [at.east, at.north, p.z]
}

#[derive(Debug, Default)]
pub struct Town {
    pub things: Vec<Thing>,
    pub by_class: BTreeMap<String, Vec<usize>>,
}

impl Sink for Town {
    fn add(&mut self, class: &Arc<Class>, geometry: Option<Geometry>, attributes: Vec<Value>) -> Result<(), SinkError> {
        assert_eq!(attributes.len(), class.attributes.len());
        self.by_class.entry(class.id.clone()).or_default().push(self.things.len());
        self.things.push(Thing { class: class.clone(), geometry, attributes });
        Ok(())
    }
}

impl Town {
    pub fn all(&self, class: &str) -> impl Iterator<Item = &Thing> {
        self.by_class.get(class).into_iter().flatten().map(|k| &self.things[*k])
    }

    /// How many quarters it has.
    pub fn quarters(&self) -> usize {
        self.all("district").filter(|district| district.text("kind") == "street").count()
    }

    pub fn by_code(&self, class: &str) -> BTreeMap<&str, &Thing> {
        self.all(class).map(|thing| (thing.code(), thing)).collect()
    }
}

pub fn make(size: Size, seed: u64) -> (Town, Summary) {
    let mut town = Town::default();
    let summary = generate(size, seed, &mut town).expect("this sink takes everything");
    (town, summary)
}

/// Each seed's village and the town, made once.
pub fn towns() -> impl Iterator<Item = (u64, &'static Town, &'static Summary)> {
    static TOWNS: OnceLock<Vec<(u64, Town, Summary)>> = OnceLock::new();
    let towns = TOWNS.get_or_init(|| {
        let make = |(size, seed)| {
            let (town, summary) = make(size, seed);
            (seed, town, summary)
        };
        SEEDS.into_iter().map(|seed| (Size::Village, seed)).chain([(Size::Town, TOWN_SEED)]).map(make).collect()
    });
    towns.iter().map(|(seed, town, summary)| (*seed, town, summary))
}

/// The city of several quarters.
pub fn large_town() -> (&'static Town, &'static Summary) {
    let (_, town, summary) = towns().last().expect("the last is the town");
    (town, summary)
}

pub fn plan_distance(a: P, b: P) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
}

/// How far a point is from a segment in plan, and where along it (0 to 1) the nearest point lies.
pub fn to_segment(p: P, a: P, b: P) -> (f64, f64) {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let squared = dx * dx + dy * dy;
    let t = if squared > 0.0 { (((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
    (plan_distance(p, [a[0] + dx * t, a[1] + dy * t, 0.0]), t)
}

/// Where two segments cross in plan, as shares of each.
pub fn crossing(a: P, b: P, c: P, d: P) -> Option<(f64, f64)> {
    let (rx, ry, sx, sy) = (b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]);
    let turn = rx * sy - ry * sx;
    if turn.abs() < 1e-9 {
        return None;
    }
    let (qx, qy) = (c[0] - a[0], c[1] - a[1]);
    let (t, u) = ((qx * sy - qy * sx) / turn, (qx * ry - qy * rx) / turn);
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some((t, u))
}

/// Distance of two segments in plan; 0 where they cross.
pub fn segment_distance(a: P, b: P, c: P, d: P) -> f64 {
    if crossing(a, b, c, d).is_some() {
        return 0.0;
    }
    [to_segment(a, c, d).0, to_segment(b, c, d).0, to_segment(c, a, b).0, to_segment(d, a, b).0].into_iter().fold(f64::INFINITY, f64::min)
}

/// Winding by the even-odd rule; the ring is closed.
pub fn is_inside(ring: &[P], p: P) -> bool {
    ring.windows(2)
        .filter(|s| (s[0][1] > p[1]) != (s[1][1] > p[1]) && p[0] < (s[1][0] - s[0][0]) * (p[1] - s[0][1]) / (s[1][1] - s[0][1]) + s[0][0])
        .count()
        % 2
        == 1
}

/// Things by the 50 m squares that their parts touch, so that neighbours are found without comparing all with all.
#[derive(Debug, Default)]
pub struct Squares(BTreeMap<(i64, i64), Vec<usize>>);

impl Squares {
    const SIDE_M: f64 = 50.0;

    pub fn add(&mut self, item: usize, points: &[P], reach_m: f64) {
        for square in Self::of(points, reach_m) {
            self.0.entry(square).or_default().push(item);
        }
    }

    /// Items near the points, each once.
    pub fn near(&self, points: &[P], reach_m: f64) -> Vec<usize> {
        let mut items: Vec<usize> = Self::of(points, reach_m).filter_map(|square| self.0.get(&square)).flatten().copied().collect();
        items.sort_unstable();
        items.dedup();
        items
    }

    fn of(points: &[P], reach_m: f64) -> impl Iterator<Item = (i64, i64)> {
        let fold = |axis: usize, pick: fn(f64, f64) -> f64, start: f64| points.iter().map(|p| p[axis]).fold(start, pick);
        let index = |x: f64| (x / Self::SIDE_M).floor() as i64;
        let (west, east) = (index(fold(0, f64::min, f64::INFINITY) - reach_m), index(fold(0, f64::max, f64::NEG_INFINITY) + reach_m));
        let (south, north) = (index(fold(1, f64::min, f64::INFINITY) - reach_m), index(fold(1, f64::max, f64::NEG_INFINITY) + reach_m));
        (west..=east).flat_map(move |x| (south..=north).map(move |y| (x, y)))
    }
}
