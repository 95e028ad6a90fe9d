//! Who has a meter of their own: estates, works, shops, schools, hospitals, one for each block.

use super::demand::Uses;
use crate::SinkError;
use crate::blocks::Use;
use crate::emit::{Emitter, Row};
use crate::plan::{Plan, along, line_length};
use crate::quarter::Quarter;

/// A block that is billed as one.
#[derive(Debug)]
pub struct Customer {
    /// Which of the quarter's blocks.
    pub block: usize,
    pub purpose: Use,
    pub name: String,
    /// Its first building, and where that stands.
    pub building: String,
    pub at: Plan,
    pub users: i64,
}

/// What is billed as one, and as what.
pub fn kind(purpose: Use) -> Option<&'static str> {
    match purpose {
        Use::Estate | Use::Towers => Some("home"),
        Use::Commercial => Some("business"),
        Use::Factory => Some("industry"),
        Use::School | Use::Hospital | Use::Government | Use::FireStation => Some("institution"),
        Use::OldStreets | Use::Houses | Use::Park | Use::Square => None,
    }
}

/// `node` and `pipe`: where it takes its water.
pub fn emit(
    quarter: &Quarter,
    customer: &Customer,
    uses: &Uses,
    zone: &str,
    node: &str,
    pipe: &str,
    out: &mut Emitter,
) -> Result<(), SinkError> {
    let code = out.code("YSH");
    let name = if customer.name.is_empty() { format!("商业综合体 {}", &code[4..]) } else { customer.name.clone() };
    let row = Row::of("water_customer")
        .set("code", code.as_str())
        .set("name", name.as_str())
        .set("state", "in_use")
        .set("kind", kind(customer.purpose))
        .set("users", customer.users)
        .set("node", node)
        .set("building", customer.building.as_str())
        .set("zone", zone)
        .set("important", matches!(customer.purpose, Use::Hospital | Use::School));
    out.point(row, customer.at, quarter.ground().height(customer.at))?;
    // The meter lies inside the gate, on the block's southern side; it is as large as a metre a second wants at the peak.
    let side = &quarter.sides(&quarter.blocks[customer.block], 1.0)[0];
    let at = along(side, line_length(side) / 2.0).0;
    let peak_m3s = uses.iter().sum::<f64>() * 1.6 / 1000.0;
    let bore_mm = libm::sqrt(peak_m3s * 4.0 / std::f64::consts::PI) * 1000.0;
    let meter = Row::of("water_meter")
        .set("code", out.code("SB"))
        .set("name", format!("{name}总表"))
        .set("state", "in_use")
        .set("built_year", 2016_i64)
        .set("diameter_mm", [40_i64, 50, 80, 100, 150].into_iter().find(|mm| *mm as f64 >= bore_mm).unwrap_or(200))
        .set("customer", code)
        .set("pipe", pipe)
        .set("node", node)
        .set("zone", zone)
        .set("district_meter", false)
        .set("smart", true);
    out.point(meter, at, quarter.ground().height(at))
}
