//! The index against the plainest oracle: look at every feature, with `geo` deciding what meets a box.
//!
//! Coordinates lie on a coarse grid of exact binary fractions, so that touches, shared corners and points on borders
//! are common instead of rare.

use citytwin_index::{PageKey, Snapshot, distance_m};
use citytwin_model::geometry::Line;
use citytwin_model::{Bounds, City, ClassNo, Feature, FeatureId, Fid, Frame, Geometry, LonLat, Position, Shape};
use geo::Intersects;
use proptest::prelude::*;
use std::collections::BTreeMap;

const CLASS: ClassNo = ClassNo(40);
const SIDE: i32 = 16;

fn at(x: i32, y: i32) -> Position {
    Position::new(116.0 + f64::from(x) / 64.0, 30.0 + f64::from(y) / 64.0, 0.0)
}

fn frame() -> Frame {
    Frame::at(LonLat { lon: 116.0, lat: 30.0 })
}

fn build(features: Vec<Feature>) -> Snapshot {
    Snapshot::build(1, frame(), -12.5, Vec::new(), features, None)
}

fn feature(fid: Fid, revision: u64, geometry: Option<Geometry>) -> Feature {
    Feature { id: FeatureId::new(CLASS, fid), revision, geometry, attributes: Vec::new(), other: None, source: None }
}

fn ring(x: i32, y: i32, half: i32) -> Line {
    [(-half, -half), (half, -half), (half, half), (-half, half), (-half, -half)].iter().map(|(dx, dy)| at(x + dx, y + dy)).collect()
}

fn triangle(a: (i32, i32), b: (i32, i32), c: (i32, i32)) -> Line {
    [a, b, c, a].iter().map(|(x, y)| at(*x, *y)).collect()
}

fn on_one_line([a, b, c]: &[(i32, i32); 3]) -> bool {
    (b.0 - a.0) * (c.1 - a.1) == (c.0 - a.0) * (b.1 - a.1)
}

fn shape() -> impl Strategy<Value = Shape> {
    let xy = || (0..=SIDE, 0..=SIDE);
    let point = move || xy().prop_map(|(x, y)| at(x, y));
    let line = move || prop::collection::vec(point(), 2..5);
    prop_oneof![
        4 => point().prop_map(Shape::Point),
        4 => line().prop_map(Shape::Line),
        2 => (xy(), 2..6i32).prop_map(|((x, y), half)| Shape::Polygon(vec![ring(x, y, half), ring(x, y, half - 1)])),
        2 => [xy(), xy(), xy()].prop_filter("an area", |t| !on_one_line(t)).prop_map(|[a, b, c]| Shape::Polygon(vec![triangle(a, b, c)])),
        1 => prop::collection::vec(point(), 1..4).prop_map(Shape::MultiPoint),
        1 => prop::collection::vec(line(), 1..3).prop_map(Shape::MultiLine),
        1 => (xy(), 1..4i32).prop_map(|((x, y), h)| Shape::MultiPolygon(vec![vec![ring(x, y, h)], vec![ring(x + 20, y, h)]])),
    ]
}

fn geometry() -> impl Strategy<Value = Option<Geometry>> {
    prop_oneof![15 => shape().prop_map(|shape| Some(Geometry::flat(shape))), 1 => Just(None)]
}

/// On the same grid, so that borders fall on vertices; a third are points or segments.
fn query_box() -> impl Strategy<Value = Bounds> {
    let corner = || (-1..=SIDE + 1, -1..=SIDE + 1);
    let full = (corner(), corner()).prop_map(|((a, b), (c, d))| (a.min(c), b.min(d), a.max(c), b.max(d)));
    let thin =
        (corner(), 0..SIDE, any::<bool>()).prop_map(|((x, y), len, upright)| if upright { (x, y, x, y + len) } else { (x, y, x + len, y) });
    prop_oneof![2 => full, 1 => thin].prop_map(|(w, s, e, n)| Bounds::new(at(w, s).lon, at(w, s).lat, at(e, n).lon, at(e, n).lat))
}

