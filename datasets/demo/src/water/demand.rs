//! Who takes how much water, when: by building, shared among the junctions around its block.

use crate::SinkError;
use crate::emit::{Emitter, Row};
use crate::mains::Net;
use crate::quarter::Quarter;
use crate::streets::{Block, Node};
use std::collections::BTreeMap;

/// Mean use of homes, business and industry, L/s.
pub type Uses = [f64; 3];

const SECONDS: f64 = 86_400.0;
/// A person at home, L/d (GB 50013-2018 table 4.0.3, a medium city).
const PERSON_LPD: f64 = 190.0;
/// What seeps away or is not metered, share of what is used.
const UNMETERED: f64 = 0.10;

/// How the day goes for each, hour by hour, around 1.
pub const PATTERNS: [(&str, &str, [f64; 24]); 3] = [
    (
        "YSMS-01",
        "居民用水模式（模拟数据）",
        [
            0.40, 0.35, 0.35, 0.35, 0.45, 0.75, 1.35, 1.60, 1.35, 1.10, 1.15, 1.05, 1.15, 1.15, 1.05, 1.05, 1.15, 1.35, 1.60, 1.50, 1.30,
            1.15, 0.80, 0.50,
        ],
    ),
    (
        "YSMS-02",
        "公共建筑用水模式（模拟数据）",
        [
            0.35, 0.30, 0.30, 0.30, 0.30, 0.40, 0.70, 1.00, 1.30, 1.45, 1.50, 1.55, 1.60, 1.50, 1.45, 1.40, 1.40, 1.45, 1.40, 1.30, 1.15,
            0.90, 0.60, 0.40,
        ],
    ),
    (
        "YSMS-03",
        "工业用水模式（模拟数据）",
        [
            0.70, 0.70, 0.70, 0.70, 0.70, 0.75, 0.90, 1.10, 1.25, 1.30, 1.30, 1.25, 1.15, 1.25, 1.30, 1.30, 1.25, 1.15, 1.00, 0.95, 0.90,
            0.85, 0.80, 0.75,
        ],
    ),
];

/// The patterns, once for the city.
pub fn emit_patterns(out: &mut Emitter) -> Result<(), SinkError> {
    for (code, name, hours) in &PATTERNS {
        let points: Vec<String> = hours.iter().map(|share| format!("{share:.2}")).collect();
        let row = Row::of("network_curve")
            .set("code", *code)
            .set("name", *name)
            .set("kind", "pattern")
            .set("points", points.join(" "))
            .set("step_s", 3600_i64);
        out.put(row, None)?;
    }
    Ok(())
}

/// Mean use of a building, losses on the way included.
pub fn of_building(purpose: &str, people: i64, floor_m2: f64) -> Uses {
    // Litres a square metre and day.
    let (kind, daily) = match purpose {
        "residential" | "farm" => (0, people as f64 * PERSON_LPD),
        "commercial" => (1, floor_m2 * 4.0),
        "office" | "government" => (1, floor_m2 * 2.5),
        "hospital" => (1, floor_m2 * 7.0),
        "school" | "culture" => (1, floor_m2 * 3.5),
        "industrial" => (2, floor_m2 * 4.0),
        "storage" => (2, floor_m2 * 0.5),
        _ => (1, floor_m2),
    };
    let mut uses = Uses::default();
    uses[kind] = daily * (1.0 + UNMETERED) / SECONDS;
    uses
}

/// What a junction takes, and the pattern of most of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Draw {
    pub lps: f64,
    pub pattern: usize,
}

impl Draw {
    pub fn at_hour(&self, hour: usize) -> f64 {
        self.lps * PATTERNS[self.pattern].2[hour]
    }
}

/// The blocks' water, in even parts from the quarter's own junctions around each.
pub fn share(quarter: &Quarter, by_block: &[Uses], net: &Net) -> BTreeMap<Node, Draw> {
    let mut uses: BTreeMap<Node, Uses> = BTreeMap::new();
    for (block, taken) in quarter.blocks.iter().zip(by_block) {
        let around = junctions(quarter, block, net);
        for node in &around {
            let sum = uses.entry(*node).or_default();
            sum.iter_mut().zip(taken).for_each(|(sum, lps)| *sum += lps / around.len() as f64);
        }
    }
    let draw = |uses: Uses| Draw {
        lps: crate::geodesy::round_to(uses.iter().sum(), 4),
        pattern: (0..3).rev().max_by(|a, b| uses[*a].total_cmp(&uses[*b])).unwrap_or(0),
    };
    uses.into_iter().map(|(node, uses)| (node, draw(uses))).collect()
}

/// Those around a block; where it has none of its own (at a hill's foot, on a border), the nearest.
pub fn junctions(quarter: &Quarter, block: &Block, net: &Net) -> Vec<Node> {
    let is_own = |node: &Node| net.nodes.get(node).is_some_and(|joint| joint.is_own);
    let on_rim = |node: &Node| node.i == block.west || node.i == block.east || node.j == block.south || node.j == block.north;
    let all = (block.west..=block.east).flat_map(|i| (block.south..=block.north).map(move |j| Node { i, j }));
    let around: Vec<Node> = all.filter(|node| on_rim(node) && is_own(node)).collect();
    if !around.is_empty() {
        return around;
    }
    let centre = quarter.ground().plan(quarter.block_centre(block));
    let apart = |node: &Node| net.nodes[node].at.distance(centre);
    net.nodes.keys().filter(|node| is_own(node)).min_by(|a, b| apart(a).total_cmp(&apart(b))).copied().into_iter().collect()
}
