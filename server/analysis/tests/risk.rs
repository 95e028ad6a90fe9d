//! The risk of pipes: the stated vector, each factor alone, and what is said when data are missing.

mod town;

use citytwin_analysis::likelihood::{KM_PER_MILE, by_diameter_per_mile};
use citytwin_analysis::risk::{Missing, PipeRisk, RiskRules, pipes, pipes_by};
use citytwin_model::{Geometry, Position, Shape, Value};
use town::Town;

/// Attributes of the pipe of the vector: cast iron, DN200, 40 years old in 2026, soil 1.5, 0.4 MPa.
const PIPE: [(&str, &str); 6] = [
    ("material", "cast_iron"),
    ("diameter_mm", "200"),
    ("built_year", "1986"),
    ("soil", "high"),
    ("pressure_kpa", "400"),
    ("length_m", "300"),
];

fn line() -> Geometry {
    Geometry::flat(Shape::Line(vec![Position::new(116.0, 30.0, 0.0), Position::new(116.001, 30.0, 0.0)]))
}

fn risk_of(change: &[(&str, Option<&str>)]) -> PipeRisk {
    let mut attributes: Vec<(&str, Option<&str>)> = PIPE.iter().map(|(id, value)| (*id, Some(*value))).collect();
    for (id, value) in change {
        match attributes.iter_mut().find(|entry| entry.0 == *id) {
            Some(entry) => entry.1 = *value,
            None => attributes.push((id, *value)),
        }
    }
    let mut town = Town::default();
    let attributes: Vec<(&str, &str)> = attributes.into_iter().filter_map(|(id, value)| Some((id, value?))).collect();
    town.add("water_pipe", Some(line()), &attributes);
    pipes(&town.snapshot(), 2026).pop().expect("one pipe, one answer")
}

fn rate(change: &[(&str, Option<&str>)]) -> f64 {
    let risk = risk_of(change);
    risk.likelihood.unwrap_or_else(|| panic!("{:?}", risk.missing)).rate_per_km_year
}

#[test]
fn the_stated_vector() {
    let mut town = Town::default();
    town.add("water_pipe", Some(line()), &PIPE);
    // The vector was computed with the base rate rounded to four digits.
    let mut rules = RiskRules::default();
    assert!((rules.materials[0].breaks_per_km_year - 0.2162).abs() < 5e-5);
    rules.materials[0].breaks_per_km_year = 0.2162;
    let risk = pipes_by(&town.snapshot(), 2026, &rules).remove(0);
    let likelihood = risk.likelihood.unwrap();
    assert!((likelihood.rate_per_km_year - 0.8815).abs() < 5e-5, "{likelihood:?}");
    assert!((likelihood.probability - 0.2324).abs() < 5e-5, "{likelihood:?}");
    assert_eq!((likelihood.grade, risk.missing.len()), (4, 0));
}

#[test]
fn each_factor_alone() {
    let base = rate(&[]);
    let ratio = |change: &[(&str, Option<&str>)]| rate(change) / base;
    let near = |figure: f64, expected: f64| assert!((figure / expected - 1.0).abs() < 1e-9, "{figure} is not {expected}");
    near(ratio(&[("soil", Some("low"))]), 0.7 / 1.5);
    near(ratio(&[("soil", Some("medium"))]), 1.0 / 1.5);
    near(ratio(&[("soil", Some("very_high"))]), 2.5 / 1.5);
    near(ratio(&[("built_year", Some("2006"))]), (-1.0f64).exp());
    near(ratio(&[("pressure_kpa", Some("625"))]), 1.25);
    near(ratio(&[("pressure_kpa", Some("4000"))]), 1.5);
    near(ratio(&[("pressure_kpa", Some("0"))]), 0.7);
    near(ratio(&[("diameter_mm", Some("300"))]), by_diameter_per_mile(12.0) / by_diameter_per_mile(8.0));
    near(ratio(&[("diameter_mm", Some("15"))]), by_diameter_per_mile(4.0) / by_diameter_per_mile(8.0));
    near(ratio(&[("diameter_mm", Some("3000"))]), by_diameter_per_mile(48.0) / by_diameter_per_mile(8.0));
    // Ductile iron at 20 years: the base rate of the survey, per 100 miles.
    near(rate(&[("material", Some("ductile_iron")), ("built_year", Some("2006")), ("soil", Some("medium"))]), 5.5 / 100.0 / KM_PER_MILE);
    near(ratio(&[("material", Some("pvc"))]), 2.3 / 34.8 * (0.02f64 * 20.0 - 0.05 * 20.0).exp());
}

