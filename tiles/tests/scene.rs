//! The whole way: a city becomes a tileset, is read back as a viewer would, and is held against the city.
//!
//! Places go by an independent path: degrees and heights through the textbook formula to ECEF on the one side, the
//! tileset's root transform on the other.

mod support;

use citytwin_model::class::{Form, Group};
use citytwin_model::{City, Feature, FeatureId, Geometry, Position, Shape};
use citytwin_tiles::glb::{self, DecodedTile, NO_FEATURE};
use citytwin_tiles::grid::{Box3, LEAF_LEVEL, SUBTREE_LEVELS, TileId};
use citytwin_tiles::subtree::Subtree;
use citytwin_tiles::tiles3d::{self, Leaf, Scene};
use citytwin_tiles::tileset::{Tileset, expand};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;
use support::{GEOID_OFFSET_M, Village};

const NEAR_M: f64 = 0.05;

type Ecef = [f64; 3];

/// A tile as a client has it: where it is, and how its places become ECEF.
struct Seen {
    group: Group,
    id: TileId,
    tile: DecodedTile,
    root: [f64; 16],
    bounds: Box3,
}

impl Seen {
    fn ecef(&self, p: [f32; 3]) -> Ecef {
        let local: [f64; 3] = std::array::from_fn(|i| self.tile.origin[i] + f64::from(p[i]));
        std::array::from_fn(|i| self.root[i] * local[0] + self.root[4 + i] * local[1] + self.root[8 + i] * local[2] + self.root[12 + i])
    }
}

/// CGCS2000, as GB 22021-2008 has it. Written out here so that no mistake is shared with the product.
fn ecef(p: Position) -> Ecef {
    let (a, f) = (6_378_137.0f64, 1.0 / 298.257_222_101f64);
    let (lon, lat) = (p.lon.to_radians(), p.lat.to_radians());
    let height = p.z + GEOID_OFFSET_M;
    let b = a * (1.0 - f);
    // The prime vertical's radius by both axes rather than by the eccentricity.
    let n = a * a / ((a * lat.cos()).powi(2) + (b * lat.sin()).powi(2)).sqrt();
    [(n + height) * lat.cos() * lon.cos(), (n + height) * lat.cos() * lon.sin(), (n * b * b / (a * a) + height) * lat.sin()]
}

fn distance(a: Ecef, b: Ecef) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

/// How far a place is from a line.
fn from_line(p: Ecef, line: &[Ecef]) -> f64 {
    let from_segment = |a: Ecef, b: Ecef| {
        let (ab, ap): (Ecef, Ecef) = (std::array::from_fn(|i| b[i] - a[i]), std::array::from_fn(|i| p[i] - a[i]));
        let long = ab.iter().map(|x| x * x).sum::<f64>();
        let t = if long > 0.0 { (ab.iter().zip(ap).map(|(x, y)| x * y).sum::<f64>() / long).clamp(0.0, 1.0) } else { 0.0 };
        distance(p, std::array::from_fn(|i| a[i] + ab[i] * t))
    };
    line.windows(2).map(|pair| from_segment(pair[0], pair[1])).fold(f64::INFINITY, f64::min)
}

