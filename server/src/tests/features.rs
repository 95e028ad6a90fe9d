//! Reading features: OGC API Features core.

use super::Desk;
use insta::assert_json_snapshot;

#[tokio::test]
async fn the_landing_page_leads_to_everything() {
    let desk = Desk::open().await;
    assert_json_snapshot!(desk.get("/").await.json());
    let conformance = desk.get("/conformance").await.json();
    assert!(
        conformance["conformsTo"]
            .as_array()
            .unwrap()
            .iter()
            .any(|class| class == "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")
    );
}

#[tokio::test]
async fn a_collection_says_where_it_is_and_what_it_holds() {
    let desk = Desk::open().await;
    assert_json_snapshot!(desk.get("/collections/hydrant").await.json());
    let all = desk.get("/collections").await.json();
    let ids: Vec<&str> = all["collections"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    for id in ["building", "water_pipe", "hydrant", "datastream"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    assert_eq!(desk.get("/collections/unicorn").await.refusal(), (404, "collection_unknown".into()));
}

#[tokio::test]
async fn a_schema_tells_types_units_and_references() {
    let desk = Desk::open().await;
    let schema = desk.get("/collections/water_pipe/schema").await.json();
    assert_eq!(schema["properties"]["diameter_mm"]["type"], "integer");
    assert_eq!(schema["properties"]["diameter_mm"]["x-ogc-unit"], "mm");
    assert_eq!(schema["properties"]["to_node"]["x-ogc-role"], "reference");
    assert_eq!(schema["properties"]["geometry"]["format"], "geometry-linestring-or-multilinestring");
}

#[tokio::test]
async fn a_page_of_features_is_geojson_with_exact_counts() {
    let desk = Desk::open().await;
    let answer = desk.get("/collections/hydrant/items").await;
    assert_eq!(answer.header("content-type"), "application/geo+json");
    assert_json_snapshot!(answer.json(), { ".timeStamp" => "[time]" });
}

#[tokio::test]
async fn one_feature_carries_every_digit_and_its_references_by_name() {
    let desk = Desk::open().await;
    let answer = desk.get("/collections/water_pipe/items/1").await;
    assert_json_snapshot!(answer.json());
    assert_eq!(desk.get("/collections/water_pipe/items/water_pipe.1").await.body, answer.body);
    for missing in ["9", "water_valve.1", "x", "0", "01"] {
        assert_eq!(
            desk.get(&format!("/collections/water_pipe/items/{missing}")).await.refusal(),
            (404, "feature_unknown".into()),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn pages_lead_to_each_other_until_all_has_been_seen_once() {
    let desk = Desk::open().await;
    let mut path = "/collections/water_pipe/items?limit=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = desk.get(&path).await.json();
        assert_eq!((page["numberMatched"].as_u64(), page["numberReturned"].as_u64()), (Some(2), Some(1)));
        seen.push(page["features"][0]["id"].as_str().unwrap().to_owned());
        let links = page["links"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["rel"] == "next") else { break };
        path = next["href"].as_str().unwrap().strip_prefix("http://localhost:8080").unwrap().to_owned();
    }
    seen.sort();
    assert_eq!(seen, ["water_pipe.1", "water_pipe.2"]);
}

#[tokio::test]
async fn boxes_and_attributes_narrow_a_page() {
    let desk = Desk::open().await;
    let ids = async |query: &str| -> String {
        let page = desk.get(&format!("/collections/{query}")).await.json();
        assert_eq!(page["numberMatched"], page["numberReturned"]);
        page["features"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap().to_owned() + " ").collect()
    };
    assert_eq!(ids("hydrant/items?bbox=116,30,116.001,30.001").await, "hydrant.1 ");
    assert_eq!(ids("hydrant/items?bbox=116,30,-100,116.001,30.001,100").await, "hydrant.1 ");
    // The pipe's own box meets this one, the pipe does not.
    assert_eq!(ids("water_pipe/items?bbox=116.0,30.0001,116.002,30.0004").await, "");
    assert_eq!(ids("hydrant/items?state=stopped").await, "hydrant.2 ");
    assert_eq!(ids("water_pipe/items?to_node=hydrant.1").await, "water_pipe.1 ");
    assert_eq!(ids("water_pipe/items?diameter_mm=200").await, "water_pipe.1 ");
    assert_eq!(ids("building/items?q=%E4%B8%80%E5%8F%B7").await, "building.1 ");
    assert_eq!(ids("hydrant/items?datetime=2026-01-01T00:00:00Z/..&code=H-2").await, "hydrant.2 ");
}

#[tokio::test]
async fn a_wrong_question_is_refused_by_name() {
    let desk = Desk::open().await;
    for (query, code) in [
        ("bbox=1,2,3", "bbox_invalid"),
        ("bbox=116,31,117,30", "bbox_invalid"),
        ("limit=0", "parameter_invalid"),
        ("limit=ten", "parameter_invalid"),
        ("next=zzz", "parameter_invalid"),
        ("datetime=yesterday", "parameter_invalid"),
        ("f=shapefile", "parameter_invalid"),
        ("colour=red", "parameter_unknown"),
        ("limit=1&limit=2", "parameter_invalid"),
    ] {
        assert_eq!(desk.get(&format!("/collections/hydrant/items?{query}")).await.refusal(), (400, code.into()), "{query}");
    }
    let chinese = desk.get_with("/collections/hydrant/items?colour=red", &[("accept-language", "fr")]).await;
    assert_json_snapshot!(chinese.json());
    assert_eq!(desk.get("/nothing/here").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn a_collection_is_a_table_too() {
    let desk = Desk::open().await;
    let csv = desk.get("/collections/hydrant/items?f=csv&limit=1").await;
    assert_eq!((csv.header("content-type"), csv.header("ogc-numbermatched")), ("text/csv; charset=utf-8", "2"));
    assert!(csv.header("link").contains("f=csv") && csv.header("link").ends_with("rel=\"next\""), "{}", csv.header("link"));
    let text = csv.text();
    let mut lines = text.trim_start_matches('\u{feff}').split("\r\n");
    assert!(lines.next().unwrap().starts_with("id,code,name,state,"));
    assert!(lines.next().unwrap().starts_with("hydrant.1,H-1,东街消火栓,in_use,"));
    assert!(text.contains("POINT Z (116.0005 30.0005 21.25)"), "{text}");
    let asked = desk.get_with("/collections/hydrant/items?limit=1", &[("accept", "text/csv")]).await;
    assert_eq!(asked.body, csv.body);
    assert_ne!(csv.header("etag"), desk.get("/collections/hydrant/items?limit=1").await.header("etag"));
    // A name that a spreadsheet would run is written so that it does not; numbers stay numbers.
    desk.change(
        "PATCH",
        "/collections/hydrant/items/1",
        &[],
        r#"{"properties":{"name":"=HYPERLINK(\"http://elsewhere.example\")","pressure_kpa":-1}}"#,
    )
    .await;
    let text = desk.get("/collections/hydrant/items?f=csv").await.text();
    assert!(text.contains(",\"'=HYPERLINK(\"\"http://elsewhere.example\"\")\",") && text.contains(",-1,"), "{text}");
}

#[tokio::test]
async fn made_up_data_say_so_in_every_form() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/collections/hydrant/items").await.json()["simulated"], true);
    assert_eq!(desk.get("/collections/hydrant/items/1").await.json()["simulated"], true);
    assert_eq!(desk.get("/collections/pipe_risk/items/water_pipe.1").await.json()["simulated"], true);
    let table = async |name: &str| -> Vec<String> {
        let text = desk.get(&format!("/collections/{name}/items?f=csv&limit=1")).await.text();
        text.trim_end().split("\r\n").map(|line| line.rsplit(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(table("hydrant").await, ["simulated", "true"]);
    // A sensor says by itself whether it is made up; a second column of that name would only be in the way.
    assert_eq!(table("sensor").await[0], "geometry");
    for path in ["/3dtiles/tileset.json", "/3dtiles/buildings/tileset.json"] {
        assert_eq!(desk.get(path).await.json()["asset"]["extras"]["simulated"], true, "{path}");
    }

    let real = tempfile::tempdir().unwrap();
    super::make_city(real.path());
    let toml = std::fs::read_to_string(real.path().join("city.toml")).unwrap();
    std::fs::write(real.path().join("city.toml"), toml.replace("simulated = true", "simulated = false")).unwrap();
    let desk = Desk::open_in(real, |_| {}).await;
    assert!(desk.get("/collections/hydrant/items/1").await.json().get("simulated").is_none());
    assert!(desk.get("/3dtiles/tileset.json").await.json()["asset"].get("extras").is_none());
    assert!(!desk.get("/collections/hydrant/items?f=csv").await.text().contains("simulated"));
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again_until_it_changes() {
    let desk = Desk::open().await;
    let first = desk.get("/collections/hydrant/items").await;
    let tag = first.header("etag").to_owned();
    assert!(!tag.is_empty());
    let again = desk.get_with("/collections/hydrant/items", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let done = desk.change("PATCH", "/collections/hydrant/items/1", &[], r#"{"properties":{"name":"新名"}}"#).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(desk.get_with("/collections/hydrant/items", &[("if-none-match", &tag)]).await.status, 200);
    // Another class has not changed.
    let pipes = desk.get("/collections/water_pipe/items").await.header("etag").to_owned();
    desk.change("PATCH", "/collections/hydrant/items/1", &[], r#"{"properties":{"name":"更新"}}"#).await;
    assert_eq!(desk.get_with("/collections/water_pipe/items", &[("if-none-match", &pipes)]).await.status, 304);
}

#[tokio::test]
async fn places_are_found_by_code_name_and_id() {
    let desk = Desk::open().await;
    let found = async |q: &str| -> String {
        let answer = desk.get(&format!("/locate?q={q}")).await.json();
        answer["candidates"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned() + " ").collect()
    };
    assert!(found("H-1").await.starts_with("hydrant.1 "));
    assert_eq!(found("%E4%B8%9C%E8%A1%97").await, "hydrant.1 ");
    assert!(found("building.2").await.starts_with("building.2 "));
    assert_eq!(found("nothing-like-it").await, "");
    // What kind of thing it is, in both languages; a code without its hyphen.
    for kind in ["hydrant", "Hydrants", "%E6%B6%88%E7%81%AB%E6%A0%93"] {
        assert_eq!(found(kind).await, "hydrant.1 hydrant.2 ", "{kind}");
    }
    assert_eq!(found("h1").await, "", "two letters are too few to guess by");
    assert_json_snapshot!(desk.get("/locate?q=s-1").await.json());
    assert_eq!(desk.get("/locate?q=").await.refusal(), (400, "parameter_invalid".into()));
}

#[tokio::test]
async fn the_catalogue_says_what_to_draw_and_what_the_city_is() {
    let desk = Desk::open().await;
    let catalogue = desk.get("/catalogue").await.json();
    assert_json_snapshot!(catalogue["city"]);
    let hydrant = catalogue["classes"].as_array().unwrap().iter().find(|class| class["id"] == "hydrant").unwrap();
    assert_eq!(hydrant["count"], 2);
    assert_eq!(hydrant["form"]["kind"], "post");
    // The typed form that the viewer reads is the same.
    let typed: citytwin_wire::catalogue::Catalogue = serde_json::from_value(catalogue.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), catalogue);
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let desk = Desk::open().await;
    let api = desk.get("/api").await;
    assert_eq!(api.header("content-type"), "application/vnd.oai.openapi+json;version=3.0");
    let api = api.json();
    assert_eq!(api["openapi"], "3.0.3");
    let limit = &api["paths"]["/collections/{collectionId}/items"]["get"]["parameters"][1];
    assert_eq!((limit["name"].as_str(), limit["schema"]["maximum"].as_u64()), (Some("limit"), Some(10_000)));
    assert_eq!(api["components"]["securitySchemes"]["session"]["name"], desk.app.security.cookie_name.as_str());
    let named = api["paths"]["/collections/{collectionId}"]["get"]["parameters"][0]["schema"]["enum"].as_array().unwrap();
    desk.app.overlays.results().await.unwrap();
    let served = desk.get("/collections").await.json();
    let served: Vec<_> = served["collections"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(named.iter().collect::<Vec<_>>(), served, "the computed ones too");
}
