//! Creating, replacing, patching and deleting features.

use super::Desk;
use insta::assert_json_snapshot;
use serde_json::json;

const NEW_HYDRANT: &str = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[116.001,30.002,20.5]},"properties":{"code":"H-3","pressure_kpa":300,"pipe":"water_pipe.2"}}"#;

#[tokio::test]
async fn what_was_created_is_there_for_the_next_request() {
    let desk = Desk::open().await;
    let made = desk.change("POST", "/collections/hydrant/items", &[], NEW_HYDRANT).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("location"), "http://localhost:8080/collections/hydrant/items/hydrant.3");
    assert_json_snapshot!(made.json());
    let read = desk.get("/collections/hydrant/items/hydrant.3").await;
    assert_eq!((read.body, read.headers.get("etag")), (made.body, made.headers.get("etag")));
    assert_eq!(desk.get("/collections/hydrant/items").await.json()["numberMatched"], 3);
}

#[tokio::test]
async fn a_change_names_the_revision_it_changes_or_goes_unconditionally() {
    let desk = Desk::open().await;
    let path = "/collections/hydrant/items/1";
    let tag = desk.get(path).await.header("etag").to_owned();
    let done = desk.change("PATCH", path, &[("if-match", &tag)], r#"{"properties":{"pressure_kpa":290.25}}"#).await;
    assert_eq!((done.status, &done.json()["properties"]["pressure_kpa"]), (200, &json!(290.25)));
    // The rest was left as it was.
    assert_eq!(done.json()["properties"]["name"], "东街消火栓");
    let stale = desk.change("PATCH", path, &[("if-match", &tag)], r#"{"properties":{"pressure_kpa":1}}"#).await;
    assert_eq!(stale.refusal(), (412, "revision_changed".into()));
    let foreign = desk.change("PATCH", path, &[("if-match", "\"something else\"")], r#"{"properties":{"pressure_kpa":1}}"#).await;
    assert_eq!(foreign.refusal(), (412, "revision_changed".into()));
    assert_eq!(
        desk.change("PATCH", path, &[], r#"{"properties":{"pressure_kpa":null}}"#).await.json()["properties"]["pressure_kpa"],
        json!(null)
    );
}

#[tokio::test]
async fn of_several_tags_one_has_to_be_right() {
    let desk = Desk::open().await;
    let path = "/collections/hydrant/items/1";
    let old = desk.get(path).await.header("etag").to_owned();
    let body = r#"{"properties":{"pressure_kpa":290.25}}"#;
    let done = desk.change("PATCH", path, &[("if-match", &format!("\"of another\", {old}"))], body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let refused = desk.change("PATCH", path, &[("if-match", &format!("{old}, \"of another\""))], body).await;
    assert_eq!(refused.refusal(), (412, "revision_changed".into()));
    assert_eq!(desk.change("DELETE", path, &[("if-match", &format!("{old}, {}", done.header("etag")))], "").await.status, 204);
}

#[tokio::test]
async fn a_city_may_insist_on_conditions() {
    let city = tempfile::tempdir().unwrap();
    super::make_city(city.path());
    let toml = std::fs::read_to_string(city.path().join("city.toml")).unwrap();
    std::fs::write(city.path().join("city.toml"), toml.replace("require_if_match = false", "require_if_match = true")).unwrap();
    let desk = Desk::open_in(city, |_| {}).await;
    let path = "/collections/hydrant/items/1";
    assert_eq!(desk.change("DELETE", path, &[], "").await.refusal(), (428, "condition_required".into()));
    let tag = desk.get(path).await.header("etag").to_owned();
    assert_eq!(desk.change("DELETE", path, &[("if-match", &tag)], "").await.status, 204);
}

#[tokio::test]
async fn a_replacement_empties_what_it_does_not_send_and_keeps_stored_digits() {
    let desk = Desk::open().await;
    let path = "/collections/hydrant/items/1";
    let body =
        r#"{"type":"Feature","id":"hydrant.1","geometry":{"type":"Point","coordinates":[116.0005,30.0005]},"properties":{"code":"H-1"}}"#;
    let done = desk.change("PUT", path, &[], body).await.json();
    assert_eq!(done["properties"]["name"], json!(null));
    // QGIS had no height to send; the stored one is kept with its vertex.
    assert_eq!(done["geometry"]["coordinates"], json!([116.0005, 30.0005, 21.25]));
}

#[tokio::test]
async fn what_was_deleted_is_gone_but_its_history_stays() {
    let desk = Desk::open().await;
    assert_eq!(desk.change("DELETE", "/collections/hydrant/items/2", &[], "").await.status, 204);
    assert_eq!(desk.get("/collections/hydrant/items/2").await.refusal(), (404, "feature_unknown".into()));
    assert_eq!(desk.change("DELETE", "/collections/hydrant/items/2", &[], "").await.refusal(), (404, "feature_unknown".into()));
    let history = desk.get("/collections/hydrant/items/2/history").await.json();
    let versions = history["versions"].as_array().unwrap();
    assert_eq!((versions.len(), &versions[0]["deleted"], &versions[1]["feature"]["properties"]["code"]), (2, &json!(true), &json!("H-2")));
    assert_eq!(versions[0]["source"], "api");
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_with_its_reason() {
    let desk = Desk::open().await;
    let geometry = |g: &str| format!(r#"{{"type":"Feature","geometry":{g},"properties":{{}}}}"#);
    let property = |p: &str| format!(r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[116,30]}},"properties":{p}}}"#);
    for (body, code) in [
        ("{oops".to_owned(), "body_invalid"),
        ("[]".to_owned(), "body_invalid"),
        (r#"{"type":"FeatureCollection","features":[]}"#.to_owned(), "body_invalid"),
        (geometry("null"), "geometry_invalid"),
        (geometry(r#"{"type":"Point","coordinates":[30,116]}"#), "geometry_invalid"),
        (geometry(r#"{"type":"Point","coordinates":["a","b"]}"#), "geometry_invalid"),
        (geometry(r#"{"type":"LineString","coordinates":[[1,2],[3,4]]}"#), "geometry_kind_wrong"),
        (property(r#"{"colour":"red"}"#), "property_unknown"),
        (property(r#"{"pressure_kpa":"high"}"#), "property_invalid"),
        (property(r#"{"built_year":1990.5}"#), "property_invalid"),
        (property(r#"{"pipe":"water_pipe.99"}"#), "reference_unknown"),
        (property(r#"{"pipe":"hydrant.1"}"#), "reference_unknown"),
        (property(r#"{"pipe":true}"#), "reference_unknown"),
        (property(r#"[1]"#), "body_invalid"),
    ] {
        let refused = desk.change("POST", "/collections/hydrant/items", &[], &body).await;
        assert_eq!(refused.refusal(), (400, code.into()), "{body}");
    }
    let several = r#"{"type":"Feature","geometry":{"type":"MultiLineString","coordinates":[[[116,30],[116.1,30]],[[116.2,30],[116.3,30]]]},"properties":{}}"#;
    let refused = desk.change("POST", "/collections/water_pipe/items", &[], several).await;
    assert_eq!(refused.refusal(), (400, "geometry_invalid".into()));
    assert!(refused.json()["detail"].as_str().unwrap().contains("split"), "{}", refused.text());
    assert_eq!(desk.get("/collections/hydrant/items").await.json()["numberMatched"], 2);
}

#[tokio::test]
async fn what_is_computed_cannot_be_edited() {
    let desk = Desk::open().await;
    assert_eq!(desk.change("POST", "/collections/pipe_risk/items", &[], NEW_HYDRANT).await.refusal(), (405, "collection_computed".into()));
    assert_eq!(
        desk.change("DELETE", "/collections/pipe_risk/items/water_pipe.1", &[], "").await.refusal(),
        (405, "collection_computed".into())
    );
}

#[tokio::test]
async fn options_names_what_is_allowed() {
    let desk = Desk::open().await;
    let allow =
        async |path: &str| desk.send(super::request("OPTIONS", path, &[], axum::body::Body::empty())).await.header("allow").to_owned();
    assert_eq!(allow("/collections/hydrant/items").await, "GET, HEAD, POST, OPTIONS");
    assert!(allow("/collections/hydrant/items/1").await.contains("PATCH"));
    assert_eq!(allow("/collections/pipe_risk/items").await, "GET, HEAD, OPTIONS");
}

#[tokio::test]
async fn an_edit_from_outside_is_served_too() {
    let desk = Desk::open().await;
    // Another program on the same file, as QGIS would be: a second open store stands for it.
    let dir = desk.path().to_owned();
    let before = desk.app.view().revision();
    tokio::task::spawn_blocking(move || {
        let other = citytwin_store::Store::open(&dir, &citytwin_catalogue::Catalogue::builtin().classes).unwrap();
        other
            .write(
                "desk",
                "outside",
                &[super::create("hydrant", Some(super::point(citytwin_model::Position::new(116.003, 30.003, 1.0))), &[])],
            )
            .unwrap();
    })
    .await
    .unwrap();
    let mut served = desk.app.served.subscribe();
    tokio::time::timeout(std::time::Duration::from_secs(2), served.wait_for(|served| *served > before))
        .await
        .expect("served within 2 s")
        .unwrap();
    assert_eq!(desk.get("/collections/hydrant/items").await.json()["numberMatched"], 3);
}