/// Walks the tileset's files as a client does, from `tileset.json` alone.
fn visit(city: &Village, scene: &Scene) -> Vec<Seen> {
    let file = Tileset::decode(&scene.tileset().to_json()).unwrap();
    let root = file.root.transform.unwrap();
    let mut seen = Vec::new();
    for child in &file.root.children {
        let group = Group::from_id(&child.extras.as_ref().unwrap().group).unwrap();
        let tiling = child.implicit_tiling.as_ref().unwrap();
        assert_eq!((tiling.subtree_levels, tiling.available_levels), (SUBTREE_LEVELS, LEAF_LEVEL + 1));
        let whole = Box3::from_volume(&child.bounding_volume.volume).unwrap();
        let mut waiting = vec![(TileId::ROOT, whole)];
        while let Some((top, above)) = waiting.pop() {
            let bytes = scene.subtree(group, top).expect("a subtree that is announced is there");
            let subtree = Subtree::decode(&bytes, tiling.subtree_levels).unwrap();
            for level in 0..tiling.subtree_levels {
                for (x, y) in cells(level) {
                    if !subtree.has_tile(level, x, y) {
                        assert!(!subtree.has_content(level, x, y));
                        continue;
                    }
                    let bounds = subtree.bounds(level, x, y).expect("every tile says how far it reaches");
                    let parent =
                        if level == 0 { above } else { subtree.bounds(level - 1, x / 2, y / 2).expect("no tile without its parent") };
                    assert!(parent.contains(&bounds), "{group:?} {level}/{x}/{y}: {bounds:?} reaches out of {parent:?}");
                    let id = TileId::new(top.level() + level, (top.x() << level) + x, (top.y() << level) + y).unwrap();
                    if subtree.has_content(level, x, y) {
                        let bytes = tiles3d::content(city, group, id).expect("announced content is there");
                        assert_eq!(
                            expand(&child.content.as_ref().unwrap().uri, id.level(), id.x(), id.y()),
                            format!("{}/8/{}/{}.glb", group.id(), id.x(), id.y())
                        );
                        seen.push(Seen { group, id, tile: glb::decode(&bytes).unwrap(), root, bounds });
                    }
                }
            }
            for (x, y) in cells(tiling.subtree_levels) {
                if subtree.has_child(x, y) {
                    let level = tiling.subtree_levels;
                    let parent = subtree.bounds(level - 1, x / 2, y / 2).expect("no subtree without its parent tile");
                    waiting.push((TileId::new(top.level() + level, (top.x() << level) + x, (top.y() << level) + y).unwrap(), parent));
                }
            }
        }
    }
    seen
}

fn cells(level: u8) -> impl Iterator<Item = (u32, u32)> {
    let side = 1u32 << level;
    (0..side).flat_map(move |y| (0..side).map(move |x| (x, y)))
}

/// Made once for all tests.
fn village() -> &'static (Village, Vec<Seen>) {
    static MADE: OnceLock<(Village, Vec<Seen>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let city = Village::village();
        let seen = visit(&city, &Scene::of(&city));
        (city, seen)
    })
}

#[test]
fn all_leaves_together_hold_the_citys_features_each_once_a_leaf() {
    let (city, seen) = village();
    let mut held: BTreeMap<FeatureId, BTreeSet<TileId>> = BTreeMap::new();
    for seen in seen {
        let mut here = BTreeSet::new();
        for feature in &seen.tile.features {
            assert!(here.insert(feature.id()), "{:?} twice in {:?}", feature.id(), seen.id);
            held.entry(feature.id()).or_default().insert(seen.id);
            let source = city.feature(feature.id()).unwrap();
            let class = city.class_of(&source);
            assert_eq!(class.group, Some(seen.group));
            assert_eq!(feature.code, source.text(class, "code").unwrap_or_default());
        }
        assert!(seen.tile.features.windows(2).all(|pair| pair[0].id() < pair[1].id()), "numbered by class and fid");
    }
    let wanted: BTreeSet<FeatureId> =
        city.everything().filter(|f| city.class_of(f).group.is_some() && city.class_of(f).form != Form::None).map(|f| f.id).collect();
    assert!(wanted.len() > 250);
    assert_eq!(held.keys().copied().collect::<BTreeSet<_>>(), wanted);
    let leaves_of = |class: &str, fid: u32| held[&FeatureId::new(city.class_by_id(class).unwrap().no, fid)].len();
    assert_eq!(leaves_of("building", 1), 1, "a house is in one leaf");
    assert_eq!(leaves_of("water_pipe", 1), 6, "a main over a kilometre is cut");
    assert!(leaves_of("building", 146) > 2, "the hall is cut: {}", leaves_of("building", 146));
    assert_eq!(leaves_of("hydrant", 41), 1, "on a corner of four leaves it is in one");
}

