//! What the streets, waters, hills and quarters of a city are called.

use crate::frame::{Frame, Role};
use crate::names::{self, Kind, Name, part, stem};
use crate::random::Random;
use std::cmp::Ordering;

const WEST_EAST: [(&str, &str); 2] = [("西", "West"), ("东", "East")];
const SOUTH_NORTH: [(&str, &str); 2] = [("南", "South"), ("北", "North")];
/// Small streets of a quarter: two for each column, one for each row.
const COLUMN_SLOTS: usize = 28;
const SLOTS: usize = 42;
const ORDINALS: [(&str, &str); 3] = [("一环", "1st Ring"), ("二环", "2nd Ring"), ("三环", "3rd Ring")];
/// Names of natural things: hills by quarter, then waters by strip.
const FIRST_WATER: usize = 3000;

impl Frame {
    /// Name of a row within the quarters of column `a`.
    pub fn row_name(&self, j: usize, a: usize) -> Name {
        let line = self.rows[j];
        let (middle_a, middle_b) = self.extent.middle();
        let b = self.ground.strip_of(line.at - 1.0);
        match line.role {
            Role::Outer if j == 0 => ("环城南路", "Huancheng South Road").into(),
            Role::Outer => ("环城北路", "Huancheng North Road").into(),
            Role::Boundary => match self.ring_row(j, a) {
                Some((ring, is_north)) => ring_name(ring, if is_north { ("北", "North") } else { ("南", "South") }),
                None => part(&self.long_stem(line.long), side_of(a, middle_a, WEST_EAST), ("大道", "Avenue")),
            },
            Role::Main if b == middle_b => part(&("建设", "Jianshe").into(), side_of(a, middle_a, WEST_EAST), ("大道", "Avenue")),
            Role::Main => self.long_stem(line.long).and("路", "Road"),
            Role::Bank => {
                let water = if b == middle_b { ("滨河", "Binhe").into() } else { self.water_stem(b) };
                let side = if j == self.strips[b].south_bank { ("南", "South") } else { ("北", "North") };
                part(&water, side, ("路", "Road"))
            }
            _ => self.small_name(a, b, COLUMN_SLOTS + j - self.strips[b].south),
        }
    }

    /// Name of a column within the strip `b`, south or north of its water.
    pub fn column_name(&self, i: usize, b: usize, is_north: bool) -> Name {
        let line = self.columns[i];
        let (middle_a, middle_b) = self.extent.middle();
        let a = self.across.iter().position(|quarter| i <= quarter.east).expect("every column is in a quarter");
        let side = usize::from(is_north);
        match line.role {
            Role::Outer if i == 0 => ("环城西路", "Huancheng West Road").into(),
            Role::Outer if self.ground.lake.is_some() => ("环湖路", "Huanhu Road").into(),
            Role::Outer => ("环城东路", "Huancheng East Road").into(),
            Role::Boundary => match self.ring_column(i, b) {
                Some((ring, is_east)) => ring_name(ring, if is_east { ("东", "East") } else { ("西", "West") }),
                None => part(&self.long_stem(line.long), side_of(b, middle_b, SOUTH_NORTH), ("大道", "Avenue")),
            },
            Role::Main if a == middle_a => part(&("人民", "Renmin").into(), side_of(b, middle_b, SOUTH_NORTH), ("路", "Road")),
            Role::Second if a == middle_a => self.known(&names::SECONDARY, 2).clone(),
            Role::Main | Role::Second => self.long_stem(line.long).and("路", "Road"),
            Role::Third if self.is_middle(a, b) => self.known(&names::SECONDARY, side).clone(),
            _ => self.small_name(a, b, 2 * (i - self.across[a].west) + side),
        }
    }

    fn long_stem(&self, long: Option<usize>) -> Name {
        stem(self.seed, Kind::Street, long.expect("a long street has a number"))
    }

    /// A small street's; in the middle of the city they have names that everyone knows.
    fn small_name(&self, a: usize, b: usize, slot: usize) -> Name {
        match slot.checked_sub(2).filter(|k| self.is_middle(a, b) && *k < names::STREETS.len()) {
            Some(k) => self.known(&names::STREETS, k),
            None => names::street(self.seed, self.long_streets, self.serial(a, b) * SLOTS + slot),
        }
    }

    /// One of a list, in the seed's own order.
    pub fn known(&self, list: &[(&str, &str)], k: usize) -> Name {
        let mut order: Vec<usize> = (0..list.len()).collect();
        Random::of(self.seed, "known names", list.len() as i64, 0).shuffle(&mut order);
        list[order[k % list.len()]].into()
    }

    pub fn water_name(&self, b: usize) -> Name {
        if b == self.extent.middle().1 {
            return names::RIVER.into();
        }
        let (zh, en) = if self.is_canal(b) { ("渠", "Canal") } else { ("河", "Stream") };
        self.water_stem(b).and(zh, en)
    }

    /// Narrow waters are canals.
    pub fn is_canal(&self, b: usize) -> bool {
        self.ground.waters[b].half_m < 8.0
    }

    fn water_stem(&self, b: usize) -> Name {
        stem(self.seed, Kind::Nature, FIRST_WATER + b)
    }

    pub fn hill_name(&self, a: usize, b: usize) -> Name {
        if self.is_middle(a, b) {
            return ("凤凰山", "Fenghuang Hill").into();
        }
        stem(self.seed, Kind::Nature, self.serial(a, b)).and("山", "Hill")
    }

    /// What a quarter is called; its offices, schools and parks are named after it.
    pub fn quarter_stem(&self, a: usize, b: usize) -> Name {
        if self.is_middle(a, b) { ("中心", "Zhongxin").into() } else { stem(self.seed, Kind::Place, self.serial(a, b)) }
    }
}

/// Long streets are divided where they cross the middle of the city.
fn side_of(at: usize, middle: usize, sides: [(&'static str, &'static str); 2]) -> (&'static str, &'static str) {
    match at.cmp(&middle) {
        Ordering::Less => sides[0],
        Ordering::Equal => ("", ""),
        Ordering::Greater => sides[1],
    }
}

fn ring_name(ring: usize, side: (&str, &str)) -> Name {
    part(&ORDINALS[ring].into(), side, ("路", "Road"))
}

/// What a street's bridge or its fire station is named after: 人民路 → 人民, Renmin Road → Renmin.
pub fn short(street: &Name) -> Name {
    let zh = ["大道", "路", "街", "巷"].into_iter().find_map(|form| street.zh.strip_suffix(form)).unwrap_or(&street.zh);
    let en = street.en.rsplit_once(' ').map_or(street.en.as_str(), |(before, _)| before);
    Name::new(zh, en)
}
