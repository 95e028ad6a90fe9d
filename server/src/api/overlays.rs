//! `/overlays`: what colours features, its legend, and one byte per feature.

use super::params::Params;
use super::reply::{Etag, JSON, bytes, json};
use crate::app::App;
use crate::overlays::{COVERAGE, RISK, Results};
use crate::problem::{ApiError, ApiResult, Kind};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_model::{City, ClassNo};
use citytwin_wire::Label;
use citytwin_wire::overlay::{LegendEntry, NO_DATA, Overlay, OverlayValues};

/// On the shelf: overlay, class (all of them where absent), edition.
pub type ValuesKey = (String, Option<String>, String);

/// The overlays and their legends.
pub async fn list(State(app): State<App>, params: Params) -> ApiResult<Response> {
    params.done()?;
    let results = app.overlays.newest();
    let overlay = |id: &str, zh: &str, en: &str, legend: Vec<LegendEntry>| Overlay {
        id: id.to_owned(),
        label: label(zh, en),
        classes: results.as_ref().and_then(|results| results.overlay(id)).map(|overlay| overlay.classes.clone()).unwrap_or_default(),
        legend,
        revision: results.as_ref().map(|results| results.revision),
        simulated: app.store.config().simulated,
    };
    json(&[
        overlay(RISK, "管道风险", "pipe risk", risk_legend()),
        overlay(COVERAGE, "消火栓覆盖（150 米）", "hydrant coverage (150 m)", coverage_legend()),
    ])
}

/// Wire number and byte of every feature that an overlay colours.
pub async fn features(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    let class = params.take("class").filter(|class| !class.is_empty());
    params.done()?;
    if id != RISK && id != COVERAGE {
        return Err(ApiError::new(Kind::OverlayUnknown).with("overlay", id));
    }
    let view = app.view();
    let no = match &class {
        None => None,
        Some(class) => {
            Some(view.city.class_by_id(class).ok_or_else(|| ApiError::new(Kind::CollectionUnknown).with("collection", class))?.no)
        }
    };
    let results = app.overlays.results().await?;
    let edition = results.edition();
    let tag = Etag::new(&app.city_tag, format_args!("overlay-{id}-{edition}"));
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    let key = (id, class, edition);
    let encoded = match app.overlay_values.get(&key) {
        Some(encoded) => encoded,
        None => {
            // Every pipe of a city: too much for the threads on which everybody waits.
            let id = key.0.clone();
            let encoded = app.compute.run(move || encode(&results, &id, no)).await??;
            app.overlay_values.put(key, encoded.clone());
            encoded
        }
    };
    Ok(tag.on(bytes(JSON, encoded)))
}

fn encode(results: &Results, id: &str, class: Option<ClassNo>) -> ApiResult<Bytes> {
    let overlay = results.overlay(id).ok_or(Kind::NotReady)?;
    let wanted = overlay.bytes.iter().filter(|(id, _)| class.is_none_or(|class| id.class == class));
    let mut values: Vec<(u64, u8)> = wanted.map(|(id, byte)| (id.wire(), *byte)).collect();
    values.sort_unstable();
    let body = serde_json::to_vec(&OverlayValues { revision: results.revision, values }).map_err(ApiError::internal)?;
    Ok(body.into())
}

/// Grades as in the risk register (重大 · 较大 · 一般 · 低); the borders are those of the rules' byte scale.
fn risk_legend() -> Vec<LegendEntry> {
    vec![
        entry(0, 63, "#1e88e5", "低风险（年概率 < 1 %）", "low (below 1 % a year)"),
        entry(64, 127, "#fdd835", "一般风险（1 % – 5 %）", "general (1 % to 5 %)"),
        entry(128, 191, "#fb8c00", "较大风险（5 % – 20 %）", "larger (5 % to 20 %)"),
        entry(192, 254, "#d32f2f", "重大风险（≥ 20 %）", "major (20 % and more)"),
        no_data(),
    ]
}

fn coverage_legend() -> Vec<LegendEntry> {
    vec![
        entry(0, 127, "#d32f2f", "未覆盖（150 米内无消火栓）", "not covered (no hydrant within 150 m)"),
        entry(128, 254, "#2e7d5b", "已覆盖", "covered"),
        no_data(),
    ]
}

fn no_data() -> LegendEntry {
    entry(NO_DATA, NO_DATA, "#9e9e9e", "暂无数据", "no data")
}

fn entry(byte_from: u8, byte_to: u8, colour: &str, zh: &str, en: &str) -> LegendEntry {
    LegendEntry { byte_from, byte_to, colour: colour.to_owned(), label: label(zh, en) }
}

fn label(zh: &str, en: &str) -> Label {
    Label { zh: zh.to_owned(), en: en.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_analysis::coverage::CoverageRules;
    use citytwin_analysis::risk::RiskRules;

    #[test]
    fn legends_say_every_byte_once() {
        for legend in [risk_legend(), coverage_legend()] {
            let mut next = 0u16;
            for entry in &legend {
                assert_eq!(u16::from(entry.byte_from), next, "{entry:?}");
                next = u16::from(entry.byte_to) + 1;
            }
            assert_eq!(next, 256);
        }
    }

    #[test]
    fn legends_say_what_the_rules_do() {
        let rules = RiskRules::default();
        let legend = risk_legend();
        for (probability, step) in [(0.0, 0), (0.0099, 0), (0.01, 1), (0.049, 1), (0.05, 2), (0.19, 2), (0.2, 3), (1.0, 3)] {
            let byte = rules.scale(probability);
            assert!((legend[step].byte_from..=legend[step].byte_to).contains(&byte), "{probability} is byte {byte}");
        }
        assert_eq!(CoverageRules::default().radius_m, 150.0);
    }
}