#[test]
fn every_feature_index_is_used_and_no_vertex_is_outside_the_stated_box() {
    let (_, seen) = village();
    for seen in seen {
        let mut used = BTreeSet::new();
        let check = |p: [f32; 3], reach: f64| {
            for axis in 0..3 {
                let at = seen.tile.origin[axis] + f64::from(p[axis]);
                assert!(seen.bounds.min[axis] <= at - reach && at + reach <= seen.bounds.max[axis], "{:?} {:?} {p:?}", seen.group, seen.id);
            }
        };
        for mesh in &seen.tile.meshes {
            mesh.positions.iter().for_each(|p| check(*p, 0.0));
            used.extend(mesh.features.iter().filter(|f| **f != NO_FEATURE).copied());
        }
        for tube in &seen.tile.tubes {
            [tube.start, tube.end].into_iter().for_each(|p| check(p, f64::from(tube.radius)));
            used.insert(tube.feature);
        }
        for joint in &seen.tile.joints {
            check(joint.centre, f64::from(joint.radius));
        }
        let joined: BTreeSet<u16> = seen.tile.joints.iter().map(|joint| joint.feature).collect();
        let all: BTreeSet<u16> = (0..seen.tile.features.len() as u16).collect();
        let silent: Vec<_> = all.difference(&used).filter(|f| !joined.contains(f)).collect();
        assert!(silent.is_empty(), "{:?} {:?} has features without geometry: {silent:?}", seen.group, seen.id);
    }
}

#[test]
fn normals_are_unit_and_triangles_turn_as_their_normals_say() {
    let (_, seen) = village();
    let mut triangles = 0;
    for seen in seen {
        for mesh in &seen.tile.meshes {
            for normal in &mesh.normals {
                let length = normal.iter().map(|x| x * x).sum::<f32>().sqrt();
                assert!((length - 1.0).abs() < 1e-5, "{} {normal:?}", mesh.material);
            }
            for corner in mesh.indices.chunks_exact(3) {
                let [a, b, c] = [corner[0], corner[1], corner[2]].map(|i| mesh.positions[i as usize].map(f64::from));
                let (u, v): (Ecef, Ecef) = (std::array::from_fn(|i| b[i] - a[i]), std::array::from_fn(|i| c[i] - a[i]));
                let turned = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
                let area = turned.iter().map(|x| x * x).sum::<f64>().sqrt();
                let normal = mesh.normals[corner[0] as usize];
                let agree: f64 = turned.iter().zip(normal).map(|(t, n)| t * f64::from(n)).sum();
                // Skirts hang down but carry the ground's normal.
                let is_skirt = mesh.material == "terrain" && turned[2].abs() < 1e-6 * area;
                triangles += 1;
                assert!(area < 1e-6 || is_skirt || agree > 0.3 * area, "{} {:?} {turned:?} {normal:?}", mesh.material, seen.id);
            }
        }
    }
    assert!(triangles > 10_000);
}

#[test]
fn pipes_lie_within_5_cm_of_their_source_over_their_whole_length() {
    let (city, seen) = village();
    let mut lengths: HashMap<FeatureId, f64> = HashMap::new();
    let mut ends: HashMap<FeatureId, Vec<Ecef>> = HashMap::new();
    let mut lines: HashMap<FeatureId, Vec<Ecef>> = HashMap::new();
    for feature in city.everything().filter(|f| matches!(city.class_of(f).form, Form::Tube { .. })) {
        lines.insert(feature.id, surveyed(city, feature).iter().map(|p| ecef(*p)).collect());
    }
    for seen in seen {
        for tube in &seen.tile.tubes {
            let id = seen.tile.features[usize::from(tube.feature)].id();
            for end in [tube.start, tube.end].map(|p| seen.ecef(p)) {
                let off = from_line(end, &lines[&id]);
                assert!(off < NEAR_M, "{id:?} is off by {off} m");
                ends.entry(id).or_default().push(end);
            }
            *lengths.entry(id).or_default() += distance(seen.ecef(tube.start), seen.ecef(tube.end));
            assert_eq!(tube.radius, radius(city, id) as f32);
        }
    }
    for (id, line) in &lines {
        let whole: f64 = line.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
        let drawn = lengths.get(id).copied().unwrap_or_default();
        assert!((whole - drawn).abs() < NEAR_M, "{id:?}: {drawn} m of {whole} m");
        for vertex in line.iter().filter(|_| whole > 0.0) {
            let nearest = ends[id].iter().map(|end| distance(*end, *vertex)).fold(f64::INFINITY, f64::min);
            assert!(nearest < NEAR_M, "{id:?}: a vertex is {nearest} m from the nearest end");
        }
    }
}