#[test]
fn the_own_history_pulls_the_rate_towards_what_was_seen() {
    let base = rate(&[]);
    // 300 m, ten years of records: this many breaks are expected.
    let expected = base * 0.3 * 10.0;
    for n in [0.0, 1.0, 5.0] {
        let seen = rate(&[("breaks", Some(&n.to_string()))]);
        assert!((seen / base - (n + 1.0) / (expected + 1.0)).abs() < 1e-9);
    }
    // A pipe of two years has two years of records.
    let young = [("built_year", Some("2024"))];
    let base = rate(&young);
    let seen = rate(&[young[0], ("breaks", Some("0"))]);
    assert!((seen / base - 1.0 / (base * 0.3 * 2.0 + 1.0)).abs() < 1e-9);
}

#[test]
fn what_is_missing_is_named_and_nothing_is_invented() {
    for (id, _) in PIPE.into_iter().filter(|(id, _)| *id != "length_m") {
        let risk = risk_of(&[(id, None)]);
        assert_eq!((risk.likelihood, risk.missing), (None, vec![Missing::Attribute(id)]));
    }
    let risk = risk_of(&[("material", None), ("soil", None), ("pressure_kpa", None)]);
    let named: Vec<_> = risk.missing.iter().filter_map(Missing::attribute).collect();
    assert_eq!((risk.likelihood, named), (None, vec!["pressure_kpa", "material", "soil"]));
}

#[test]
fn a_material_without_a_published_rate_has_no_figure_until_the_city_gives_one() {
    let risk = risk_of(&[("material", Some("pe"))]);
    assert_eq!(risk.missing, vec![Missing::NoRule { attribute: "material", value: "pe".into() }]);
    assert_eq!(risk.likelihood, None);

    let mut town = Town::default();
    town.add("water_pipe", Some(line()), &[PIPE.as_slice(), &[("material", "pe")]].concat());
    let mut rules = RiskRules::default();
    let mut own = rules.materials[0].clone();
    own.material = "pe".into();
    rules.materials.push(own);
    assert!(pipes_by(&town.snapshot(), 2026, &rules)[0].likelihood.is_some());
}

#[test]
fn what_cannot_be_is_not_computed_with() {
    for (id, value) in [("diameter_mm", "0"), ("diameter_mm", "-5"), ("built_year", "2027"), ("pressure_kpa", "-1"), ("breaks", "-1")] {
        let risk = risk_of(&[(id, Some(value))]);
        assert_eq!((risk.likelihood, risk.missing), (None, vec![Missing::Implausible(id)]), "{id} {value}");
    }
}

#[test]
fn the_length_is_recorded_or_measured_along_the_line() {
    assert_eq!(risk_of(&[]).length_m, 300.0);
    assert!((risk_of(&[("length_m", None)]).length_m - 96.486).abs() < 0.002);
}

#[test]
fn other_pipes_and_idle_ones() {
    let mut town = Town::default();
    for state in ["planned", "stopped", "sealed", "scrapped", "in_use"] {
        town.add("water_pipe", Some(line()), &[PIPE.as_slice(), &[("state", state)]].concat());
    }
    town.add("gas_pipe", Some(line()), &PIPE);
    town.add("hydrant", Some(Geometry::flat(Shape::Point(Position::new(116.0, 30.0, 0.0)))), &[("diameter_mm", "100")]);
    let risks = pipes(&town.snapshot(), 2026);
    assert_eq!(risks.len(), 2, "the water pipe in use and the gas pipe");
    assert!(risks[0].likelihood.is_some());
    assert_eq!((risks[1].likelihood, &risks[1].missing), (None, &vec![Missing::Method]));
}

#[test]
fn grades_begin_at_their_borders_and_the_scale_keeps_them_apart() {
    let rules = RiskRules::default();
    let grades = [(0.0, 1), (0.0099, 1), (0.01, 2), (0.0499, 2), (0.05, 3), (0.1999, 3), (0.2, 4), (1.0, 4)];
    for (probability, grade) in grades {
        assert_eq!(rules.grade(probability), grade, "{probability}");
        let byte = rules.scale(probability);
        assert_eq!(1 + byte / 64, grade, "{probability} is {byte}");
        assert!(byte < 255);
    }
    let bytes: Vec<u8> = (0..=1000).map(|i| rules.scale(f64::from(i) / 1000.0)).collect();
    assert!(bytes.is_sorted());
    assert_eq!((bytes[0], bytes[1000]), (0, 254));
}

#[test]
fn a_value_of_the_wrong_kind_counts_as_missing() {
    let mut town = Town::default();
    town.add("water_pipe", Some(line()), &PIPE);
    town.set_last("diameter_mm", Value::Text("two hundred".into()));
    assert_eq!(pipes(&town.snapshot(), 2026)[0].missing, vec![Missing::Attribute("diameter_mm")]);
}
