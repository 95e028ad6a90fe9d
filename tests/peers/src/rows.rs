//! A million rows like hydrants and pipes, the same for the same seed.

use citytwin_index::Snapshot;
use citytwin_model::class::{CodeEntry, Form, Label, Symbol};
use citytwin_model::{
    Attribute, AttributeType, Bounds, City, Class, ClassNo, Domain, Feature, FeatureId, Frame, Geometry, GeometryKind, Kept, LonLat,
    Position, Shape, Value,
};
use std::sync::Arc;

pub const CLASS: ClassNo = ClassNo(10_000);
pub const CLASS_ID: &str = "asset";
pub const ORIGIN: LonLat = LonLat { lon: 116.0, lat: 30.0 };
pub const MATERIALS: [&str; 5] = ["cast_iron", "ductile_iron", "steel", "pe", "pvc"];
/// Metres per degree at 30° north: only the shape of the town hangs on it.
pub const PER_DEGREE: (f64, f64) = (96_486.0, 110_853.0);
pub const HALF_SIDE_M: f64 = 15_000.0;

/// splitmix64: the same numbers on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// From 0 up to 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }
}

pub fn class() -> Arc<Class> {
    let attribute = |id: &str, ty: AttributeType| Attribute {
        id: id.to_owned(),
        label: Label::new(id, id),
        ty,
        unit: None,
        required: false,
        range: None,
        in_tiles: false,
    };
    let codes = MATERIALS.map(|value| CodeEntry { value: value.to_owned(), label: Label::new(value, value) });
    Arc::new(Class {
        no: CLASS,
        id: CLASS_ID.to_owned(),
        label: Label::new("资产", "asset"),
        domain: Domain::Base,
        geometry: GeometryKind::Line,
        network: false,
        kept: Kept::City,
        codes: Vec::new(),
        attributes: vec![
            attribute("code", AttributeType::Text),
            attribute("material", AttributeType::Code(codes.to_vec())),
            attribute("diameter_mm", AttributeType::Int),
            attribute("built_year", AttributeType::Int),
            attribute("cover_m", AttributeType::Real),
        ],
        symbol: Symbol { colour: [0, 0, 0], icon: None, min_zoom: 0 },
        form: Form::None,
        group: None,
        observed: Vec::new(),
    })
}

/// Three points to seven lines, most of them crowded into quarters. They are numbered in paging order, so that `ORDER BY id`
/// gives the same pages on the other side.
pub fn generate(rows: usize, seed: u64) -> Vec<Feature> {
    let mut dice = Dice::seeded(seed);
    let quarters: Vec<(f64, f64)> =
        (0..400).map(|_| (dice.between(-HALF_SIDE_M, HALF_SIDE_M), dice.between(-HALF_SIDE_M, HALF_SIDE_M))).collect();
    let features = (1..=rows as u32).map(|fid| feature(fid, &mut dice, &quarters)).collect();
    let ordered = snapshot(features);
    let mut features: Vec<Feature> = ordered.all(CLASS).map(|feature| (*feature).clone()).collect();
    features.shrink_to_fit();
    for (fid, feature) in (1..).zip(&mut features) {
        feature.id.fid = fid;
    }
    features
}

pub fn snapshot(features: Vec<Feature>) -> Snapshot {
    Snapshot::build(1, Frame::at(ORIGIN), 0.0, vec![class()], features, None)
}

fn feature(fid: u32, dice: &mut Dice, quarters: &[(f64, f64)]) -> Feature {
    let (east, north) = if dice.below(5) == 0 {
        (dice.between(-HALF_SIDE_M, HALF_SIDE_M), dice.between(-HALF_SIDE_M, HALF_SIDE_M))
    } else {
        let (east, north) = quarters[dice.below(quarters.len())];
        // Two throws added: dense in the middle.
        let spread = |dice: &mut Dice| dice.between(-900.0, 900.0) + dice.between(-900.0, 900.0);
        (east + spread(dice), north + spread(dice))
    };
    let z = dice.between(20.0, 60.0);
    let shape = if dice.below(10) < 3 { Shape::Point(position(east, north, z)) } else { line(east, north, z, dice) };
    let diameters = [100, 150, 200, 300, 400, 600];
    let attributes = vec![
        Value::Text(format!("ZC-{fid:07}")),
        Value::from(MATERIALS[dice.below(MATERIALS.len())]),
        Value::Int(diameters[dice.below(diameters.len())]),
        Value::Int(1960 + dice.below(66) as i64),
        Value::Real(rounded(dice.between(0.6, 4.0), 100.0)),
    ];
    Feature { id: FeatureId::new(CLASS, fid), revision: 1, geometry: Some(Geometry::with_z(shape)), attributes, other: None, source: None }
}

/// Along a street: mostly straight, sometimes turning by a right angle.
pub fn line(mut east: f64, mut north: f64, mut z: f64, dice: &mut Dice) -> Shape {
    let mut heading = dice.below(4) as f64 * 0.5 * std::f64::consts::PI + dice.between(-0.1, 0.1);
    let mut vertices = vec![position(east, north, z)];
    for _ in 0..1 + dice.below(5) {
        let step = dice.between(8.0, 40.0);
        (east, north, z) = (east + step * heading.cos(), north + step * heading.sin(), z + dice.between(-0.2, 0.2));
        vertices.push(position(east, north, z));
        if dice.below(4) == 0 {
            heading += 0.5 * std::f64::consts::PI;
        }
    }
    Shape::Line(vertices)
}

/// To a centimetre, as surveys deliver; both sides then write the same digits.
pub fn position(east: f64, north: f64, z: f64) -> Position {
    let lon = rounded(ORIGIN.lon + east / PER_DEGREE.0, 1e7);
    let lat = rounded(ORIGIN.lat + north / PER_DEGREE.1, 1e7);
    Position::new(lon, lat, rounded(z, 100.0))
}

pub fn rounded(x: f64, steps: f64) -> f64 {
    (x * steps).round() / steps
}

/// Boxes around random features, each grown until it has about so many hits. Every fifth has its borders on vertices.
pub fn boxes(snapshot: &Snapshot, features: &[Feature], hits: u64, count: usize, seed: u64) -> Vec<Bounds> {
    let mut dice = Dice::seeded(seed);
    let matched = |bounds: &Bounds| snapshot.page(CLASS, Some(bounds), None, 0).matched;
    (0..count)
        .map(|i| {
            let middle = features[dice.below(features.len())].geometry.as_ref().expect("all have one").bounds().centre();
            let around = |half: f64| Bounds::new(middle.lon - half, middle.lat - half, middle.lon + half, middle.lat + half);
            let (mut small, mut large) = (0.0, 0.5);
            for _ in 0..30 {
                let half = (small + large) / 2.0;
                if matched(&around(half)) < hits { small = half } else { large = half }
            }
            let mut bounds = around(large);
            if i % 5 == 0 {
                let mut vertices = Vec::new();
                snapshot.visit(CLASS, &bounds, |f| f.geometry.iter().for_each(|g| g.for_each_vertex(|p| vertices.push(*p))));
                let near = |to: f64, axis: fn(&Position) -> f64| {
                    vertices.iter().map(axis).min_by(|a, b| (a - to).abs().total_cmp(&(b - to).abs())).unwrap_or(to)
                };
                bounds = Bounds::new(
                    near(bounds.west, |p| p.lon),
                    near(bounds.south, |p| p.lat),
                    near(bounds.east, |p| p.lon),
                    near(bounds.north, |p| p.lat),
                );
            }
            bounds
        })
        .collect()
}
