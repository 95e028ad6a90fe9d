//! Buildings, their addresses and who lives in them.

use crate::SinkError;
use crate::blocks::{self, House, Side, Use};
use crate::emit::{Emitter, Row};
use crate::layout::{Block, District, Edge, Layout, Node, Way};
use crate::names;
use crate::plan::{Plan, Rectangle};
use crate::random::Random;
use crate::roads::Roads;
use crate::stock;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Buildings {
    pub residents: BTreeMap<District, i64>,
    pub fire_station: Option<Station>,
    /// Parks and squares, to be planted by the next room.
    pub green: Vec<(Block, Use)>,
}

#[derive(Debug)]
pub struct Station {
    pub building: String,
    /// Its yard, before the gates.
    pub yard: Plan,
}

pub fn emit(layout: &Layout, roads: &Roads, out: &mut Emitter) -> Result<Buildings, SinkError> {
    let mut town = Buildings::default();
    let mut random = Random::of(layout.seed, "names", 0, 0);
    let mut pools = Pools::new(&mut random);
    for block in &layout.blocks {
        let purpose = blocks::purpose(layout, block);
        if layout.ground.is_on_hill(layout.block_centre(block), 20.0) {
            continue;
        }
        if matches!(purpose, Use::Park | Use::Square) {
            town.green.push((*block, purpose));
        }
        let name = pools.name(purpose);
        for house in blocks::fill(layout, block, purpose, &name) {
            let code = building(layout, block, &house, &mut town.residents, out)?;
            if purpose == Use::FireStation && town.fire_station.is_none() {
                let Rectangle { centre, axis, depth, .. } = house.footprint;
                town.fire_station = Some(Station { building: code.clone(), yard: centre - axis.left() * (depth / 2.0 + 6.0) });
            }
            if let Some(side) = house.faces {
                address(layout, block, roads, &house, side, &code, out)?;
            }
        }
    }
    Ok(town)
}

pub fn district_code(district: District) -> String {
    format!("990100{:03}", district as usize + 1)
}

fn building(
    layout: &Layout,
    block: &Block,
    house: &House,
    residents: &mut BTreeMap<District, i64>,
    out: &mut Emitter,
) -> Result<String, SinkError> {
    let district = layout.district(layout.ground.lattice(house.footprint.centre));
    let code = out.code("JZ");
    let mut random = Random::of(layout.seed, "house", code[3..].parse().unwrap_or(0), 0);
    let (from, to) = stock::built_between(district);
    // A block was built within a few years.
    let block_year = Random::of(layout.seed, "block year", block.west as i64, block.south as i64).whole(from, to);
    let year = (block_year + random.whole(0, 3)).min(stock::PRESENT_YEAR - 1);
    let living_m2 =
        if house.purpose == "residential" || house.purpose == "farm" { house.footprint.area() * house.storeys as f64 } else { 0.0 };
    let people = libm::round(living_m2 / random.between(36.0, 46.0)) as i64;
    *residents.entry(district).or_insert(0) += people;
    let row = Row::of("building")
        .set("code", code.as_str())
        .set("name", house.name.clone())
        .set("state", "in_use")
        .set("built_year", year)
        .measure("height_m", house.height_m, 1)
        .set("storeys", house.storeys)
        .set("use", house.purpose)
        .set("residents", people)
        .set("district", district_code(district));
    let corners = house.footprint.corners();
    // It stands on its lowest corner.
    let base = corners.iter().map(|p| layout.ground.height(*p)).fold(f64::INFINITY, f64::min);
    out.area(row, &[corners.to_vec()], |_| base)?;
    Ok(code)
}

/// Odd numbers on the left, even on the right, growing with the street; one for every eight metres.
fn address(
    layout: &Layout,
    block: &Block,
    roads: &Roads,
    house: &House,
    side: Side,
    building: &str,
    out: &mut Emitter,
) -> Result<(), SinkError> {
    let at = layout.ground.lattice(house.footprint.centre);
    let between =
        |lines: &[crate::layout::Street], low: usize, high: usize, x: f64| (low..high).rev().find(|k| lines[*k].at <= x).unwrap_or(low);
    let (from, way) = match side {
        Side::South => (Node { i: between(&layout.columns, block.west, block.east, at.u), j: block.south }, Way::East),
        Side::North => (Node { i: between(&layout.columns, block.west, block.east, at.u), j: block.north }, Way::East),
        Side::West => (Node { i: block.west, j: between(&layout.rows, block.south, block.north, at.v) }, Way::North),
        Side::East => (Node { i: block.east, j: between(&layout.rows, block.south, block.north, at.v) }, Way::North),
    };
    let edge = Edge { from, way };
    let Some(road) = roads.codes.get(&edge) else { return Ok(()) };
    let (passed, is_left) = match way {
        Way::East => (at.u - layout.columns[0].at, side == Side::South),
        Way::North => (at.v - layout.rows[0].at, side == Side::East),
    };
    let number = 2 * (libm::floor(passed / 8.0) as i64) + if is_left { 1 } else { 2 };
    let (zh, en) = layout.name(edge);
    let code = out.code("DZ");
    let row = Row::of("address")
        .set("code", code)
        .set("name", format!("{zh} {number} 号"))
        .set("name_en", format!("{number} {en}"))
        .set("number", number.to_string())
        .set("road", road.as_str())
        .set("building", building);
    let centre = house.footprint.centre;
    out.point(row, centre, layout.ground.height(centre))
}

/// Names in an order of the seed's choosing, each once until the pool is through.
struct Pools {
    estates: Vec<names::Name>,
    works: Vec<names::Name>,
    next_estate: usize,
    next_works: usize,
    schools: usize,
}

impl Pools {
    fn new(random: &mut Random) -> Self {
        let (mut estates, mut works) = (names::ESTATES.to_vec(), names::WORKS.to_vec());
        random.shuffle(&mut estates);
        random.shuffle(&mut works);
        Self { estates, works, next_estate: 0, next_works: 0, schools: 0 }
    }

    fn name(&mut self, purpose: Use) -> String {
        let next = |pool: &[names::Name], at: &mut usize| {
            let (round, k) = (*at / pool.len(), *at % pool.len());
            *at += 1;
            if round == 0 { pool[k].0.to_owned() } else { format!("{}{}区", pool[k].0, ["二", "三", "四", "五"][(round - 1) % 4]) }
        };
        match purpose {
            Use::Estate | Use::Towers => next(&self.estates, &mut self.next_estate),
            Use::Factory => next(&self.works, &mut self.next_works),
            Use::School => {
                self.schools += 1;
                ["示范市第一中学", "城北小学", "江南小学", "示范市第二中学"][(self.schools - 1) % 4].to_owned()
            }
            Use::Hospital => "示范市人民医院".to_owned(),
            Use::Government => "示范市".to_owned(),
            Use::FireStation => "人民路".to_owned(),
            _ => String::new(),
        }
    }
}
