//! Geometry in a tile's whole units: cut, thinned, valid.

use super::pbf::zigzag;
use super::{BUFFER, EVERYTHING_FROM, EXTENT, TileCoord};
use crate::clip::{self, Point};
use crate::grid::Rect;
use crate::heal::{self, Polygon, Vertex};
use citytwin_model::geometry::{Line, Rings};
use citytwin_model::{Geometry, GeometryKind};

/// Below [`EVERYTHING_FROM`], vertices that stray less than this from the line without them are left out.
const STRAY_UNITS: f64 = 2.0;
/// There, areas smaller than this, and holes in them, cannot be seen: a screen shows 4096 units on 512 points.
const SPECK_UNITS2: i64 = 16;

const FRAME: Rect =
    Rect { west: -(BUFFER as f64), south: -(BUFFER as f64), east: (EXTENT + BUFFER) as f64, north: (EXTENT + BUFFER) as f64 };

/// Geometry types of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Point = 1,
    Line = 2,
    Polygon = 3,
}

pub(super) struct Drawn {
    pub kind: Kind,
    pub commands: Vec<u32>,
}

/// `None` when nothing of it is in the tile, or too small to be seen at its zoom.
pub(super) fn draw(tile: TileCoord, geometry: &Geometry) -> Option<Drawn> {
    let all = tile.zoom() >= EVERYTHING_FROM;
    let mut pen = Pen::default();
    let kind = match geometry.kind() {
        GeometryKind::Point => {
            let points: Vec<Vertex> = geometry.points().iter().map(|p| tile.place(p)).filter(inside).map(rounded).collect();
            pen.points(&points);
            Kind::Point
        }
        GeometryKind::Line => {
            for line in geometry.lines() {
                lines(tile, line, all).iter().for_each(|line| pen.line(line));
            }
            Kind::Line
        }
        GeometryKind::Area => {
            for rings in geometry.polygons() {
                for ring in polygons(tile, rings, all).iter().flatten() {
                    pen.ring(ring);
                }
            }
            Kind::Polygon
        }
        GeometryKind::None => return None,
    };
    (!pen.commands.is_empty()).then_some(Drawn { kind, commands: pen.commands })
}

fn inside(p: &Point) -> bool {
    FRAME.west <= p[0] && p[0] <= FRAME.east && FRAME.south <= p[1] && p[1] <= FRAME.north
}

fn rounded(p: Point) -> Vertex {
    p.map(|x| x.round() as i32)
}

/// The parts of a line inside the tile, of at least two different vertices each.
fn lines(tile: TileCoord, line: &Line, all: bool) -> Vec<Vec<Vertex>> {
    let places: Vec<Point> = line.iter().map(|p| tile.place(p)).collect();
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    for pair in places.windows(2) {
        // A segment that only touches the frame's corner leaves nothing.
        let Some((from, to)) = clip::segment(pair[0], pair[1], &FRAME).filter(|(from, to)| from < to) else {
            open = false;
            continue;
        };
        let at = |t: f64| std::array::from_fn(|i| pair[0][i] + (pair[1][i] - pair[0][i]) * t);
        if !open || from > 0.0 {
            parts.push(vec![at(from)]);
        }
        parts.last_mut().expect("just begun").push(if to == 1.0 { pair[1] } else { at(to) });
        open = to == 1.0;
    }
    parts.into_iter().filter_map(|part| whole_line(part, all)).collect()
}

fn whole_line(part: Vec<Point>, all: bool) -> Option<Vec<Vertex>> {
    let thinned = if all { part } else { thin(&part, STRAY_UNITS) };
    let mut units: Vec<Vertex> = thinned.iter().copied().map(rounded).collect();
    units.dedup();
    if units.len() == 1 {
        // Shorter than a unit. Where everything is shown it keeps its place, one unit long, the way it runs.
        let (first, last) = (thinned[0], thinned[thinned.len() - 1]);
        let step: Vertex = if (last[0] - first[0]).abs() >= (last[1] - first[1]).abs() { [1, 0] } else { [0, 1] };
        units.push([units[0][0] + step[0], units[0][1] + step[1]]);
        return all.then_some(units);
    }
    Some(units)
}

/// The valid polygons that an area is inside the tile.
fn polygons(tile: TileCoord, rings: &Rings, all: bool) -> Vec<Polygon> {
    let mut units: Vec<Vec<Vertex>> = Vec::with_capacity(rings.len());
    for (i, ring) in rings.iter().enumerate() {
        let places: Vec<Point> = ring.iter().map(|p| tile.place(p)).collect();
        let cut = if places.iter().all(inside) { places } else { clip::ring(&places, &FRAME) };
        let thinned = if all { cut } else { thin_ring(&cut, STRAY_UNITS) };
        let mut ring: Vec<Vertex> = thinned.into_iter().map(rounded).collect();
        ring.dedup();
        while ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        // An outer ring that fell together still tells where the area is.
        if ring.len() >= 3 || (i == 0 && !ring.is_empty()) {
            units.push(ring);
        }
    }
    let mut polygons = heal::polygons(&units);
    if !all {
        polygons.retain(|polygon| heal::area2(&polygon[0]) >= 2 * SPECK_UNITS2);
        polygons.iter_mut().for_each(|polygon| polygon.retain(|ring| heal::area2(ring).abs() >= 2 * SPECK_UNITS2));
    } else if polygons.is_empty()
        && let Some(speck) = units.first().and_then(|ring| ring.first()).filter(|_| has_area(rings))
    {
        // Smaller than a unit, and everything is shown: one unit square at its place.
        let [x, y] = *speck;
        polygons.push(vec![vec![[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]]]);
    }
    polygons
}