/// A pipe's vertices with heights: its own, else below the ground by cover and radius.
fn surveyed(city: &Village, feature: &Feature) -> Vec<Position> {
    let geometry = feature.geometry.as_ref().unwrap();
    let depth = feature.number(city.class_of(feature), "cover_m").unwrap_or(1.0) + radius(city, feature.id);
    let height = |p: &Position| if geometry.has_z { p.z } else { city.ground_height(p.lonlat()).unwrap() - depth };
    geometry.lines()[0].iter().map(|p| Position { z: height(p), ..*p }).collect()
}

fn radius(city: &Village, id: FeatureId) -> f64 {
    let feature = city.feature(id).unwrap();
    feature.number(city.class_of(&feature), "diameter_mm").unwrap_or(100.0) / 2000.0
}

#[test]
fn buildings_stand_on_their_footprint_and_reach_their_height() {
    let (city, seen) = village();
    let mut corners: HashMap<FeatureId, Vec<Ecef>> = HashMap::new();
    for seen in seen.iter().filter(|seen| seen.group == Group::Buildings) {
        for mesh in &seen.tile.meshes {
            for (p, feature) in mesh.positions.iter().zip(&mesh.features) {
                corners.entry(seen.tile.features[usize::from(*feature)].id()).or_default().push(seen.ecef(*p));
            }
        }
    }
    let class = city.class_by_id("building").unwrap().clone();
    for feature in city.all(class.no) {
        let geometry = feature.geometry.as_ref().unwrap();
        let foot = geometry.z_range().map_or_else(|| lowest_ground(city, geometry), |(low, _)| low);
        let height = feature.number(&class, "height_m").unwrap_or(12.0);
        let mut source: Vec<Ecef> = Vec::new();
        geometry.for_each_vertex(|p| source.extend([foot, foot + height].map(|z| ecef(Position { z, ..*p }))));
        let drawn = &corners[&feature.id];
        for wanted in &source {
            let nearest = drawn.iter().map(|p| distance(*p, *wanted)).fold(f64::INFINITY, f64::min);
            assert!(nearest < NEAR_M, "{:?}: a corner of the source is {nearest} m from anything drawn", feature.id);
        }
        if feature.id.fid != 146 {
            for p in drawn {
                let nearest = source.iter().map(|q| distance(*q, *p)).fold(f64::INFINITY, f64::min);
                assert!(nearest < NEAR_M, "{:?}: drawn {nearest} m from any corner", feature.id);
            }
        }
    }
}

fn lowest_ground(city: &Village, geometry: &Geometry) -> f64 {
    let mut lowest = f64::INFINITY;
    geometry.for_each_vertex(|p| lowest = lowest.min(city.ground_height(p.lonlat()).unwrap()));
    lowest
}

#[test]
fn a_building_that_is_cut_keeps_its_roof_and_has_no_walls_inside() {
    let (city, seen) = village();
    let hall = FeatureId::new(city.class_by_id("building").unwrap().no, 146);
    let (mut roof, mut wall) = (0.0, 0.0);
    for (mesh, feature) in meshes_with(seen, hall) {
        for corner in mesh.indices.chunks_exact(3).filter(|corner| mesh.features[corner[0] as usize] == feature) {
            let [a, b, c] = [corner[0], corner[1], corner[2]].map(|i| mesh.positions[i as usize].map(f64::from));
            let (u, v): (Ecef, Ecef) = (std::array::from_fn(|i| b[i] - a[i]), std::array::from_fn(|i| c[i] - a[i]));
            let area = 0.5
                * [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
                    .iter()
                    .map(|x| x * x)
                    .sum::<f64>()
                    .sqrt();
            if mesh.normals[corner[0] as usize][2] > 0.9 { roof += area } else { wall += area }
        }
    }
    // Shoelace and perimeter of the L, in metres of the plane.
    let plan = [(520.0, 300.0), (900.0, 310.0), (890.0, 700.0), (800.0, 690.0), (805.0, 400.0), (515.0, 390.0f64)];
    let edges = || plan.iter().zip(plan.iter().cycle().skip(1));
    let area = edges().map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() / 2.0;
    let around: f64 = edges().map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1)).sum();
    assert!((roof / area - 1.0).abs() < 1e-4, "{roof} {area}");
    assert!((wall / (around * 14.0) - 1.0).abs() < 1e-3, "{wall} {}", around * 14.0);
}