/// What `geo` says.
fn oracle(geometry: &Geometry, bounds: &Bounds) -> bool {
    let rect = geo::Rect::new((bounds.west, bounds.south), (bounds.east, bounds.north)).to_polygon();
    // A box without area is a segment or a point to `geo`.
    let (sw, ne) = (geo::coord! { x: bounds.west, y: bounds.south }, geo::coord! { x: bounds.east, y: bounds.north });
    let thin = bounds.west == bounds.east || bounds.south == bounds.north;
    let segment = geo::Line::new(sw, ne);
    let line = |line: &[Position]| line.iter().map(|p| (p.lon, p.lat)).collect::<geo::LineString>();
    let meets = |one: geo::Geometry| {
        if sw == ne {
            one.intersects(&geo::Point(sw))
        } else if thin {
            one.intersects(&segment)
        } else {
            one.intersects(&rect)
        }
    };
    let polygon = |rings: &Vec<Line>| geo::Polygon::new(line(&rings[0]), rings[1..].iter().map(|ring| line(ring)).collect());
    match &geometry.shape {
        Shape::Point(p) => meets(geo::Point::new(p.lon, p.lat).into()),
        Shape::MultiPoint(points) => points.iter().any(|p| meets(geo::Point::new(p.lon, p.lat).into())),
        Shape::Line(vertices) => meets(line(vertices).into()),
        Shape::MultiLine(lines) => lines.iter().any(|vertices| meets(line(vertices).into())),
        Shape::Polygon(rings) => meets(polygon(rings).into()),
        Shape::MultiPolygon(parts) => parts.iter().any(|rings| meets(polygon(rings).into())),
    }
}

/// All pages of a walk, each `limit` long but the last; every page must state the same exact count.
fn walk(snapshot: &Snapshot, bounds: Option<&Bounds>, limit: usize) -> Vec<Fid> {
    let (mut after, mut fids, mut matched) = (None, Vec::new(), None);
    loop {
        let page = snapshot.page(CLASS, bounds, after, limit);
        assert_eq!(*matched.get_or_insert(page.matched), page.matched);
        fids.extend(page.features.iter().map(|feature| feature.id.fid));
        match page.next {
            Some(next) => {
                assert_eq!(page.features.len(), limit);
                after = Some(next);
            }
            None => break,
        }
    }
    assert_eq!(matched, Some(fids.len() as u64));
    fids
}