fn has_area(rings: &Rings) -> bool {
    rings.first().is_some_and(|ring| clip::signed_area(&ring.iter().map(|p| [p.lon, p.lat]).collect::<Vec<_>>()) != 0.0)
}

/// Vertices needed to stay within `stray` of the line (Douglas and Peucker).
fn thin(line: &[Point], stray: f64) -> Vec<Point> {
    if line.len() < 3 {
        return line.to_vec();
    }
    let mut keep = vec![false; line.len()];
    (keep[0], keep[line.len() - 1]) = (true, true);
    let mut spans = vec![(0, line.len() - 1)];
    while let Some((from, to)) = spans.pop() {
        let mut worst = (stray, None);
        for i in from + 1..to {
            let off = distance(line[i], line[from], line[to]);
            if off > worst.0 {
                worst = (off, Some(i));
            }
        }
        if let Some(i) = worst.1 {
            keep[i] = true;
            spans.extend([(from, i), (i, to)]);
        }
    }
    line.iter().zip(keep).filter(|(_, keep)| *keep).map(|(p, _)| *p).collect()
}

/// A ring is thinned in two halves, so that it does not fall together.
fn thin_ring(ring: &[Point], stray: f64) -> Vec<Point> {
    let Some(&first) = ring.first() else { return Vec::new() };
    let reach = |p: &Point| (p[0] - first[0]).hypot(p[1] - first[1]);
    let far = (0..ring.len()).max_by(|a, b| reach(&ring[*a]).total_cmp(&reach(&ring[*b]))).unwrap_or(0);
    let mut back: Vec<Point> = ring[far..].to_vec();
    back.push(first);
    let mut thinned = thin(&ring[..=far], stray);
    thinned.pop();
    thinned.extend(thin(&back, stray));
    thinned
}

fn distance(p: Point, a: Point, b: Point) -> f64 {
    let way = [b[0] - a[0], b[1] - a[1]];
    let long2 = way[0] * way[0] + way[1] * way[1];
    let t = if long2 > 0.0 { (((p[0] - a[0]) * way[0] + (p[1] - a[1]) * way[1]) / long2).clamp(0.0, 1.0) } else { 0.0 };
    (p[0] - a[0] - way[0] * t).hypot(p[1] - a[1] - way[1] * t)
}

/// Writes the format's commands, each step relative to the last.
#[derive(Default)]
struct Pen {
    at: Vertex,
    commands: Vec<u32>,
}

const MOVE: u32 = 1;
const LINE: u32 = 2;
const CLOSE: u32 = 7;

impl Pen {
    fn points(&mut self, points: &[Vertex]) {
        if !points.is_empty() {
            self.command(MOVE, points.len());
            points.iter().for_each(|p| self.step(*p));
        }
    }

    fn line(&mut self, line: &[Vertex]) {
        self.command(MOVE, 1);
        self.step(line[0]);
        self.command(LINE, line.len() - 1);
        line[1..].iter().for_each(|p| self.step(*p));
    }

    fn ring(&mut self, ring: &[Vertex]) {
        self.line(ring);
        self.command(CLOSE, 1);
    }

    fn command(&mut self, command: u32, count: usize) {
        self.commands.push((count as u32) << 3 | command);
    }

    fn step(&mut self, to: Vertex) {
        for axis in 0..2 {
            self.commands.push(zigzag(i64::from(to[axis]) - i64::from(self.at[axis])) as u32);
        }
        self.at = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_what_strays_and_drops_what_does_not() {
        let line: Vec<Point> = vec![[0.0, 0.0], [10.0, 1.0], [20.0, 0.0], [30.0, 9.0], [40.0, 0.0]];
        assert_eq!(thin(&line, 2.0), [[0.0, 0.0], [20.0, 0.0], [30.0, 9.0], [40.0, 0.0]]);
        let ring: Vec<Point> = vec![[0.0, 0.0], [50.0, 0.5], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0], [0.0, 0.0]];
        assert_eq!(thin_ring(&ring, 2.0), [[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0], [0.0, 0.0]]);
    }

    #[test]
    fn commands_are_those_of_the_specifications_examples() {
        let mut pen = Pen::default();
        pen.line(&[[2, 2], [2, 10], [10, 10]]);
        assert_eq!(pen.commands, [9, 4, 4, 18, 0, 16, 16, 0]);
        let mut pen = Pen::default();
        pen.ring(&[[3, 6], [8, 12], [20, 34]]);
        assert_eq!(pen.commands, [9, 6, 12, 18, 10, 12, 24, 44, 15]);
    }
}