fn meshes_with(seen: &[Seen], id: FeatureId) -> impl Iterator<Item = (&glb::Mesh, u16)> {
    seen.iter().flat_map(move |seen| {
        let feature = seen.tile.features.iter().position(|feature| feature.id() == id).map(|i| i as u16);
        seen.tile.meshes.iter().filter_map(move |mesh| feature.filter(|f| mesh.features.contains(f)).map(|f| (mesh, f)))
    })
}

#[test]
fn roads_lie_on_the_ground_and_have_their_area() {
    let (city, seen) = village();
    let class = city.class_by_id("road").unwrap().clone();
    for feature in city.all(class.no) {
        let line: Vec<Ecef> = feature.geometry.as_ref().unwrap().lines()[0].iter().map(|p| ecef(Position { z: 30.0, ..*p })).collect();
        let width = feature.number(&class, "width_m").unwrap();
        let mut area = 0.0;
        for seen in seen.iter().filter(|seen| seen.group == Group::Ground) {
            let Some(index) = seen.tile.features.iter().position(|f| f.id() == feature.id) else { continue };
            for mesh in &seen.tile.meshes {
                let mine = |i: u32| usize::from(mesh.features[i as usize]) == index;
                for corner in mesh.indices.chunks_exact(3).filter(|corner| mine(corner[0])) {
                    let corners = [corner[0], corner[1], corner[2]].map(|i| mesh.positions[i as usize]);
                    let [a, b, c] = corners.map(|p| p.map(f64::from));
                    area += ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2.0;
                    for p in corners {
                        let at = citytwin_model::frame::geodetic_from_ecef(seen.ecef(p));
                        let ground = city.ground_height(at.lonlat()).unwrap() + GEOID_OFFSET_M;
                        // On the grid's triangles, which cut corners of the hills.
                        assert!((at.z - ground).abs() < NEAR_M, "{:?}: {} m over the ground", feature.id, at.z - ground);
                        assert!(from_line(seen.ecef(p), &line) < width / 2.0 * 1.5 + 4.0);
                        let rect = seen.id.rect();
                        let place = [seen.tile.origin[0] + f64::from(p[0]), seen.tile.origin[1] + f64::from(p[1])];
                        assert!(
                            place[0] >= rect.west && place[0] <= rect.east && place[1] >= rect.south && place[1] <= rect.north,
                            "cut at the leaf"
                        );
                    }
                }
            }
        }
        let long: f64 = line.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
        // Where two cross, one of them is drawn.
        assert!((0.97..1.005).contains(&(area / (long * width))), "{:?}: {area} m² of {}", feature.id, long * width);
    }
}

