//! What was laid when, and of what: pipe stock that differs by community, street and year, so that risk has structure.

use crate::admin::Character;
use crate::quarter::Quarter;
use crate::random::Random;
use crate::streets::{Edge, Service, Way};

/// The demo city's present. Data, not a clock: the same seed is the same city in any year.
pub const PRESENT_YEAR: i64 = 2026;

#[derive(Clone, Copy, Debug)]
pub struct Laid {
    pub year: i64,
    pub material: &'static str,
    pub soil: &'static str,
    pub character: Character,
}

/// A street's pipe was laid in one go within a community, of one material.
pub fn laid(quarter: &Quarter, edge: Edge, service: Service, diameter_mm: i64) -> Laid {
    let middle = quarter.on_edge(edge, 0.5);
    let part = quarter.part(middle);
    let character = quarter.character(part);
    let (way, line) = match edge.way {
        Way::East => (0, edge.from.j),
        Way::North => (1, edge.from.i),
    };
    let community = quarter.frame.serial(quarter.a, quarter.b) * 8 + part as usize;
    let mut random = Random::of(quarter.frame.seed, service_id(service), (line * 2 + way) as i64, community as i64);
    let (from, to) = built_between(character);
    let year = if from < 2000 && random.chance(0.15) { random.whole(2012, 2023) } else { random.whole(from, to) };
    let material = match service {
        Service::Water => water_material(&mut random, year, diameter_mm),
        Service::Gas => gas_material(&mut random, year, diameter_mm),
        Service::Storm | Service::Sewer => drain_material(year, diameter_mm),
    };
    let near_river = (middle.v - quarter.water().v).abs() < 175.0;
    let soil = match character {
        Character::Industry => "very_high",
        Character::NewTown if !near_river => "low",
        _ if near_river => "high",
        _ if random.chance(0.2) => "high",
        _ => "medium",
    };
    Laid { year, material, soil, character }
}

/// When a community was built.
pub fn built_between(character: Character) -> (i64, i64) {
    match character {
        Character::OldTown => (1956, 1984),
        Character::Estates => (1984, 1999),
        Character::Houses => (1975, 1995),
        Character::NewTown => (2009, 2022),
        Character::Suburb => (1997, 2011),
        Character::Industry => (1990, 2005),
    }
}

fn service_id(service: Service) -> &'static str {
    match service {
        Service::Water => "laid water",
        Service::Gas => "laid gas",
        Service::Storm => "laid storm",
        Service::Sewer => "laid sewer",
    }
}

fn water_material(random: &mut Random, year: i64, diameter_mm: i64) -> &'static str {
    let shares: &[(&str, f64)] = match year {
        ..1970 => &[("cast_iron", 0.80), ("asbestos_cement", 0.10), ("steel", 0.10)],
        1970..1990 => &[("cast_iron", 0.62), ("asbestos_cement", 0.13), ("steel", 0.10), ("ductile_iron", 0.15)],
        1990..2000 => &[("cast_iron", 0.20), ("ductile_iron", 0.40), ("steel", 0.20), ("pvc", 0.20)],
        2000..2010 => &[("ductile_iron", 0.60), ("pvc", 0.20), ("pe", 0.20)],
        _ => &[("ductile_iron", 0.60), ("pe", 0.40)],
    };
    let material = random.weighted(shares);
    // Plastic and asbestos cement were not laid as mains.
    if diameter_mm >= 300 && matches!(material, "pe" | "pvc" | "asbestos_cement") { "ductile_iron" } else { material }
}

fn gas_material(random: &mut Random, year: i64, diameter_mm: i64) -> &'static str {
    if year >= 2000 && diameter_mm <= 200 {
        return "pe";
    }
    random.weighted(if year < 1990 { &[("cast_iron", 0.3), ("steel", 0.7)] } else { &[("steel", 1.0)] })
}

fn drain_material(year: i64, diameter_mm: i64) -> &'static str {
    match year {
        ..1990 => "concrete",
        2005.. if diameter_mm <= 600 => "hdpe",
        _ => "reinforced_concrete",
    }
}

/// Breaks since records began: more in old iron, in corrosive ground and where the trenches were poorly filled.
pub fn breaks(random: &mut Random, laid: &Laid, service: Service, length_m: f64) -> i64 {
    // Per km and year at 20 years of age (engineering-facts §12.1: survey figures by material), and its yearly growth.
    let (rate, growth) = match laid.material {
        "cast_iron" => (0.216, 0.05),
        "asbestos_cement" => (0.065, 0.03),
        "steel" => (0.047, 0.03),
        "ductile_iron" => (0.034, 0.03),
        "pvc" => (0.014, 0.02),
        _ => (0.010, 0.02),
    };
    let soil = match laid.soil {
        "low" => 0.7,
        "high" => 1.5,
        "very_high" => 2.5,
        _ => 1.0,
    };
    let character = match laid.character {
        Character::OldTown => 1.5,
        Character::Industry => 1.7,
        _ => 0.8,
    };
    let service = match service {
        Service::Water => 1.0,
        Service::Gas => 0.25,
        Service::Storm | Service::Sewer => 0.3,
    };
    let age = PRESENT_YEAR - laid.year;
    let recorded = age.min(25);
    // The age halfway through the years on record; growth is cut off where no survey reaches.
    let middle_age = (age - recorded / 2).min(50) as f64;
    let per_year = rate * libm::exp(growth * (middle_age - 20.0)) * soil * character * service * length_m / 1000.0;
    random.poisson(per_year * recorded as f64)
}

/// Hazen–Williams C: what the material had when new, less what years of rust and lime have taken.
pub fn roughness(laid: &Laid) -> i64 {
    let (new, a_year) = match laid.material {
        "cast_iron" => (125.0, 0.60),
        "steel" => (130.0, 0.50),
        "ductile_iron" => (135.0, 0.35),
        "asbestos_cement" => (135.0, 0.25),
        _ => (145.0, 0.10),
    };
    libm::round(new - a_year * (PRESENT_YEAR - laid.year) as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_iron_in_bad_ground_breaks_more() {
        let mut random = Random::of(1, "test", 0, 0);
        let mut total = |material, soil, year| {
            let laid = Laid { year, material, soil, character: Character::Estates };
            (0..4000).map(|_| breaks(&mut random, &laid, Service::Water, 100.0)).sum::<i64>()
        };
        let (iron, plastic) = (total("cast_iron", "very_high", 1975), total("pe", "low", 2015));
        assert!(iron > 20 * plastic.max(1), "{iron} {plastic}");
    }
}
