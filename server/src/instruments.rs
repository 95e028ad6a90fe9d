//! What watches what: the datastreams of the city, by code and by number, with everything a live value is shown with.

use citytwin_catalogue::Catalogue;
use citytwin_model::alarm::AlarmRule;
use citytwin_model::class::Class;
use citytwin_model::{City, Feature, FeatureId, Position, Shape, Value};
use citytwin_wire::Label;
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug)]
pub struct Instrument {
    /// The datastream's feature.
    pub id: FeatureId,
    pub code: String,
    pub sensor: Option<(FeatureId, String)>,
    /// The thing watched, and its public id.
    pub host: Option<(FeatureId, String)>,
    pub property: String,
    pub label: Label,
    pub unit: String,
    pub simulated: bool,
    pub position: Option<[f64; 3]>,
    pub rules: Vec<AlarmRule>,
    /// The simulator's pattern, in the datastream's unit.
    pub baseline: Option<f64>,
    pub amplitude: Option<f64>,
}

#[derive(Clone, Debug, Default)]
pub struct Instruments {
    all: Vec<Instrument>,
    by_code: HashMap<String, usize>,
    by_feature: HashMap<FeatureId, usize>,
    /// Sensors and things watched: when one of them moves, this list is stale.
    watched: HashSet<FeatureId>,
}

impl Instruments {
    pub fn of(city: &dyn City, catalogue: &Catalogue) -> Self {
        let mut instruments = Self::default();
        let Some(class) = city.class_by_id("datastream") else { return instruments };
        for feature in city.all(class.no) {
            let Some(instrument) = instrument(city, catalogue, class, &feature) else { continue };
            // A code that stands twice (made outside) belongs to the first; the other can still be found by number.
            let place = instruments.all.len();
            instruments.by_code.entry(instrument.code.clone()).or_insert(place);
            instruments.by_feature.insert(instrument.id, place);
            instruments.watched.extend([&instrument.sensor, &instrument.host].into_iter().flatten().map(|(id, _)| *id));
            instruments.all.push(instrument);
        }
        instruments
    }

    /// Whether a change to this feature changes what this list says.
    pub fn concerns(&self, city: &dyn City, id: FeatureId) -> bool {
        self.watched.contains(&id) || city.class(id.class).is_some_and(|class| class.id == "datastream" || class.id == "sensor")
    }

    pub fn by_code(&self, code: &str) -> Option<&Instrument> {
        self.by_code.get(code).map(|place| &self.all[*place])
    }

    pub fn by_feature(&self, id: FeatureId) -> Option<&Instrument> {
        self.by_feature.get(&id).map(|place| &self.all[*place])
    }

    pub fn all(&self) -> &[Instrument] {
        &self.all
    }

    pub fn rules(&self) -> Vec<AlarmRule> {
        self.all.iter().flat_map(|instrument| instrument.rules.iter().copied()).collect()
    }
}

/// `None` for a datastream without a code: nobody can report to it.
fn instrument(city: &dyn City, catalogue: &Catalogue, class: &Class, feature: &Feature) -> Option<Instrument> {
    let code = feature.text(class, "code").filter(|code| !code.is_empty())?.to_owned();
    let reference = |attribute: &str| {
        let wire = feature.get(class, attribute).as_int()?;
        let id = FeatureId::from_wire(u64::try_from(wire).ok()?)?;
        public_id(city, id).map(|name| (id, name))
    };
    let (sensor, host) = (reference("sensor"), reference("host"));
    let property = feature.text(class, "property").unwrap_or_default().to_owned();
    let known = catalogue.property(&property);
    let place =
        |reference: &Option<(FeatureId, String)>| reference.as_ref().and_then(|(id, _)| city.feature(*id)).and_then(|f| position(city, &f));
    Some(Instrument {
        id: feature.id,
        code,
        label: known.map_or_else(|| Label { zh: property.clone(), en: property.clone() }, |known| (&known.label).into()),
        unit: feature.text(class, "unit").or(known.map(|known| known.unit.as_str())).unwrap_or_default().to_owned(),
        property,
        simulated: is_true(feature.get(class, "simulated")),
        position: place(&sensor).or_else(|| place(&host)),
        sensor,
        host,
        rules: citytwin_live::rules_of(class, feature),
        baseline: feature.number(class, "baseline"),
        amplitude: feature.number(class, "amplitude"),
    })
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true) | Value::Int(1))
}

/// `water_pipe.12`
pub fn public_id(city: &dyn City, id: FeatureId) -> Option<String> {
    city.class(id.class).map(|class| format!("{}.{}", class.id, id.fid))
}

/// One place that stands for a feature: a point itself, the middle vertex of a line, the middle of an area's box. Its
/// height is the feature's own, else the ground's; a flat city lies at 0.
pub fn position(city: &dyn City, feature: &Feature) -> Option<[f64; 3]> {
    let geometry = feature.geometry.as_ref()?;
    let middle = |line: &[Position]| line.get(line.len() / 2).copied();
    let at = match &geometry.shape {
        Shape::Point(p) => Some(*p),
        Shape::MultiPoint(points) => points.first().copied(),
        Shape::Line(line) => middle(line),
        Shape::MultiLine(lines) => lines.first().and_then(|line| middle(line)),
        Shape::Polygon(_) | Shape::MultiPolygon(_) => {
            let centre = geometry.bounds().centre();
            let z = geometry.z_range().map_or(0.0, |(low, _)| low);
            Some(Position::new(centre.lon, centre.lat, z))
        }
    }?;
    let z = if geometry.has_z { at.z } else { city.ground_height(at.lonlat()).unwrap_or(0.0) };
    Some([at.lon, at.lat, z])
}
