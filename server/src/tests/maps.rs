//! Styles, overlays and computed collections.

use super::Desk;
use citytwin_catalogue::Catalogue;
use citytwin_store::{LoadInfo, Store};
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
async fn a_style_is_known_by_all_that_it_says() {
    let desk = Desk::open().await;
    let style = desk.get("/styles/citytwin").await;
    assert!(style.json()["sources"]["city"].get("bounds").is_none(), "a map asks for no tile beyond them, and the city grows");
    let tag = style.header("etag").to_owned();
    assert_eq!(desk.get_with("/styles/citytwin", &[("if-none-match", &tag)]).await.status, 304);
    // Another word in it, here the address of the tiles, is another style.
    let elsewhere = desk.get_with("/styles/citytwin", &[("if-none-match", &tag), ("host", "127.0.0.1:8080")]).await;
    assert!(elsewhere.status == 200 && elsewhere.text().contains("http://127.0.0.1:8080/xyz/"), "{}", elsewhere.status);
}

/// Maps take an attribution for HTML: what came with a file stands in it as text.
#[tokio::test]
async fn a_map_names_whom_its_data_are_to_be_credited_to() {
    let city = tempfile::tempdir().unwrap();
    super::make_city(city.path());
    let store = Store::open(city.path(), &Catalogue::builtin().classes).unwrap();
    for (source, credit) in [("osm", "© OpenStreetMap <contributors>"), ("osm/roads", "© OpenStreetMap <contributors>")] {
        let info = LoadInfo { source: source.into(), credit: Some(credit.into()), licence: Some("ODbL 1.0".into()), ..LoadInfo::default() };
        store.begin_load(info).unwrap().finish().unwrap();
    }
    drop(store);
    let desk = Desk::rest_in(city).await;
    let wanted = json!("模拟数据 simulated data | © OpenStreetMap &lt;contributors&gt; (ODbL 1.0)");
    assert_eq!(desk.get("/xyz/all.json").await.json()["attribution"], wanted);
    assert_eq!(desk.get("/styles/citytwin").await.json()["sources"]["city"]["attribution"], wanted);
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

/// Encoding a city's worth of values would hold up everybody who waits on the runtime's threads.
#[tokio::test]
async fn what_grows_with_the_city_is_put_together_on_the_pool_and_once_an_edition() {
    let desk = Desk::open().await;
    let risk = desk.get("/overlays/risk/features").await;
    let filled = desk.app.compute.fill();
    for path in ["/overlays/coverage/features", "/alarms", "/collections"] {
        assert_eq!(desk.get(path).await.refusal(), (503, "busy".into()), "{path}");
    }
    assert_eq!(desk.get("/overlays/risk/features").await.body, risk.body, "from the shelf");
    drop(filled);
    assert_eq!(desk.get("/overlays/coverage/features").await.status, 200);
}

#[tokio::test]
async fn an_unknown_overlay_is_refused() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/overlays/weather/features").await.refusal(), (404, "overlay_unknown".into()));
    assert_eq!(desk.get("/overlays/risk/features?class=unicorn").await.refusal(), (404, "collection_unknown".into()));
}

/// The tile that holds the street corner; at this zoom every class is drawn.
const CORNER: &str = "16/53885/27038.mvt";

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_vector_tile_holds_the_layers_that_were_asked_for() {
    let desk = Desk::open().await;
    let all = desk.get(&format!("/xyz/all/{CORNER}")).await;
    assert_eq!((all.status, all.header("content-type")), (200, "application/vnd.mapbox-vector-tile"));
    assert!(["building", "water_pipe", "hydrant", "P-1", "B-1"].iter().all(|text| holds(&all.body, text)));
    assert!(!holds(&all.body, "pipe_risk"), "computed layers are asked for by name");
    let one = desk.get(&format!("/xyz/water_pipe/{CORNER}")).await;
    assert!(holds(&one.body, "water_pipe") && !holds(&one.body, "building"));
    let computed = desk.get(&format!("/xyz/pipe_risk,hydrant_coverage,building_coverage/{CORNER}")).await;
    assert!(
        ["pipe_risk", "hydrant_coverage", "building_coverage", "water_pipe.1", "covered"].iter().all(|text| holds(&computed.body, text))
    );
    assert_eq!(desk.get("/xyz/all/14/0/0.mvt").await.status, 204);
    let either = desk.get(&format!("/xyz/hydrant,building,pipe_risk/{CORNER}")).await;
    assert_eq!(
        desk.get(&format!("/xyz/pipe_risk,building,hydrant/{CORNER}")).await.body,
        either.body,
        "the order of names does not matter"
    );
    for (path, refusal) in [
        ("/xyz/unicorn/14/13471/6759.mvt", (404, "layer_unknown")),
        ("/xyz/datastream/14/13471/6759.mvt", (404, "layer_unknown")),
        ("/xyz/hydrant,water_pipe,hydrant/14/13471/6759.mvt", (400, "layer_twice")),
        ("/xyz/pipe_risk,pipe_risk/14/13471/6759.mvt", (400, "layer_twice")),
        ("/xyz/hydrant,hydrant.json", (400, "layer_twice")),
        ("/xyz/all/14/99999/0.mvt", (400, "tile_outside")),
        ("/xyz/all/14/13471/6759.png", (400, "tile_outside")),
        ("/xyz/all/14/13471/6759.mvt?x=1", (400, "parameter_unknown")),
        ("/xyz/all", (404, "not_found")),
    ] {
        assert_eq!(desk.get(path).await.refusal(), (refusal.0, refusal.1.into()), "{path}");
    }
}