/// Everything that can be asked, against the list of what there is.
fn check_against(snapshot: &Snapshot, truth: &BTreeMap<Fid, Feature>, bounds: &Bounds, limit: usize) {
    let order: Vec<Fid> = snapshot.all(CLASS).map(|feature| feature.id.fid).collect();
    assert_eq!(order.len(), truth.len());
    assert_eq!(snapshot.count(CLASS), truth.len());
    for (fid, feature) in truth {
        assert_eq!(snapshot.feature(feature.id).as_deref(), Some(feature), "{fid}");
    }
    assert_eq!(walk(snapshot, None, limit), order);

    let meets = |fid: &Fid| truth[fid].geometry.as_ref().is_some_and(|geometry| oracle(geometry, bounds));
    let expected: Vec<Fid> = order.iter().copied().filter(meets).collect();
    assert_eq!(walk(snapshot, Some(bounds), limit), expected, "{bounds:?}");
    assert_eq!(snapshot.fids(CLASS, bounds), expected);
    let mut visited = Vec::new();
    snapshot.visit(CLASS, bounds, |feature| visited.push(feature.id.fid));
    assert_eq!(visited, expected);

    let boxes_meet = |fid: &Fid| truth[fid].geometry.as_ref().is_some_and(|geometry| geometry.bounds().intersects(bounds));
    let candidates: Vec<Fid> = snapshot.in_box(CLASS, bounds).iter().map(|feature| feature.id.fid).collect();
    assert_eq!(candidates, order.iter().copied().filter(boxes_meet).collect::<Vec<_>>());

    let odd = |feature: &Feature| feature.id.fid % 2 == 1;
    let page = snapshot.page_where(CLASS, Some(std::slice::from_ref(bounds)), Some(&odd), None, limit);
    let odds: Vec<Fid> = expected.iter().copied().filter(|fid| fid % 2 == 1).collect();
    assert_eq!(page.matched, odds.len() as u64);
    assert_eq!(page.features.iter().map(|feature| feature.id.fid).collect::<Vec<_>>(), odds[..odds.len().min(limit)]);

    let extent = truth.values().filter_map(|f| f.geometry.as_ref()).fold(Bounds::EMPTY, |all, g| all.union(&g.bounds()));
    assert_eq!(snapshot.class_bounds(CLASS), (!extent.is_empty()).then_some(extent));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn boxes_and_pages_equal_a_look_at_everything(
        geometries in prop::collection::vec(geometry(), 0..120),
        boxes in prop::collection::vec(query_box(), 1..6),
        limit in 1usize..50,
    ) {
        let truth: BTreeMap<Fid, Feature> = (1..).zip(geometries).map(|(fid, geometry)| (fid, feature(fid, 1, geometry))).collect();
        let snapshot = build(truth.values().cloned().collect());
        for bounds in &boxes {
            check_against(&snapshot, &truth, bounds, limit);
        }
    }

    #[test]
    fn edits_in_any_order_equal_a_rebuild(
        start in prop::collection::vec(geometry(), 0..60),
        edits in prop::collection::vec(prop::collection::vec((1u32..80, prop::option::weighted(0.7, geometry())), 0..8), 1..12),
        bounds in query_box(),
    ) {
        let mut truth: BTreeMap<Fid, Feature> = (1..).zip(start).map(|(fid, geometry)| (fid, feature(fid, 1, geometry))).collect();
        let mut snapshot = build(truth.values().cloned().collect());
        let first = (snapshot.clone(), truth.clone());
        for (revision, batch) in (2..).zip(edits) {
            let batch: BTreeMap<Fid, Option<Option<Geometry>>> = batch.into_iter().collect();
            let mut changed = Vec::new();
            let mut gone = Vec::new();
            for (fid, geometry) in batch {
                match geometry {
                    Some(geometry) => {
                        let now = feature(fid, revision, geometry);
                        truth.insert(fid, now.clone());
                        changed.push(now);
                    }
                    None => {
                        truth.remove(&fid);
                        gone.push(FeatureId::new(CLASS, fid));
                    }
                }
            }
            snapshot = snapshot.apply(revision, changed, gone);
            prop_assert_eq!(snapshot.revision(), revision);
            check_against(&snapshot, &truth, &bounds, 7);
        }
        let rebuilt = build(truth.values().cloned().collect());
        prop_assert_eq!(snapshot.all(CLASS).collect::<Vec<_>>(), rebuilt.all(CLASS).collect::<Vec<_>>());
        // Who holds the first snapshot still sees the first city.
        check_against(&first.0, &first.1, &bounds, 7);
    }

    #[test]
    fn near_equals_a_look_at_everything(
        geometries in prop::collection::vec(geometry(), 0..80),
        x in 0..SIDE * 4, y in 0..SIDE * 4, radius in 0.0f64..60_000.0, count in 1usize..20,
    ) {
        let here = LonLat { lon: 116.0 + f64::from(x) / 256.0, lat: 30.0 + f64::from(y) / 256.0 };
        let truth: Vec<Feature> = (1..).zip(geometries).map(|(fid, geometry)| feature(fid, 1, geometry)).collect();
        let mut expected: Vec<(Fid, f64)> = truth
            .iter()
            .filter_map(|f| Some((f.id.fid, distance_m(f.geometry.as_ref()?, here))))
            .filter(|(_, distance)| *distance <= radius)
            .collect();
        expected.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        let snapshot = build(truth);
        let fids = |found: Vec<(std::sync::Arc<Feature>, f64)>| found.into_iter().map(|(f, d)| (f.id.fid, d)).collect::<Vec<_>>();
        prop_assert_eq!(&fids(snapshot.within(CLASS, here, radius)), &expected);
        expected.truncate(count);
        prop_assert_eq!(fids(snapshot.nearest(CLASS, here, radius, count)), expected);
    }
}

/// A small generator of numbers, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn geometry(&mut self) -> Option<Geometry> {
        let (x, y) = (self.roll(4000) as i32, self.roll(4000) as i32);
        match self.roll(20) {
            0 => None,
            1..10 => Some(Geometry::flat(Shape::Point(at(x, y)))),
            _ => Some(Geometry::flat(Shape::Line(vec![at(x, y), at(x + self.roll(30) as i32, y + self.roll(30) as i32)]))),
        }
    }

    fn query_box(&mut self) -> Bounds {
        let (x, y, w, h) = (self.roll(4000) as i32, self.roll(4000) as i32, self.roll(1500) as i32, self.roll(1500) as i32);
        Bounds::new(at(x, y).lon, at(x, y).lat, at(x + w, y + h).lon, at(x + w, y + h).lat)
    }
}

