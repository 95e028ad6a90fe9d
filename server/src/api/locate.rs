//! `/locate?q=`: one box for what people type. By code and by name so far.

use super::params::Params;
use super::reply::json;
use crate::app::App;
use crate::instruments::position;
use crate::problem::{ApiError, ApiResult, Kind};
use axum::extract::State;
use axum::response::Response;
use citytwin_index::Snapshot;
use citytwin_model::ids::parse_public_id;
use citytwin_model::{City, Class, Feature, FeatureId, Value};
use citytwin_wire::place::{Candidate, Candidates};
use std::collections::BTreeSet;
use std::sync::Arc;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
const MAX_QUERY_CHARS: usize = 100;

/// Candidates for what was typed, best first.
pub async fn locate(State(app): State<App>, mut params: Params) -> ApiResult<Response> {
    let typed = params.take("q").unwrap_or_default().trim().to_owned();
    let limit = params.take_limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    params.done()?;
    if typed.is_empty() || typed.chars().count() > MAX_QUERY_CHARS {
        return Err(ApiError::new(Kind::ParameterInvalid).with("name", "q").with("value", typed));
    }
    let city = app.view().city.clone();
    let candidates = app.compute.run(move || find(&city, &typed, limit)).await?;
    json(&Candidates { candidates })
}

/// How well a feature answers; smaller is better. Then the class number, then the feature's: the order never varies.
type Rank = (u8, FeatureId);

fn find(city: &Snapshot, typed: &str, limit: usize) -> Vec<Candidate> {
    let wanted = typed.to_lowercase();
    let mut best: BTreeSet<Rank> = BTreeSet::new();
    if let Some((class, fid)) = parse_public_id(typed)
        && let Some(class) = city.class_by_id(class)
        && city.feature(FeatureId::new(class.no, fid)).is_some()
    {
        best.insert((0, FeatureId::new(class.no, fid)));
    }
    for class in city.classes() {
        let places = [class.attribute_index("code"), class.attribute_index("name")];
        for feature in city.all(class.no) {
            let texts = places.into_iter().flatten().filter_map(|place| feature.attributes.get(place).and_then(Value::as_text));
            let Some(rank) = texts.filter_map(|text| rank(text, &wanted)).min() else { continue };
            best.insert((rank, feature.id));
            if best.len() > limit {
                best.pop_last();
            }
        }
    }
    let found = best.into_iter().filter_map(|(_, id)| Some((city.class(id.class)?, city.feature(id)?)));
    found.map(|(class, feature)| candidate(city, class, &feature)).collect()
}

fn rank(text: &str, wanted: &str) -> Option<u8> {
    let text = text.to_lowercase();
    if text == wanted {
        Some(1)
    } else if text.starts_with(wanted) {
        Some(2)
    } else if text.contains(wanted) {
        Some(3)
    } else {
        None
    }
}

fn candidate(city: &Snapshot, class: &Arc<Class>, feature: &Feature) -> Candidate {
    let text = |attribute| feature.text(class, attribute).filter(|text| !text.is_empty()).map(str::to_owned);
    let id = format!("{}.{}", class.id, feature.id.fid);
    let code = text("code");
    Candidate {
        label: text("name").or_else(|| code.clone()).unwrap_or_else(|| id.clone()),
        id,
        wire: feature.id.wire(),
        code,
        class: class.id.clone(),
        class_label: (&class.label).into(),
        position: place(city, class, feature),
    }
}

/// A datastream has no place of its own; it is where its sensor or host is.
fn place(city: &Snapshot, class: &Class, feature: &Feature) -> Option<[f64; 2]> {
    let own = position(city, feature);
    let of = |attribute: &str| {
        let wire = feature.get(class, attribute).as_int()?;
        let id = FeatureId::from_wire(u64::try_from(wire).ok()?)?;
        city.feature(id).and_then(|other| position(city, &other))
    };
    own.or_else(|| of("sensor")).or_else(|| of("host")).map(|[lon, lat, _]| [lon, lat])
}
