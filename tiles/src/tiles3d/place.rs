//! A feature's geometry in the city frame, its measures, and areas cut at a leaf's borders.

use super::builder::{Owner, V3};
use super::stage::Stage;
use crate::clip::{self, Point};
use crate::grid::Rect;
use crate::heal;
use citytwin_model::class::Form;
use citytwin_model::geometry::Rings;
use citytwin_model::{Feature, LocalPoint, Position};

/// What stands in for heights that a line does not carry.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Missing {
    /// The ground at each vertex.
    Ground,
    /// So many metres below the ground at each vertex: buried things.
    Below(f64),
    /// Straight between the grounds at both ends: what is carried over or bored through.
    Straight,
}

/// A feature's lines.
pub(crate) fn lines(stage: &Stage<'_>, feature: &Feature, missing: Missing) -> Vec<Vec<LocalPoint>> {
    let Some(geometry) = &feature.geometry else { return Vec::new() };
    geometry
        .lines()
        .iter()
        .map(|line| {
            let height = |i: usize, p: &Position| match missing {
                _ if geometry.has_z => p.z,
                Missing::Ground => stage.ground(p.lonlat()),
                Missing::Below(depth) => stage.ground(p.lonlat()) - depth,
                Missing::Straight => straight(stage, line, i),
            };
            line.iter().enumerate().map(|(i, p)| stage.local(p.lonlat(), height(i, p))).collect()
        })
        .collect()
}

fn straight(stage: &Stage<'_>, line: &[Position], i: usize) -> f64 {
    let plan: Vec<LocalPoint> = line.iter().map(|p| stage.local(p.lonlat(), 0.0)).collect();
    let way = |to: usize| plan[..=to].windows(2).map(|pair| pair[0].plan_distance(pair[1])).sum::<f64>();
    let (from, to) = (stage.ground(line[0].lonlat()), stage.ground(line[line.len() - 1].lonlat()));
    let whole = way(line.len() - 1);
    if whole > 0.0 { from + (to - from) * way(i) / whole } else { from }
}

/// A feature's points; an area or a line stands at the middle of its box.
pub(crate) fn points(stage: &Stage<'_>, feature: &Feature) -> Vec<LocalPoint> {
    let Some(geometry) = &feature.geometry else { return Vec::new() };
    if geometry.points().is_empty() {
        let at = geometry.bounds().centre();
        return vec![stage.local(at, stage.ground(at))];
    }
    let height = |p: &Position| if geometry.has_z { p.z } else { stage.ground(p.lonlat()) };
    geometry.points().iter().map(|p| stage.local(p.lonlat(), height(p))).collect()
}

/// A feature's areas as rings of the plane, at the ground's height.
pub(crate) fn polygons(stage: &Stage<'_>, feature: &Feature) -> Vec<Vec<Vec<Point>>> {
    let Some(geometry) = &feature.geometry else { return Vec::new() };
    geometry.polygons().iter().map(|rings| plan(stage, rings, None)).collect()
}

/// Rings of the plane at one height, or at that of the ground.
pub(crate) fn plan(stage: &Stage<'_>, rings: &Rings, height: Option<f64>) -> Vec<Vec<Point>> {
    let at = |p: &Position| {
        let local = stage.local(p.lonlat(), height.unwrap_or_else(|| stage.ground(p.lonlat())));
        [local.east, local.north]
    };
    rings.iter().map(|ring| ring.iter().map(at).collect()).collect()
}

/// Away from the earth at a line's first vertex.
pub(crate) fn up_at(stage: &Stage<'_>, line: &[LocalPoint]) -> V3 {
    let Some(first) = line.first() else { return [0.0, 0.0, 1.0] };
    let at = stage.frame.position(*first);
    let above = stage.frame.local(Position::new(at.lon, at.lat, at.z + 1.0));
    [above.east - first.east, above.north - first.north, above.up - first.up]
}

/// The parts of an area inside a leaf, outer ring first. What lies wholly inside is passed as it is; what is cut is
/// rounded to a micrometre and made valid.
pub(crate) fn cut_polygon(rings: &[Vec<Point>], rect: &Rect) -> Vec<Vec<Vec<Point>>> {
    let inside = |p: &Point| rect.west <= p[0] && p[0] <= rect.east && rect.south <= p[1] && p[1] <= rect.north;
    if rings.iter().flatten().all(inside) {
        return vec![rings.to_vec()];
    }
    let grain = Grain::of(rect);
    grain.area(rings).into_iter().map(|polygon| grain.metres(&polygon)).collect()
}

