//! How likely each pressure pipe breaks within a year.
//!
//! Start at [`pipes`]. The rate is a base rate of the material, corrected by diameter, age, soil, pressure and the pipe's
//! own history: a proposal of this project that puts published parts together, to be fitted to a city's own breaks when it
//! has some hundreds. It ranks pipes; it does not foretell a date. A pipe that lacks an input has no figure, and the
//! missing inputs are named.

use crate::likelihood;
use citytwin_model::frame::ecef_from_geodetic;
use citytwin_model::{City, Class, Feature, FeatureId, Geometry};

/// The numbers behind the figures. Change one, and change the version that reports show.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskRules {
    pub version: String,
    /// Classes that the rate speaks of. The surveys behind it counted water mains; other pipes have no figure here.
    pub classes: Vec<String>,
    /// States in which a pipe carries nothing and is not judged.
    pub idle_states: Vec<String>,
    pub materials: Vec<MaterialRule>,
    /// Factors by the soil's corrosivity.
    pub soils: Vec<(String, f64)>,
    /// Age in years at which a material has its base rate.
    pub base_age_years: f64,
    /// Nominal diameter that has factor 1. An inch of the published curve counts as 25 mm of nominal diameter.
    pub base_diameter_mm: f64,
    /// Diameters beyond these are taken as these: the curve was fitted to mains.
    pub diameter_range_mm: (f64, f64),
    pub base_pressure_kpa: f64,
    pub pressure_factor_range: (f64, f64),
    /// How far back a count of breaks reaches; for a younger pipe, its age.
    pub records_years: f64,
    /// Probabilities per pipe and year at which grades 2, 3 and 4 begin.
    pub grade_borders: [f64; 3],
}

#[derive(Clone, Debug, PartialEq)]
pub struct MaterialRule {
    pub material: String,
    pub breaks_per_km_year: f64,
    /// Share by which the rate grows per year of age.
    pub growth_per_year: f64,
}

