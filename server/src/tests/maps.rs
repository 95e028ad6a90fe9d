//! Styles, overlays and computed collections.

use super::Desk;
use insta::assert_json_snapshot;
use serde_json::{Value as Json, json};

#[tokio::test]
async fn the_style_asks_nobody_else() {
    let desk = Desk::open().await;
    let style = desk.get("/styles/citytwin").await;
    assert!(style.status == 200 && style.header("etag").starts_with("W/"));
    let text = style.text();
    for (at, _) in text.match_indices("://") {
        assert!(text[..at].ends_with("http") && text[at..].starts_with("://localhost:8080/"), "{}", &text[at.saturating_sub(20)..at + 40]);
    }
    let style = style.json();
    assert!(style.get("glyphs").is_none() && style.get("sprite").is_none());
    let layer = |id: &str| style["layers"].as_array().unwrap().iter().find(|layer| layer["id"] == id).cloned().unwrap_or(Json::Null);
    assert_json_snapshot!("style_building", layer("building"));
    assert_json_snapshot!("style_water_pipe", layer("water_pipe"));
    assert_eq!(desk.get("/styles/other").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn pipe_risk_is_a_collection_with_no_invented_figures() {
    let desk = Desk::open().await;
    let page = desk.get("/collections/pipe_risk/items").await.json();
    assert_eq!(page["numberMatched"], 2);
    let of = |id: &str| page["features"].as_array().unwrap().iter().find(|feature| feature["id"] == id).unwrap()["properties"].clone();
    let known = of("water_pipe.1");
    assert!(known["probability"].as_f64().unwrap() > 0.0 && known["missing"].is_null(), "{known}");
    let unknown = of("water_pipe.2");
    assert_eq!((&unknown["probability"], &unknown["grade"]), (&Json::Null, &Json::Null));
    assert!(unknown["missing"].as_str().unwrap().contains("material"), "{unknown}");
    // One item by the id of the pipe it speaks of.
    let item = desk.get("/collections/pipe_risk/items/water_pipe.1").await.json();
    assert_eq!((&item["id"], &item["properties"]), (&json!("water_pipe.1"), &known));
    assert_eq!(desk.get("/collections/pipe_risk/items/hydrant.1").await.refusal(), (404, "feature_unknown".into()));
}

#[tokio::test]
async fn coverage_tells_area_and_buildings() {
    let desk = Desk::open().await;
    let area = desk.get("/collections/hydrant_coverage/items").await.json();
    assert_eq!(area["features"][0]["properties"]["hydrants"], 1, "the stopped one does not count");
    let buildings = desk.get("/collections/building_coverage/items").await.json();
    let covered: Vec<(String, bool)> = buildings["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["id"].as_str().unwrap().to_owned(), f["properties"]["covered"].as_bool().unwrap()))
        .collect();
    assert!(covered.contains(&("building.1".into(), true)) && covered.contains(&("building.2".into(), false)), "{covered:?}");
}

#[tokio::test]
async fn overlays_are_bytes_by_wire_number_and_follow_edits() {
    let desk = Desk::open().await;
    desk.get("/collections/pipe_risk").await;
    assert_json_snapshot!(desk.get("/overlays").await.json(), { "[].revision" => "[revision]" });
    let values = async |path: &str| -> Vec<(u64, u8)> { serde_json::from_value(desk.get(path).await.json()["values"].clone()).unwrap() };
    let wire = |class: u64, fid: u64| (class << 32) + fid;
    let risk = values("/overlays/risk/features?class=water_pipe").await;
    assert!(risk[0].0 == wire(40, 1) && risk[0].1 < 255, "{risk:?}");
    assert_eq!(risk[1], (wire(40, 2), 255), "no data is no data");
    assert_eq!(values("/overlays/coverage/features").await, [(wire(1, 1), 254), (wire(1, 2), 0)]);
    // The stopped hydrant goes into use: still far from the second building, so move it there.
    let body = r#"{"properties":{"state":"in_use"},"geometry":{"type":"Point","coordinates":[116.0051,30.0052,22]}}"#;
    assert_eq!(desk.change("PATCH", "/collections/hydrant/items/2", &[], body).await.status, 200);
    for _ in 0..60 {
        if values("/overlays/coverage/features").await[1].1 == 254 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("coverage did not follow the edit");
}

#[tokio::test]
async fn an_unknown_overlay_is_refused() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/overlays/weather/features").await.refusal(), (404, "overlay_unknown".into()));
    assert_eq!(desk.get("/overlays/risk/features?class=unicorn").await.refusal(), (404, "collection_unknown".into()));
}
