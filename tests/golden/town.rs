//! The golden scene's town, made by hand (模拟数据): streets, houses, a lake with a bridge, pipes below.

use crate::support::Village;
use citytwin_model::{FeatureId, Geometry, Shape};

/// What tests point at.
#[derive(Clone, Copy)]
pub struct Landmarks {
    pub tower: FeatureId,
    pub low_house: FeatureId,
    pub water_main: FeatureId,
    pub hydrant: FeatureId,
}

/// Corners of the tower's plan and its height above its foot: the oracle's own numbers.
pub const TOWER: [f64; 4] = [40.0, 60.0, 24.0, 24.0];
pub const TOWER_HEIGHT_M: f64 = 72.0;
/// Behind the tower for an eye in the south.
pub const LOW_HOUSE: [f64; 4] = [42.0, 120.0, 20.0, 14.0];
pub const LOW_HOUSE_HEIGHT_M: f64 = 7.0;
/// Start and end of the water main's axis: east, north, height.
pub const WATER_MAIN: [[f64; 3]; 2] = [[-180.0, -31.0, 27.6], [180.0, -25.0, 27.2]];
pub const HYDRANT: [f64; 2] = [-40.0, -24.0];

pub fn build() -> (Village, Landmarks) {
    let mut v = Village::empty();
    streets(&mut v);
    let (tower, low_house) = houses(&mut v);
    lake(&mut v);
    let water_main = pipes(&mut v);
    let at = v.flat(HYDRANT[0], HYDRANT[1]);
    let hydrant = v.add("hydrant", Geometry::flat(Shape::Point(at)), &[]);
    for i in 0..9 {
        let top = v.flat(-160.0 + f64::from(i) * 40.0, -14.0);
        v.add("manhole", Geometry::flat(Shape::Point(top)), &[("depth_m", 3.2.into())]);
    }
    let at = v.flat(-150.0, 62.0);
    v.add("fire_station", Geometry::flat(Shape::Point(at)), &[("name", "中心消防站".into())]);
    (v, Landmarks { tower, low_house, water_main, hydrant })
}

fn streets(v: &mut Village) {
    let road = v.line(&[(-420.0, -20.0), (0.0, -14.0), (420.0, -4.0)]);
    v.add("road", road, &[("name", "人民路".into()), ("road_class", "arterial".into()), ("width_m", 16.0.into())]);
    let street = v.line(&[(8.0, -320.0), (2.0, 0.0), (-6.0, 340.0)]);
    v.add("road", street, &[("name", "解放大街".into()), ("road_class", "branch".into()), ("width_m", 10.0.into())]);
    let lane = v.line(&[(-300.0, 105.0), (0.0, 110.0), (160.0, 112.0)]);
    v.add("road", lane, &[("name", "学堂巷".into()), ("road_class", "lane".into()), ("width_m", 6.0.into())]);
}

fn houses(v: &mut Village) -> (FeatureId, FeatureId) {
    let house = |v: &mut Village, [west, south, width, depth]: [f64; 4], height: f64| {
        let geometry = Geometry::flat(Shape::Polygon(vec![v.rectangle(west, south, width, depth)]));
        v.add("building", geometry, &[("height_m", height.into())])
    };
    let tower = house(v, TOWER, TOWER_HEIGHT_M);
    let low_house = house(v, LOW_HOUSE, LOW_HOUSE_HEIGHT_M);
    // Blocks along the streets; heights differ by a fixed rule.
    for row in 0..4i32 {
        for column in -5..6i32 {
            let (west, south) = (f64::from(column) * 36.0 + 12.0, [-120.0, -70.0, 14.0, 130.0][row as usize]);
            let near_tower = (20.0..80.0).contains(&west) && row >= 2;
            let on_lake = west < -60.0 && row == 3;
            if near_tower || on_lake || column == 0 {
                continue;
            }
            let height = 9.0 + f64::from((row * 7 + column.abs() * 5) % 9) * 4.0;
            house(v, [west, south, 22.0 + f64::from((column.abs() * 3) % 5), 16.0], height);
        }
    }
    (tower, low_house)
}

fn lake(v: &mut Village) {
    let park = v.ring(&[(-330.0, 130.0), (-40.0, 140.0), (-30.0, 330.0), (-330.0, 330.0)]);
    v.add("park", Geometry::flat(Shape::Polygon(vec![park])), &[("name", "示范公园".into())]);
    let lake = v.ring(&[(-290.0, 170.0), (-180.0, 155.0), (-80.0, 190.0), (-90.0, 270.0), (-190.0, 300.0), (-280.0, 260.0)]);
    v.add("water_area", Geometry::flat(Shape::Polygon(vec![lake])), &[("name", "示范湖".into())]);
    let bridge = v.line_z(&[(-310.0, 215.0, 34.0), (-185.0, 228.0, 38.0), (-60.0, 240.0, 34.0)]);
    v.add("bridge", bridge, &[("name", "长虹桥".into()), ("width_m", 9.0.into())]);
}

fn pipes(v: &mut Village) -> FeatureId {
    let [a, b] = WATER_MAIN.map(|[e, n, z]| (e, n, z));
    let main = v.line_z(&[a, b]);
    let main = v.add("water_pipe", main, &[("diameter_mm", 600.0.into())]);
    for i in 0..7 {
        let e = -150.0 + f64::from(i) * 50.0;
        let branch = v.line_z(&[(e, -30.5, 27.5), (e + 2.0, 90.0, 27.9)]);
        v.add("water_pipe", branch, &[("diameter_mm", 200.0.into())]);
        let gas = v.line_z(&[(e + 6.0, -110.0, 28.6), (e + 6.0, 95.0, 28.7)]);
        v.add("gas_pipe", gas, &[("diameter_mm", 160.0.into())]);
    }
    let storm = v.line_z(&[(-300.0, -12.0, 26.0), (0.0, -8.0, 25.4), (300.0, 2.0, 24.8)]);
    v.add("storm_pipe", storm, &[("diameter_mm", 1000.0.into())]);
    let sewer = v.line_z(&[(-300.0, -16.0, 25.6), (300.0, -3.0, 24.0)]);
    v.add("sewer_pipe", sewer, &[("diameter_mm", 500.0.into())]);
    main
}
