//! Buildings, their addresses and who lives in them.

use crate::SinkError;
use crate::admin::Residents;
use crate::blocks::{self, House, Side, Use};
use crate::emit::{Emitter, Row};
use crate::frame::Role;
use crate::names::{self, Kind, Name, stem};
use crate::plan::{Plan, Rectangle};
use crate::quarter::Quarter;
use crate::random::Random;
use crate::seams::Seams;
use crate::stock;
use crate::streets::{Block, Edge, Node, Way};
use crate::water::{self, Customer, Uses};

#[derive(Debug, Default)]
pub struct Buildings {
    pub residents: Residents,
    pub fire_station: Option<Station>,
    /// Parks and squares, to be planted by the next room.
    pub green: Vec<(Block, Use)>,
    /// Water that each block takes.
    pub water: Vec<Uses>,
    pub customers: Vec<Customer>,
}

#[derive(Debug)]
pub struct Station {
    pub building: String,
    /// Its yard, before the gates.
    pub yard: Plan,
}

pub fn emit(quarter: &Quarter, seams: &Seams, out: &mut Emitter) -> Result<Buildings, SinkError> {
    let mut town = Buildings {
        residents: Residents { by_block: vec![0; quarter.blocks.len()], ..Residents::default() },
        water: vec![Uses::default(); quarter.blocks.len()],
        ..Buildings::default()
    };
    let mut named = Named { quarter, estates: 0, works: 0, schools: 0 };
    for (k, block) in quarter.blocks.iter().enumerate() {
        let purpose = blocks::purpose(quarter, block);
        if quarter.ground().is_on_hill(quarter.block_centre(block), 20.0) {
            continue;
        }
        if matches!(purpose, Use::Park | Use::Square) {
            town.green.push((*block, purpose));
        }
        let name = named.name(purpose);
        let part = quarter.part(quarter.block_centre(block));
        let community = quarter.community_code(part);
        for (n, house) in blocks::fill(quarter, block, purpose, &name).into_iter().enumerate() {
            let (code, people) = building(quarter, block, &house, n, &community, out)?;
            *town.residents.by_part.entry(part).or_insert(0) += people;
            town.residents.by_block[k] += people;
            let uses = water::of_building(house.purpose, people, house.footprint.area() * house.storeys as f64);
            town.water[k].iter_mut().zip(uses).for_each(|(sum, lps)| *sum += lps);
            match town.customers.last_mut().filter(|customer| customer.block == k) {
                Some(customer) => customer.users += people,
                None if water::customer_kind(purpose).is_some() => {
                    let (building, at, name) = (code.clone(), house.footprint.centre, name.clone());
                    town.customers.push(Customer { block: k, purpose, name, building, at, users: people });
                }
                None => {}
            }
            if purpose == Use::FireStation && town.fire_station.is_none() {
                let Rectangle { centre, axis, depth, .. } = house.footprint;
                town.fire_station = Some(Station { building: code.clone(), yard: centre - axis.left() * (depth / 2.0 + 6.0) });
            }
            if let Some(side) = house.faces {
                address(quarter, block, seams, &house, side, &code, out)?;
            }
        }
    }
    Ok(town)
}

/// Returns its code and how many live in it.
fn building(
    quarter: &Quarter,
    block: &Block,
    house: &House,
    n: usize,
    community: &str,
    out: &mut Emitter,
) -> Result<(String, i64), SinkError> {
    let seed = quarter.frame.seed;
    let code = out.code("JZ");
    let key = (block.west * 100_000 + block.south) as i64;
    let mut random = Random::of(seed, "house", key, n as i64);
    let (from, to) = stock::built_between(quarter.character(quarter.part(quarter.block_centre(block))));
    // A block was built within a few years.
    let block_year = Random::of(seed, "block year", block.west as i64, block.south as i64).whole(from, to);
    let year = (block_year + random.whole(0, 3)).min(stock::PRESENT_YEAR - 1);
    let living_m2 =
        if house.purpose == "residential" || house.purpose == "farm" { house.footprint.area() * house.storeys as f64 } else { 0.0 };
    let people = libm::round(living_m2 / random.between(36.0, 46.0)) as i64;
    let row = Row::of("building")
        .set("code", code.as_str())
        .set("name", house.name.clone())
        .set("state", "in_use")
        .set("built_year", year)
        .measure("height_m", house.height_m, 1)
        .set("storeys", house.storeys)
        .set("use", house.purpose)
        .set("residents", people)
        .set("district", community);
    let corners = house.footprint.corners();
    // It stands on its lowest corner.
    let base = corners.iter().map(|p| quarter.ground().height(*p)).fold(f64::INFINITY, f64::min);
    out.area(row, &[corners.to_vec()], |_| base)?;
    Ok((code, people))
}

