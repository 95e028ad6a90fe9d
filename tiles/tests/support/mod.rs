//! A small city made by hand (模拟数据): every form once, on leaf borders, far from the origin, with and without heights.
#![allow(dead_code, reason = "each test takes what it needs")]

use citytwin_catalogue::Catalogue;
use citytwin_model::class::{Class, ClassNo};
use citytwin_model::{Bounds, City, Feature, FeatureId, Frame, Geometry, LocalPoint, LonLat, Position, Revision, Shape, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const ORIGIN: LonLat = LonLat { lon: 116.0, lat: 30.0 };
pub const GEOID_OFFSET_M: f64 = -12.5;

pub struct Village {
    frame: Frame,
    classes: Vec<Arc<Class>>,
    features: BTreeMap<ClassNo, Vec<Arc<Feature>>>,
    pub has_terrain: bool,
}

impl Village {
    pub fn empty() -> Self {
        Self { frame: Frame::at(ORIGIN), classes: Catalogue::builtin().classes.clone(), features: BTreeMap::new(), has_terrain: true }
    }

    /// Degrees of a place given in metres of the plane.
    pub fn at(&self, east: f64, north: f64) -> LonLat {
        let up = -(east * east + north * north) / (2.0 * 6_371_000.0);
        self.frame.position(LocalPoint::new(east, north, up)).lonlat()
    }

    pub fn flat(&self, east: f64, north: f64) -> Position {
        let at = self.at(east, north);
        Position::new(at.lon, at.lat, 0.0)
    }

    pub fn high(&self, east: f64, north: f64, z: f64) -> Position {
        Position { z, ..self.flat(east, north) }
    }

    pub fn add(&mut self, class: &str, geometry: Geometry, values: &[(&str, Value)]) -> FeatureId {
        let class = Catalogue::builtin().class(class).expect("a class of the catalogue").clone();
        let of_class = self.features.entry(class.no).or_default();
        let id = FeatureId::new(class.no, of_class.len() as u32 + 1);
        let mut attributes = vec![Value::Null; class.attributes.len()];
        if let Some(code) = class.attribute_index("code") {
            attributes[code] = Value::from(format!("{}-{:04}", class.id.to_uppercase(), id.fid));
        }
        for (name, value) in values {
            attributes[class.attribute_index(name).unwrap_or_else(|| panic!("{} has no {name}", class.id))] = value.clone();
        }
        of_class.push(Arc::new(Feature { id, revision: 1, geometry: Some(geometry), attributes, other: None, source: None }));
        id
    }

    pub fn remove(&mut self, id: FeatureId) {
        self.features.get_mut(&id.class).expect("a class that is there").retain(|feature| feature.id != id);
    }

    /// The same features, found in another order.
    pub fn reversed(mut self) -> Self {
        self.features.values_mut().for_each(|features| features.reverse());
        self
    }

    pub fn everything(&self) -> impl Iterator<Item = &Arc<Feature>> {
        self.features.values().flatten()
    }

    pub fn class_of(&self, feature: &Feature) -> &Arc<Class> {
        self.class(feature.id.class).expect("its class is there")
    }

    pub fn line(&self, points: &[(f64, f64)]) -> Geometry {
        Geometry::flat(Shape::Line(points.iter().map(|(e, n)| self.flat(*e, *n)).collect()))
    }

    pub fn line_z(&self, points: &[(f64, f64, f64)]) -> Geometry {
        Geometry::with_z(Shape::Line(points.iter().map(|(e, n, z)| self.high(*e, *n, *z)).collect()))
    }

    pub fn ring(&self, points: &[(f64, f64)]) -> Vec<Position> {
        points.iter().chain(points.first()).map(|(e, n)| self.flat(*e, *n)).collect()
    }

    pub fn rectangle(&self, west: f64, south: f64, width: f64, depth: f64) -> Vec<Position> {
        self.ring(&[(west, south), (west + width, south), (west + width, south + depth), (west, south + depth)])
    }

    pub fn village() -> Self {
        let mut v = Self::empty();
        v.houses();
        v.streets();
        v.pipes();
        v.furniture();
        v.structures();
        v
    }

    fn houses(&mut self) {
        for row in 0..12 {
            for column in 0..12 {
                let (west, south) = (-700.0 + f64::from(column) * 120.0, -700.0 + f64::from(row) * 120.0);
                let height = 4.0 + f64::from((row * 7 + column * 3) % 11) * 3.0;
                let geometry = Geometry::flat(Shape::Polygon(vec![self.rectangle(west, south, 18.0 + f64::from(column), 12.0)]));
                self.add("building", geometry, &[("height_m", height.into())]);
            }
        }
        // With a courtyard; rings turned the wrong way, as files have them.
        let outer: Vec<Position> = self.rectangle(300.0, 20.0, 60.0, 40.0).into_iter().rev().collect();
        let yard = self.rectangle(315.0, 32.0, 25.0, 12.0);
        self.add("building", Geometry::flat(Shape::Polygon(vec![outer, yard])), &[("height_m", 21.0.into())]);
        // A works hall over several leaves, an L in the plan, with heights of its own.
        let hall = self.ring(&[(520.0, 300.0), (900.0, 310.0), (890.0, 700.0), (800.0, 690.0), (805.0, 400.0), (515.0, 390.0)]);
        let hall = hall.into_iter().map(|p| Position { z: 33.0, ..p }).collect();
        self.add("building", Geometry::with_z(Shape::Polygon(vec![hall])), &[("height_m", 14.0.into())]);
        // In two parts, no height known, storeys only.
        let parts = vec![vec![self.rectangle(40.0, -300.0, 10.0, 10.0)], vec![self.rectangle(60.0, -300.0, 10.0, 10.0)]];
        self.add("building", Geometry::flat(Shape::MultiPolygon(parts)), &[("storeys", 4i64.into())]);
        // 20 km out, where the plane leans.
        let far = self.rectangle(-18_000.0, 9_000.0, 30.0, 15.0);
        self.add("building", Geometry::flat(Shape::Polygon(vec![far])), &[("height_m", 90.0.into())]);
    }

    fn streets(&mut self) {
        let class = |name: &str| ("road_class", Value::from(name));
        let road = self.line(&[(-800.0, -20.0), (-300.0, -10.0), (0.0, 0.0), (250.0, 60.0), (255.9, 600.0)]);
        self.add("road", road, &[class("arterial"), ("width_m", 14.0.into())]);
        let lane = self.line(&[(100.0, -700.0), (100.0, 700.0)]);
        self.add("road", lane, &[class("lane"), ("width_m", 5.0.into())]);
        // Along a leaf border: half of it lies in each neighbour.
        let border = self.line(&[(-256.0, -600.0), (-256.0, 500.0)]);
        self.add("road", border, &[class("branch"), ("width_m", 8.0.into())]);
        let lake = self.ring(&[(-600.0, 150.0), (-350.0, 130.0), (-200.0, 300.0), (-230.0, 480.0), (-420.0, 520.0), (-620.0, 400.0)]);
        let island = self.rectangle(-450.0, 280.0, 60.0, 50.0);
        self.add("water_area", Geometry::flat(Shape::Polygon(vec![lake, island])), &[("name", "示范湖".into())]);
        let park = self.rectangle(-640.0, 90.0, 500.0, 460.0);
        self.add("park", Geometry::flat(Shape::Polygon(vec![park])), &[("name", "示范公园".into())]);
    }

    fn pipes(&mut self) {
        let size = |mm: f64| ("diameter_mm", Value::from(mm));
        let main = self.line_z(&[(-790.0, -25.0, 28.2), (-300.0, -15.0, 27.5), (-2.0, -5.0, 27.0), (248.0, 55.0, 26.4)]);
        self.add("water_pipe", main, &[size(400.0)]);
        let riser = self.line_z(&[(248.0, 55.0, 26.4), (248.0, 55.0, 29.0), (300.0, 55.0, 29.0)]);
        self.add("water_pipe", riser, &[size(150.0)]);
        // Along a border, and one without heights: under the ground by its cover.
        let border = self.line_z(&[(0.0, -500.0, 25.0), (0.0, 500.0, 24.0)]);
        self.add("water_pipe", border, &[size(200.0)]);
        let unsurveyed = self.line(&[(10.0, -500.0), (12.0, -200.0), (60.0, -180.0)]);
        self.add("water_pipe", unsurveyed, &[size(100.0), ("cover_m", 1.4.into())]);
        let unknown = self.line_z(&[(-18_010.0, 8_990.0, 30.0), (-17_700.0, 9_100.0, 29.0)]);
        self.add("water_pipe", unknown, &[]);
        for i in 0..10 {
            let north = -650.0 + f64::from(i) * 130.0;
            let gas = self.line_z(&[(-700.0, north, 29.0), (0.0, north + 11.0, 28.5), (600.0, north + 3.0, 28.0)]);
            self.add("gas_pipe", gas, &[size(110.0)]);
            let storm = self.line_z(&[(-690.0, north + 4.0, 26.0), (590.0, north + 4.0, 22.0)]);
            self.add("storm_pipe", storm, &[size(800.0)]);
        }
        // Points in the same place: a pipe of no length.
        let nothing = self.line_z(&[(20.0, 20.0, 28.0), (20.0, 20.0, 28.0)]);
        self.add("sewer_pipe", nothing, &[size(300.0)]);
    }

    fn furniture(&mut self) {
        for i in 0..40 {
            let (east, north) = (-700.0 + f64::from(i) * 35.0, -8.0 + f64::from(i % 5));
            let at = self.flat(east, north);
            self.add("hydrant", Geometry::flat(Shape::Point(at)), &[]);
            let top = self.high(east, north + 9.0, 30.4);
            self.add("manhole", Geometry::with_z(Shape::Point(top)), &[("depth_m", (2.0 + f64::from(i % 4)).into())]);
        }
        // Exactly on the corner of four leaves.
        let corner = self.flat(256.0, 256.0);
        self.add("hydrant", Geometry::flat(Shape::Point(corner)), &[]);
        let station = self.rectangle(400.0, -300.0, 30.0, 20.0);
        let centre = Bounds::new(station[0].lon, station[0].lat, station[2].lon, station[2].lat).centre();
        self.add(
            "fire_station",
            Geometry::flat(Shape::Point(Position::new(centre.lon, centre.lat, 0.0))),
            &[("name", "示范消防站".into())],
        );
        let at = self.high(-700.0, -8.0, 31.5);
        self.add("sensor", Geometry::with_z(Shape::Point(at)), &[("simulated", true.into())]);
    }

    fn structures(&mut self) {
        let bridge = self.line_z(&[(-640.0, 200.0, 38.0), (-400.0, 330.0, 41.0), (-180.0, 420.0, 38.0)]);
        self.add("bridge", bridge, &[("width_m", 12.0.into())]);
        let tunnel = self.line_z(&[(300.0, 100.0, 15.0), (500.0, 250.0, 10.0), (700.0, 270.0, 12.0)]);
        self.add("tunnel", tunnel, &[("width_m", 9.0.into()), ("height_m", 6.0.into())]);
    }
}

impl City for Village {
    fn revision(&self) -> Revision {
        1
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn geoid_offset_m(&self) -> f64 {
        GEOID_OFFSET_M
    }

    fn classes(&self) -> &[Arc<Class>] {
        &self.classes
    }

    fn feature(&self, id: FeatureId) -> Option<Arc<Feature>> {
        self.features.get(&id.class)?.iter().find(|feature| feature.id == id).cloned()
    }

    fn all<'a>(&'a self, class: ClassNo) -> Box<dyn Iterator<Item = Arc<Feature>> + 'a> {
        Box::new(self.features.get(&class).into_iter().flatten().cloned())
    }

    fn in_box(&self, class: ClassNo, bounds: &Bounds) -> Vec<Arc<Feature>> {
        let meets = |feature: &Arc<Feature>| feature.geometry.as_ref().is_some_and(|geometry| geometry.bounds().intersects(bounds));
        self.all(class).filter(meets).collect()
    }

    /// Gentle hills about 30 m; nothing known 3 km out but around the far house.
    fn ground_height(&self, at: LonLat) -> Option<f64> {
        let near = (at.lon - ORIGIN.lon).abs() < 0.03 && (at.lat - ORIGIN.lat).abs() < 0.03;
        let far = (at.lon - 115.813).abs() < 0.02 && (at.lat - 30.081).abs() < 0.02;
        let (x, y) = ((at.lon - ORIGIN.lon) * 96_486.0, (at.lat - ORIGIN.lat) * 110_853.0);
        (self.has_terrain && (near || far)).then(|| 30.0 + 3.0 * (x / 400.0).sin() * (y / 500.0).cos())
    }
}