#[test]
fn the_lake_keeps_its_island_over_all_leaves() {
    let (city, seen) = village();
    let lake = FeatureId::new(city.class_by_id("water_area").unwrap().no, 1);
    let mut area = 0.0;
    for (mesh, feature) in meshes_with(seen, lake) {
        for corner in mesh.indices.chunks_exact(3).filter(|corner| mesh.features[corner[0] as usize] == feature) {
            let [a, b, c] = [corner[0], corner[1], corner[2]].map(|i| mesh.positions[i as usize].map(f64::from));
            area += ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2.0;
        }
    }
    // By counting places: on the lake, not on its island, not under the road that crosses it.
    let shore = [(-600.0, 150.0), (-350.0, 130.0), (-200.0, 300.0), (-230.0, 480.0), (-420.0, 520.0), (-620.0, 400.0f64)];
    let on_lake = |x: f64, y: f64| {
        let edges = shore.iter().zip(shore.iter().cycle().skip(1));
        edges.filter(|(a, b)| (a.1 > y) != (b.1 > y) && x < a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0)).count() % 2 == 1
    };
    let is_island = |x: f64, y: f64| (-450.0..-390.0).contains(&x) && (280.0..330.0).contains(&y);
    let is_road = |x: f64| (-260.0..-252.0).contains(&x);
    let half_metres = |from: i32, to: i32| (from * 2..to * 2).map(|i| f64::from(i) / 2.0 + 0.25);
    let places = half_metres(-620, -200).flat_map(|x| half_metres(130, 520).map(move |y| (x, y)));
    let wanted = places.filter(|(x, y)| on_lake(*x, *y) && !is_island(*x, *y) && !is_road(*x)).count() as f64 / 4.0;
    assert!((area - wanted).abs() < 60.0, "{area} {wanted}");
}

#[test]
fn the_ground_is_one_surface_without_gap_or_overlap() {
    let (_, seen) = village();
    let mut leaves = 0;
    for seen in seen.iter().filter(|seen| seen.group == Group::Ground) {
        let area: f64 = seen
            .tile
            .meshes
            .iter()
            .flat_map(|mesh| {
                mesh.indices
                    .chunks_exact(3)
                    .map(|corner| [corner[0], corner[1], corner[2]].map(|i| mesh.positions[i as usize].map(f64::from)))
            })
            .map(|[a, b, c]| ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2.0)
            .inspect(|area| assert!(*area > -1e-3, "nothing lies upside down: {area}"))
            .sum();
        // Where all of the ground is known; skirts have no area in the plan.
        if !seen.tile.features.is_empty() && seen.tile.origin[0].abs() < 1000.0 {
            leaves += 1;
            assert!((area - 65_536.0).abs() < 0.5, "{:?}: {area}", seen.id);
        }
    }
    assert!(leaves > 15, "{leaves}");
}

#[test]
fn a_bridges_deck_runs_along_its_line_and_stands_on_piers() {
    let (city, seen) = village();
    let bridge = FeatureId::new(city.class_by_id("bridge").unwrap().no, 1);
    let source = city.feature(bridge).unwrap();
    let line: Vec<Ecef> = source.geometry.as_ref().unwrap().lines()[0].iter().map(|p| ecef(*p)).collect();
    let mut on_axis = 0;
    let mut lowest = f64::INFINITY;
    let mut nearest = vec![f64::INFINITY; line.len()];
    for seen in seen.iter().filter(|seen| seen.group == Group::Structures) {
        let Some(index) = seen.tile.features.iter().position(|f| f.id() == bridge) else { continue };
        for mesh in &seen.tile.meshes {
            for (p, _) in mesh.positions.iter().zip(&mesh.features).filter(|(_, f)| usize::from(**f) == index) {
                let at = seen.ecef(*p);
                on_axis += usize::from(from_line(at, &line) < NEAR_M);
                line.iter().zip(&mut nearest).for_each(|(vertex, near)| *near = near.min(distance(*vertex, at)));
                lowest = lowest.min(citytwin_model::frame::geodetic_from_ecef(at).z - GEOID_OFFSET_M);
            }
        }
    }
    assert!(on_axis > 8);
    assert!(nearest.iter().all(|d| *d < NEAR_M), "{nearest:?}");
    assert!(lowest < 34.0, "piers reach the ground: {lowest}");
}

#[test]
fn same_features_and_tile_give_the_same_bytes() {
    let (city, other) = (Village::village(), Village::village().reversed());
    let scene = Scene::of(&city);
    assert!(scene == Scene::of(&other));
    assert_eq!(scene.tileset().to_json(), Scene::of(&other).tileset().to_json());
    for group in Group::ALL {
        assert_eq!(scene.subtree(group, TileId::ROOT), Scene::of(&city).subtree(group, TileId::ROOT));
        for tile in scene.leaves(group).keys() {
            assert_eq!(tiles3d::content(&city, group, *tile), tiles3d::content(&other, group, *tile));
        }
    }
}