/// Odd numbers on the left, even on the right, growing with the street; one for every eight metres.
fn address(
    quarter: &Quarter,
    block: &Block,
    seams: &Seams,
    house: &House,
    side: Side,
    building: &str,
    out: &mut Emitter,
) -> Result<(), SinkError> {
    let at = quarter.ground().lattice(house.footprint.centre);
    let column = || (block.west..block.east).rev().find(|i| quarter.column(*i).at <= at.u).unwrap_or(block.west);
    let row = || (block.south..block.north).rev().find(|j| quarter.row(*j).at <= at.v).unwrap_or(block.south);
    let (from, way) = match side {
        Side::South => (Node { i: column(), j: block.south }, Way::East),
        Side::North => (Node { i: column(), j: block.north }, Way::East),
        Side::West => (Node { i: block.west, j: row() }, Way::North),
        Side::East => (Node { i: block.east, j: row() }, Way::North),
    };
    let edge = Edge { from, way };
    let Some(road) = seams.roads.get(&edge) else { return Ok(()) };
    // Small streets begin with the quarter, long ones with the city.
    let frame = quarter.frame;
    let is_small = |role: Role| matches!(role, Role::Branch | Role::Third);
    let (passed, is_left) = match way {
        Way::East => {
            let first = if is_small(frame.rows[from.j].role) { quarter.i0 } else { 0 };
            (at.u - frame.columns[first].at, side == Side::South)
        }
        Way::North => {
            let first = if is_small(frame.columns[from.i].role) { quarter.j0 } else { 0 };
            (at.v - frame.rows[first].at, side == Side::East)
        }
    };
    let number = 2 * (libm::floor(passed / 8.0) as i64) + if is_left { 1 } else { 2 };
    let name = quarter.name(edge);
    let code = out.code("DZ");
    let row = Row::of("address")
        .set("code", code)
        .set("name", format!("{} {number} 号", name.zh))
        .set("name_en", format!("{number} {}", name.en))
        .set("number", number.to_string())
        .set("road", road.as_str())
        .set("building", building);
    let centre = house.footprint.centre;
    out.point(row, centre, quarter.ground().height(centre))
}

/// Names of what stands on a block, each once.
struct Named<'a> {
    quarter: &'a Quarter<'a>,
    estates: usize,
    works: usize,
    schools: usize,
}

/// Estates and works of a quarter: more than it has.
const ESTATES: usize = 60;
const WORKS: usize = 40;

impl Named<'_> {
    fn name(&mut self, purpose: Use) -> String {
        const ESTATE_FORMS: [&str; 8] = ["花园", "家园", "小区", "苑", "新村", "雅居", "名邸", "公馆"];
        const WORKS_FORMS: [&str; 10] =
            ["机械厂", "纺织厂", "食品厂", "建材厂", "电子厂", "五金厂", "包装厂", "汽配厂", "物流园", "科技园"];
        let quarter = self.quarter;
        let (frame, is_middle) = (quarter.frame, quarter.is_middle());
        let serial = frame.serial(quarter.a, quarter.b);
        match purpose {
            Use::Estate | Use::Towers => {
                let n = self.estates;
                self.estates += 1;
                if is_middle && n < names::ESTATES.len() {
                    return frame.known(&names::ESTATES, n).zh;
                }
                let k = serial * ESTATES + n;
                format!("{}{}", stem(frame.seed, Kind::Estate, k).zh, ESTATE_FORMS[(k + k / names::STEMS) % ESTATE_FORMS.len()])
            }
            Use::Factory => {
                let n = self.works;
                self.works += 1;
                if is_middle && n < names::WORKS.len() {
                    return frame.known(&names::WORKS, n).zh;
                }
                let k = serial * WORKS + n;
                format!("{}{}", stem(frame.seed, Kind::Works, k).zh, WORKS_FORMS[(k + k / names::STEMS) % WORKS_FORMS.len()])
            }
            Use::School => {
                self.schools += 1;
                let n = (self.schools - 1) % 4;
                if is_middle {
                    return ["示范市第一中学", "城北小学", "江南小学", "示范市第二中学"][n].to_owned();
                }
                format!("{}{}", quarter.stem().zh, ["中学", "第一小学", "第二小学", "第三小学"][n])
            }
            Use::Hospital if is_middle => "示范市人民医院".to_owned(),
            Use::Hospital => format!("{}医院", quarter.stem().zh),
            Use::Government if is_middle => names::CITY.0.to_owned(),
            Use::Government => format!("{}街道", quarter.stem().zh),
            Use::FireStation => main_street(quarter).zh,
            _ => String::new(),
        }
    }
}

/// The street that a quarter's fire station stands on.
pub fn main_street(quarter: &Quarter) -> Name {
    quarter.frame.column_name(quarter.main_column, quarter.b, true)
}