impl Default for RiskRules {
    fn default() -> Self {
        let material = |id: &str, breaks_per_100_mile_year: f64, growth_per_year: f64| MaterialRule {
            material: id.to_owned(),
            breaks_per_km_year: breaks_per_100_mile_year / (100.0 * likelihood::KM_PER_MILE),
            growth_per_year,
        };
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Self {
            version: "1".to_owned(),
            classes: texts(&["water_pipe"]),
            idle_states: texts(&["planned", "stopped", "sealed", "scrapped"]),
            // Breaks per 100 miles and year: Utah State University, survey of 2018. Growth: this project's proposal.
            // Polyethylene, concrete and asbestos cement lack one of the two, so they have no figure until a city gives them.
            materials: vec![
                material("cast_iron", 34.8, 0.05),
                material("ductile_iron", 5.5, 0.03),
                material("steel", 7.6, 0.03),
                material("pvc", 2.3, 0.02),
            ],
            soils: [("low", 0.7), ("medium", 1.0), ("high", 1.5), ("very_high", 2.5)].map(|(soil, f)| (soil.to_owned(), f)).to_vec(),
            base_age_years: 20.0,
            base_diameter_mm: 200.0,
            diameter_range_mm: (100.0, 1200.0),
            base_pressure_kpa: 400.0,
            pressure_factor_range: (0.7, 1.5),
            records_years: 10.0,
            // Likelihood classes of the subsidence matrix (the project's engineering facts, §9), the upper two as one.
            grade_borders: [0.01, 0.05, 0.2],
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct PipeRisk {
    pub id: FeatureId,
    /// As recorded, else along the pipe's line with its heights.
    pub length_m: f64,
    /// `None` when an input is missing.
    pub likelihood: Option<Likelihood>,
    pub missing: Vec<Missing>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    pub rate_per_km_year: f64,
    /// Of at least one break on this pipe within the year.
    pub probability: f64,
    /// 1 low, 2 general, 3 larger, 4 major.
    pub grade: u8,
    /// The parts of the rate, so that a reader can follow the figure.
    pub factors: Factors,
}

/// `rate = base · diameter · age · soil · pressure · history`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    pub base_per_km_year: f64,
    pub diameter: f64,
    pub age: f64,
    pub soil: f64,
    pub pressure: f64,
    /// 1 where no count of breaks is recorded: then nothing is known that would move the rate.
    pub history: f64,
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The attribute is empty.
    Attribute(&'static str),
    /// The attribute holds what cannot be: a diameter of 0, a year still to come.
    Implausible(&'static str),
    /// The rules have no number for this value: a material without a published rate.
    NoRule { attribute: &'static str, value: String },
    /// The rules do not speak of this class of pipe.
    Method,
}

impl Missing {
    /// The attribute to look at; `None` when no attribute can help.
    pub fn attribute(&self) -> Option<&'static str> {
        match self {
            Self::Attribute(id) | Self::Implausible(id) | Self::NoRule { attribute: id, .. } => Some(id),
            Self::Method => None,
        }
    }
}

/// Every pipe in use, in paging order class by class, judged for one calendar year by the default rules.
pub fn pipes(city: &dyn City, year: i32) -> Vec<PipeRisk> {
    pipes_by(city, year, &RiskRules::default())
}

pub fn pipes_by(city: &dyn City, year: i32, rules: &RiskRules) -> Vec<PipeRisk> {
    city.classes()
        .iter()
        .filter(|class| is_pipe(class))
        .flat_map(|class| city.all(class.no).filter_map(|pipe| judge(class, &pipe, year, rules)))
        .collect()
}

/// What can break and be recorded as broken: cables and ducts are networks too, but no pipes.
pub fn is_pipe(class: &Class) -> bool {
    class.network && ["material", "diameter_mm", "breaks"].iter().all(|id| class.attribute(id).is_some())
}

/// `None` for a pipe that carries nothing.
pub fn judge(class: &Class, pipe: &Feature, year: i32, rules: &RiskRules) -> Option<PipeRisk> {
    if pipe.text(class, "state").is_some_and(|state| rules.idle_states.iter().any(|idle| idle == state)) {
        return None;
    }
    let recorded = pipe.number(class, "length_m").filter(|length| *length > 0.0);
    let length_m = recorded.or_else(|| pipe.geometry.as_ref().map(length_along)).unwrap_or(0.0);
    let (likelihood, missing) = match factors(class, pipe, year, length_m, rules) {
        Ok(factors) => (Some(likelihood(factors, length_m, rules)), Vec::new()),
        Err(missing) => (None, missing),
    };
    Some(PipeRisk { id: pipe.id, length_m, likelihood, missing })
}

fn likelihood(factors: Factors, length_m: f64, rules: &RiskRules) -> Likelihood {
    let Factors { base_per_km_year, diameter, age, soil, pressure, history } = factors;
    let rate_per_km_year = base_per_km_year * diameter * age * soil * pressure * history;
    let probability = likelihood::poisson(rate_per_km_year, length_m / 1000.0);
    Likelihood { rate_per_km_year, probability, grade: rules.grade(probability), factors }
}

fn factors(class: &Class, pipe: &Feature, year: i32, length_m: f64, rules: &RiskRules) -> Result<Factors, Vec<Missing>> {
    if !rules.classes.contains(&class.id) {
        return Err(vec![Missing::Method]);
    }
    let mut missing = Vec::new();
    let mut number = |id: &'static str, plausible: &dyn Fn(f64) -> bool| match pipe.number(class, id) {
        None => {
            missing.push(Missing::Attribute(id));
            None
        }
        Some(x) if !plausible(x) => {
            missing.push(Missing::Implausible(id));
            None
        }
        some => some,
    };
    let diameter_mm = number("diameter_mm", &|x| x > 0.0 && x.is_finite());
    let built = number("built_year", &|x| x > 0.0 && x <= f64::from(year));
    let pressure_kpa = number("pressure_kpa", &|x| x >= 0.0 && x.is_finite());
    let material = named(class, pipe, "material", &mut missing, |id| rules.materials.iter().find(|rule| rule.material == id));
    let soil = named(class, pipe, "soil", &mut missing, |id| rules.soils.iter().find(|rule| rule.0 == id).map(|rule| rule.1));
    let breaks = match pipe.number(class, "breaks") {
        Some(n) if n < 0.0 => {
            missing.push(Missing::Implausible("breaks"));
            None
        }
        breaks => breaks,
    };
    if length_m <= 0.0 {
        missing.push(Missing::Implausible("geometry"));
    }
    let (Some(diameter_mm), Some(built), Some(pressure_kpa), Some(material), Some(soil), true) =
        (diameter_mm, built, pressure_kpa, material, soil, missing.is_empty())
    else {
        return Err(missing);
    };

    let age_years = f64::from(year) - built;
    let mut factors = Factors {
        base_per_km_year: material.breaks_per_km_year,
        diameter: rules.diameter_factor(diameter_mm),
        age: likelihood::exponential_growth(1.0, material.growth_per_year, age_years - rules.base_age_years),
        soil,
        pressure: (pressure_kpa / rules.base_pressure_kpa).sqrt().clamp(rules.pressure_factor_range.0, rules.pressure_factor_range.1),
        history: 1.0,
    };
    if let Some(breaks) = breaks {
        let expected_rate = factors.base_per_km_year * factors.diameter * factors.age * factors.soil * factors.pressure;
        let expected = expected_rate * length_m / 1000.0 * age_years.min(rules.records_years);
        // Gamma–Poisson shrinkage with the weight of one break.
        factors.history = (breaks + 1.0) / (expected + 1.0);
    }
    Ok(factors)
}

/// A code looked up in a table of the rules; what is empty or not in the table is noted.
fn named<'a, T>(
    class: &Class,
    pipe: &'a Feature,
    id: &'static str,
    missing: &mut Vec<Missing>,
    look_up: impl FnOnce(&'a str) -> Option<T>,
) -> Option<T> {
    let Some(value) = pipe.text(class, id) else {
        missing.push(Missing::Attribute(id));
        return None;
    };
    let found = look_up(value);
    if found.is_none() {
        missing.push(Missing::NoRule { attribute: id, value: value.to_owned() });
    }
    found
}

impl RiskRules {
    fn diameter_factor(&self, diameter_mm: f64) -> f64 {
        let inches = |mm: f64| mm.clamp(self.diameter_range_mm.0, self.diameter_range_mm.1) / 25.0;
        likelihood::by_diameter_per_mile(inches(diameter_mm)) / likelihood::by_diameter_per_mile(inches(self.base_diameter_mm))
    }

    /// 1 to 4; a probability on a border belongs to the higher grade.
    pub fn grade(&self, probability: f64) -> u8 {
        1 + self.grade_borders.iter().filter(|border| probability >= **border).count() as u8
    }

    /// One byte for maps: grade 1 is 0–63, grade 2 64–127, grade 3 128–191, grade 4 192–254; within a grade by probability.
    /// 255 stands for no data.
    pub fn scale(&self, probability: f64) -> u8 {
        let [a, b, c] = self.grade_borders;
        let steps = [0.0, a, b, c, 1.0];
        let grade = self.grade(probability);
        let (low, high) = (steps[usize::from(grade) - 1], steps[usize::from(grade)]);
        let share = if high > low { ((probability - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
        let last = if grade == 4 { 62.0 } else { 63.0 };
        64 * (grade - 1) + (share * 64.0).floor().min(last) as u8
    }
}

/// Metres along a line with its heights, straight through the earth between vertices: below 1 mm from the geodesic for
/// a kilometre-long segment.
fn length_along(geometry: &Geometry) -> f64 {
    let lines = geometry.lines().iter();
    let points = |line: &citytwin_model::geometry::Line| line.iter().map(|p| ecef_from_geodetic(p.lon, p.lat, p.z)).collect::<Vec<_>>();
    let distance = |pair: &[[f64; 3]]| (0..3).map(|axis| (pair[0][axis] - pair[1][axis]).powi(2)).sum::<f64>().sqrt();
    lines.map(|line| points(line).windows(2).map(distance).sum::<f64>()).sum()
}