#[test]
fn what_a_viewer_decodes_is_what_was_made() {
    let city = Village::village();
    for (group, tile) in Scene::of(&city)
        .leaves(Group::NetWater)
        .keys()
        .map(|tile| (Group::NetWater, *tile))
        .chain([(Group::Ground, TileId::leaf_at(1.0, 1.0).unwrap())])
    {
        let made = Leaf::of(&city, group, tile).unwrap();
        let read = glb::decode(&made.glb(&city)).unwrap();
        assert_eq!((&read.origin, &read.features, &read.meshes), (&made.tile.origin, &made.tile.features, &made.tile.meshes));
        assert_eq!(read.features.iter().map(|f| f.id()).collect::<Vec<_>>(), tiles3d::ids(&city, group, tile));
        // Tubes pass through a turn and a length; balls are sorted by class.
        assert_eq!((read.tubes.len(), read.joints.len()), (made.tile.tubes.len(), made.tile.joints.len()));
        for (a, b) in made.tile.tubes.iter().zip(&read.tubes) {
            assert_eq!((a.start, a.radius, a.feature), (b.start, b.radius, b.feature));
            assert!((0..3).all(|i| (a.end[i] - b.end[i]).abs() < 1e-3), "{a:?} {b:?}");
        }
    }
}

#[test]
fn an_edit_changes_the_scene_as_a_new_look_at_all_of_it_would() {
    let mut city = Village::village();
    let mut scene = Scene::of(&city);
    let gone = FeatureId::new(city.class_by_id("bridge").unwrap().no, 1);
    let mut changed = vec![city.feature(gone).unwrap().geometry.as_ref().unwrap().bounds()];
    city.remove(gone);
    let tower = Geometry::flat(Shape::Polygon(vec![city.rectangle(-130.0, -130.0, 20.0, 20.0)]));
    changed.push(tower.bounds());
    city.add("building", tower, &[("height_m", 180.0.into())]);
    let pipe = city.line_z(&[(5.0, 5.0, 20.0), (600.0, 620.0, 19.0)]);
    changed.push(pipe.bounds());
    city.add("gas_pipe", pipe, &[]);
    let before = scene.clone();
    scene.update(&city, &changed);
    assert!(scene == Scene::of(&city) && scene != before);
}

#[test]
fn an_empty_city_and_one_without_terrain_are_served_too() {
    let mut city = Village::empty();
    let scene = Scene::of(&city);
    assert!(scene.tileset().root.children.is_empty());
    assert_eq!(scene.subtree(Group::Buildings, TileId::ROOT), None);
    assert!(Tileset::decode(&scene.group_tileset(Group::Buildings).to_json()).unwrap().root.implicit_tiling.is_none());
    city.has_terrain = false;
    let house = Geometry::flat(Shape::Polygon(vec![city.rectangle(10.0, 10.0, 20.0, 20.0)]));
    city.add("building", house, &[("height_m", 9.0.into())]);
    let road = city.line(&[(0.0, 0.0), (100.0, 0.0)]);
    city.add("road", road, &[]);
    let seen = visit(&city, &Scene::of(&city));
    assert_eq!(seen.iter().map(|seen| seen.group).collect::<BTreeSet<_>>(), BTreeSet::from([Group::Ground, Group::Buildings]));
    assert!(seen.iter().flat_map(|seen| &seen.tile.meshes).all(|mesh| mesh.material != "terrain"), "unknown ground is not drawn");
}

#[test]
fn tiles_that_are_no_leaves_have_no_content() {
    let city = Village::village();
    assert_eq!(tiles3d::content(&city, Group::Buildings, TileId::ROOT), None);
    assert_eq!(tiles3d::content(&city, Group::Buildings, TileId::new(8, 0, 0).unwrap()), None);
    let scene = Scene::of(&city);
    assert_eq!(scene.subtree(Group::Buildings, TileId::new(1, 0, 0).unwrap()), None, "no subtree begins at level 1");
    assert_eq!(scene.subtree(Group::Buildings, TileId::new(5, 0, 0).unwrap()), None, "nothing stands there");
}