/// Large enough that the change is merged into the base several times on the way, and counts are made by arithmetic.
#[test]
fn a_class_that_is_edited_for_long_equals_a_rebuild() {
    let mut dice = Dice(7);
    let mut truth: BTreeMap<Fid, Feature> = (1..=9_000).map(|fid| (fid, feature(fid, 1, dice.geometry()))).collect();
    let mut snapshot = build(truth.values().cloned().collect());
    for revision in 2..=80 {
        let mut changed = BTreeMap::new();
        let mut gone = Vec::new();
        for _ in 0..100 {
            let fid = 1 + dice.roll(10_000) as Fid;
            if dice.roll(3) == 0 {
                changed.remove(&fid);
                truth.remove(&fid);
                gone.push(FeatureId::new(CLASS, fid));
            } else {
                let now = feature(fid, revision, dice.geometry());
                truth.insert(fid, now.clone());
                changed.insert(fid, now);
            }
        }
        gone.retain(|id| !changed.contains_key(&id.fid));
        snapshot = snapshot.apply(revision, changed.into_values().collect(), gone);
        if revision % 8 == 0 {
            check_against(&snapshot, &truth, &dice.query_box(), 500);
        }
    }
    let rebuilt = build(truth.values().cloned().collect());
    assert!(snapshot.all(CLASS).eq(rebuilt.all(CLASS)));
    for _ in 0..200 {
        let bounds = dice.query_box();
        assert_eq!(snapshot.fids(CLASS, &bounds), rebuilt.fids(CLASS, &bounds));
        assert_eq!(snapshot.page(CLASS, Some(&bounds), None, 10).matched, rebuilt.page(CLASS, Some(&bounds), None, 10).matched);
    }
}

#[test]
fn a_walk_during_edits_sees_every_untouched_feature_once() {
    let mut dice = Dice(11);
    let all: Vec<Feature> = (1..=6_000).map(|fid| feature(fid, 1, dice.geometry())).collect();
    // Features with an even number are moved, removed and brought back all the time; the odd ones stay.
    for bounds in [None, Some(Bounds::new(at(500, 500).lon, at(500, 500).lat, at(3500, 3500).lon, at(3500, 3500).lat))] {
        let mut snapshot = build(all.clone());
        let mut seen: BTreeMap<Fid, u32> = BTreeMap::new();
        let mut after: Option<PageKey> = None;
        let mut revision = 1;
        loop {
            // The key goes out and comes back as text, as it does in a link.
            let page = snapshot.page(CLASS, bounds.as_ref(), after.map(|key| key.to_string().parse().unwrap()), 50);
            page.features.iter().for_each(|feature| *seen.entry(feature.id.fid).or_default() += 1);
            after = page.next;
            if after.is_none() {
                break;
            }
            revision += 1;
            let fids: Vec<Fid> = (0..60).map(|_| 2 * (1 + dice.roll(3_500) as Fid)).collect();
            let (away, here) = fids.split_at(20);
            snapshot = snapshot.apply(
                revision,
                here.iter().map(|fid| feature(*fid, revision, dice.geometry())).collect(),
                away.iter().map(|fid| FeatureId::new(CLASS, *fid)).collect(),
            );
        }
        assert!(revision > 40, "the walk must be long enough to be disturbed");
        for untouched in all.iter().filter(|feature| feature.id.fid % 2 == 1) {
            let there = bounds.is_none_or(|bounds| untouched.geometry.as_ref().is_some_and(|g| oracle(g, &bounds)));
            assert_eq!(seen.get(&untouched.id.fid).copied().unwrap_or(0), u32::from(there), "{}", untouched.id.fid);
        }
    }
}

#[test]
fn a_box_over_the_antimeridian_is_two_boxes_and_one_count() {
    let point = |fid, lon: f64| feature(fid, 1, Some(Geometry::flat(Shape::Point(Position::new(lon, 0.0, 0.0)))));
    let long = Shape::Line(vec![Position::new(-179.5, 0.0, 0.0), Position::new(179.5, 0.0, 0.0)]);
    let snapshot = build(vec![point(1, 179.0), point(2, -179.0), point(3, 0.0), feature(4, 1, Some(Geometry::flat(long)))]);
    let window = [Bounds::new(178.0, -1.0, 180.0, 1.0), Bounds::new(-180.0, -1.0, -178.0, 1.0)];
    let page = snapshot.page_where(CLASS, Some(&window), None, None, 10);
    let mut fids: Vec<Fid> = page.features.iter().map(|feature| feature.id.fid).collect();
    fids.sort_unstable();
    assert_eq!((page.matched, fids), (3, vec![1, 2, 4]), "the line meets both boxes and counts once");
}

#[test]
fn a_class_that_nobody_knows_has_no_pages() {
    let snapshot = build(Vec::new());
    assert_eq!(snapshot.page(ClassNo(7), None, None, 10).matched, 0);
    assert_eq!(snapshot.class_bounds(ClassNo(7)), None);
    assert_eq!(snapshot.bounds(), None);
}