#[tokio::test]
async fn only_tiles_that_an_edit_touched_are_sent_again() {
    let desk = Desk::open().await;
    let path = format!("/xyz/all/{CORNER}");
    let other = "/xyz/all/16/53893/27030.mvt";
    let tags = [desk.get(&path).await.header("etag").to_owned(), desk.get(other).await.header("etag").to_owned()];
    desk.change("PATCH", "/collections/hydrant/items/1", &[], r#"{"properties":{"code":"H-1-NEW"}}"#).await;
    let now = desk.get_with(&path, &[("if-none-match", &tags[0])]).await;
    assert!(now.status == 200 && holds(&now.body, "H-1-NEW"));
    assert_eq!(desk.get_with(other, &[("if-none-match", &tags[1])]).await.status, 304);
}

#[tokio::test]
async fn tilejson_tells_layers_and_their_fields() {
    let desk = Desk::open().await;
    assert_json_snapshot!(desk.get("/xyz/water_pipe,building_coverage.json").await.json());
}

#[tokio::test]
async fn the_tileset_leads_to_every_leaf_and_its_overlay_bytes() {
    let desk = Desk::open().await;
    let tileset = desk.get("/3dtiles/tileset.json").await;
    assert_eq!((tileset.status, &tileset.json()["asset"]["version"]), (200, &json!("1.1")));
    let groups: Vec<String> = tileset.json()["root"]["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["extras"]["group"].as_str().unwrap().to_owned())
        .collect();
    assert!(["buildings", "furniture", "net_water"].iter().all(|group| groups.iter().any(|g| g == group)), "{groups:?}");
    assert_eq!(desk.get("/3dtiles/buildings/tileset.json").await.status, 200);
    let subtree = desk.get("/3dtiles/buildings/0/0/0.subtree").await;
    assert!(subtree.status == 200 && subtree.body.starts_with(b"subt"));
    // The origin's own leaf, to its north-east.
    let leaf = "/3dtiles/buildings/8/128/128";
    let glb = desk.get(&format!("{leaf}.glb")).await;
    assert_eq!((glb.status, glb.header("content-type")), (200, "model/gltf-binary"));
    let decoded = citytwin_tiles::glb::decode(&glb.body).unwrap();
    let ids: Vec<u64> = decoded.features.iter().map(|feature| feature.id().wire()).collect();
    assert_eq!(ids, [(1 << 32) + 1]);
    assert_eq!(desk.get(&format!("{leaf}.values?overlay=coverage")).await.body, [254]);
    assert_eq!(desk.get(&format!("{leaf}.values?overlay=risk")).await.body, [255], "a building has no pipe risk: no data");
    let again = desk.get_with(&format!("{leaf}.glb"), &[("if-none-match", glb.header("etag"))]).await;
    assert_eq!(again.status, 304);
    for (path, refusal) in [
        ("/3dtiles/castles/tileset.json", (404, "layer_unknown")),
        ("/3dtiles/buildings/8/0/0.glb", (404, "not_found")),
        ("/3dtiles/buildings/9/0/0.glb", (400, "tile_outside")),
        ("/3dtiles/buildings/8/256/0.glb", (400, "tile_outside")),
        ("/3dtiles/buildings/8/128/128.obj", (400, "tile_outside")),
        ("/3dtiles/buildings/8/128/128.values", (404, "overlay_unknown")),
    ] {
        assert_eq!(desk.get(path).await.refusal(), (refusal.0, refusal.1.into()), "{path}");
    }
}

#[tokio::test]
async fn the_scene_follows_an_edit() {
    let desk = Desk::open().await;
    let before = desk.get("/3dtiles/tileset.json").await;
    // A building where nothing was: two kilometres to the west.
    let body = r#"{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[115.98,30],[115.9802,30],[115.9802,30.0002],[115.98,30.0002],[115.98,30]]]},"properties":{"height_m":12}}"#;
    assert_eq!(desk.change("POST", "/collections/building/items", &[], body).await.status, 201);
    let now = desk.get_with("/3dtiles/tileset.json", &[("if-none-match", before.header("etag"))]).await;
    assert_eq!(now.status, 200, "who heard of the edit sees it");
    let column = ((32_768.0 - 1930.0) / 256.0) as u32;
    assert_eq!(desk.get(&format!("/3dtiles/buildings/8/{column}/128.glb")).await.status, 200);
}

/// The viewer asks for a subtree once, directly after it was told: that answer has to name the new leaf.
#[tokio::test]
async fn the_first_answer_after_an_edit_shows_the_new_leaf() {
    let desk = Desk::open().await;
    let levels = desk.get("/3dtiles/buildings/tileset.json").await.json()["root"]["implicitTiling"]["subtreeLevels"].as_u64().unwrap();
    assert_eq!(levels, 5, "subtrees begin at levels 0 and 5");
    for i in 0..8u32 {
        // Half a leaf further west each time, so that some leaves are new and some are not.
        let west = 115.99 - 0.0014 * f64::from(i);
        let east = west + 0.0002;
        let ring = format!("[[{west},30],[{east},30],[{east},30.0002],[{west},30.0002],[{west},30]]");
        let body = format!(r#"{{"type":"Feature","geometry":{{"type":"Polygon","coordinates":[{ring}]}},"properties":{{"height_m":12}}}}"#);
        assert_eq!(desk.change("POST", "/collections/building/items", &[], &body).await.status, 201);
        let east_m = (west + 0.0001 - 116.0) * 96_486.0;
        let column = ((32_768.0 + east_m) / 256.0) as u32;
        let answer = desk.get(&format!("/3dtiles/buildings/5/{}/16.subtree", column / 8)).await;
        assert_eq!(answer.status, 200, "building {i} in column {column}");
        let shown = citytwin_tiles::subtree::Subtree::decode(&answer.body, 5).unwrap();
        assert!(shown.has_content(3, column % 8, 0), "building {i} in column {column}");
    }
}