/// Whole numbers about the middle of a rectangle, for operations that must be exact: a millionth of a metre each, so
/// that what they round is far below what a tile's numbers hold.
pub(crate) struct Grain {
    rect: Rect,
    centre: Point,
}

impl Grain {
    const PER_METRE: f64 = (1 << 20) as f64;

    pub fn of(rect: &Rect) -> Self {
        let (east, north) = rect.centre();
        Self { rect: *rect, centre: [east, north] }
    }

    pub fn vertex(&self, p: Point) -> heal::Vertex {
        std::array::from_fn(|i| ((p[i] - self.centre[i]) * Self::PER_METRE).round() as i32)
    }

    /// A ring cut at the rectangle; `None` when nothing of it is inside.
    pub fn ring(&self, ring: &[Point]) -> Option<Vec<heal::Vertex>> {
        let mut cut: Vec<heal::Vertex> = clip::ring(ring, &self.rect).into_iter().map(|p| self.vertex(p)).collect();
        cut.dedup();
        while cut.len() > 1 && cut.first() == cut.last() {
            cut.pop();
        }
        (cut.len() >= 3).then_some(cut)
    }

    /// An area cut at the rectangle, valid.
    pub fn area(&self, rings: &[Vec<Point>]) -> Vec<heal::Polygon> {
        heal::polygons(&rings.iter().filter_map(|ring| self.ring(ring)).collect::<Vec<_>>())
    }

    pub fn metres(&self, polygon: &heal::Polygon) -> Vec<Vec<Point>> {
        let metres = |v: &heal::Vertex| std::array::from_fn(|i| f64::from(v[i]) / Self::PER_METRE + self.centre[i]);
        polygon.iter().map(|ring| ring.iter().map(metres).collect()).collect()
    }
}

/// A feature's measures, from the attributes that its class's form names. What is missing or cannot be is drawn at a
/// usual size; the feature's own page says "no data".
pub(crate) struct Measures<'a> {
    owner: &'a Owner<'a>,
}

impl<'a> Measures<'a> {
    pub fn of(owner: &'a Owner<'a>) -> Self {
        Self { owner }
    }

    fn number(&self, attribute: &str, range: (f64, f64)) -> Option<f64> {
        self.owner.feature.number(self.owner.class, attribute).filter(|x| *x > 0.0).map(|x| x.clamp(range.0, range.1))
    }

    pub fn width_m(&self) -> f64 {
        match &self.owner.class.form {
            Form::Ribbon { width_m } | Form::Deck { width_m } | Form::Bore { width_m } => self.number(width_m, (0.3, 100.0)).unwrap_or(6.0),
            _ => 1.0,
        }
    }

    /// Of a tunnel's bore.
    pub fn clear_height_m(&self) -> f64 {
        self.number("height_m", (1.0, 30.0)).unwrap_or(5.0)
    }

    /// Of a building: its height, else three metres a storey, else one storey.
    pub fn height_m(&self) -> f64 {
        const STOREY_M: f64 = 3.0;
        let Form::Prism { height_m } = &self.owner.class.form else { return STOREY_M };
        self.number(height_m, (0.1, 1000.0)).or_else(|| self.number("storeys", (1.0, 200.0)).map(|n| n * STOREY_M)).unwrap_or(STOREY_M)
    }

    pub fn depth_m(&self) -> f64 {
        let Form::Shaft { depth_m } = &self.owner.class.form else { return 1.5 };
        self.number(depth_m, (0.1, 100.0)).unwrap_or(1.5)
    }

    pub fn radius_m(&self) -> f64 {
        let Form::Tube { diameter_mm } = &self.owner.class.form else { return 0.05 };
        self.number(diameter_mm, (10.0, 20_000.0)).unwrap_or(100.0) / 2000.0
    }

    /// From the ground down to a pipe's axis, where the survey has no heights.
    pub fn axis_depth_m(&self) -> f64 {
        self.number("cover_m", (0.0, 100.0)).unwrap_or(1.0) + self.radius_m()
    }
}
