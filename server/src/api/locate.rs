//! `/locate?q=`: one box for what people type: a code (with or without its hyphens), a name, an id, or what kind of thing it is.

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
        let of_class = names_class(class, &wanted).then_some(5);
        let places = [class.attribute_index("code"), class.attribute_index("name")];
        for feature in city.all(class.no) {
            let texts = places.into_iter().flatten().filter_map(|place| feature.attributes.get(place).and_then(Value::as_text));
            let rank = texts.filter_map(|text| rank(text, &wanted)).min().or(of_class);
            let Some(rank) = rank else { continue };
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
    } else if same_but_signs(&text, wanted) {
        Some(4)
    } else {
        None
    }
}

/// `xhs0187` means `XHS-0187`: signs between letters and digits are left out by who types fast.
fn same_but_signs(text: &str, wanted: &str) -> bool {
    const FEWEST: usize = 3;
    let mut letters = text.chars().filter(|c| c.is_alphanumeric());
    let mut typed = wanted.chars().filter(|c| c.is_alphanumeric());
    let mut same = 0;
    loop {
        match (typed.next(), letters.next()) {
            (None, _) => return same >= FEWEST,
            (Some(a), Some(b)) if a == b => same += 1,
            _ => return false,
        }
    }
}

/// Is it a kind of thing that was typed, "消火栓" or "hydrants"?
fn names_class(class: &Class, wanted: &str) -> bool {
    let (zh, en) = (class.label.zh.to_lowercase(), class.label.en.to_lowercase());
    wanted == class.id || wanted == zh || wanted == en || wanted.strip_suffix('s') == Some(en.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_without_its_signs() {
        for typed in ["xhs0187", "xhs-0187", "xhs 0187", "xhs01"] {
            assert!(rank("XHS-0187", typed).is_some(), "{typed}");
        }
        for typed in ["xhs0188", "xhs01870", "0187xhs", "x-h", "---"] {
            assert!(rank("XHS-0187", typed).is_none_or(|rank| rank == 3), "{typed}");
        }
        assert_eq!(rank("XHS-0187", "---"), None);
        assert!(rank("XHS-0187", "xhs-01") < rank("XHS-0187", "xhs01"), "as it is written comes first");
    }
}
