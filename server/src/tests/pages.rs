//! Pages, the viewer's folder, and what operators look at.

use super::Desk;

const PAGE: [(&str, &str); 1] = [("accept", "text/html,application/xhtml+xml")];

async fn desk_with_viewer(files: &[(&str, &[u8])]) -> Desk {
    let city = tempfile::tempdir().unwrap();
    super::make_city(city.path());
    let viewer = city.path().join("viewer");
    std::fs::create_dir(&viewer).unwrap();
    for (name, content) in files {
        std::fs::write(viewer.join(name), content).unwrap();
    }
    Desk::open_in(city, |config| config.viewer_dir = viewer).await
}

#[tokio::test]
async fn a_browser_gets_a_page_and_a_program_json() {
    let desk = Desk::open().await;
    let page = desk.get_with("/", &PAGE).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(desk.get_with("/?f=json", &PAGE).await.header("content-type"), "application/json");
    assert_eq!(desk.get("/?f=html").await.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(desk.get("/?f=xml").await.refusal(), (400, "parameter_invalid".into()));
    assert_eq!(desk.get("/console/nothing.js").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn the_viewer_is_absent_then_building_then_there() {
    let desk = desk_with_viewer(&[]).await;
    let dir = desk.path().join("viewer");
    let absent = desk.get_with("/viewer/", &PAGE).await;
    assert_eq!((absent.status, absent.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(absent.text().contains("make web"), "{}", absent.text());
    assert_eq!(desk.get("/viewer").await.header("location"), "/viewer/");
    std::fs::write(dir.join("viewer-build.json"), r#"{"state":"building","done":3,"total":400,"text":""}"#).unwrap();
    let building = desk.get_with("/viewer/", &PAGE).await;
    assert!(building.status == 200 && building.text().contains("/pages/viewer-progress.js"), "{}", building.text());
    assert_eq!(desk.get("/viewer/viewer-build.json").await.json()["done"], 3);
    assert_eq!(desk.get("/pages/viewer-progress.js").await.header("content-type"), "text/javascript; charset=utf-8");
    std::fs::write(dir.join("index.html"), "<p>viewer</p>").unwrap();
    assert!(!desk.get_with("/viewer/", &PAGE).await.text().contains("<p>viewer</p>"), "an old page of a build that runs anew");
    std::fs::write(dir.join("viewer-build.json"), r#"{"state":"ready","done":400,"total":400,"text":""}"#).unwrap();
    assert_eq!(desk.get_with("/viewer/", &PAGE).await.text(), "<p>viewer</p>");
}

#[tokio::test]
async fn packed_twins_are_handed_out_as_they_are() {
    let desk = desk_with_viewer(&[("v.wasm", b"whole"), ("v.wasm.br", b"packed"), ("index.html", b"x")]).await;
    let whole = desk.get("/viewer/v.wasm").await;
    assert_eq!(
        (whole.body.as_slice(), whole.header("content-type"), whole.header("content-encoding")),
        (&b"whole"[..], "application/wasm", "")
    );
    let packed = desk.get_with("/viewer/v.wasm", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(
        (packed.body.as_slice(), packed.header("content-type"), packed.header("content-encoding")),
        (&b"packed"[..], "application/wasm", "br")
    );
    let again = desk.get_with("/viewer/v.wasm", &[("accept-encoding", "br"), ("if-none-match", packed.header("etag"))]).await;
    assert_eq!(again.status, 304);
}

#[tokio::test]
async fn no_path_leaves_the_viewers_folder() {
    let desk = desk_with_viewer(&[("index.html", b"x")]).await;
    for path in [
        "/viewer/../admin.key",
        "/viewer/%2e%2e/admin.key",
        "/viewer/..%2fadmin.key",
        "/viewer//etc/passwd",
        "/viewer/.hidden",
        "/viewer/none.js",
    ] {
        assert_eq!(desk.get(path).await.refusal().0, 404, "{path}");
    }
}

#[tokio::test]
async fn answers_are_packed_where_that_is_worth_it() {
    let desk = Desk::open().await;
    let packed = desk.get_with("/api", &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));
    assert_eq!(desk.get_with("/health", &[("accept-encoding", "gzip")]).await.header("content-encoding"), "");
}

#[tokio::test]
async fn what_is_behind_its_store_is_not_ready_and_says_why() {
    let city = tempfile::tempdir().unwrap();
    super::make_city(city.path());
    // Nobody follows the store here.
    let desk = Desk::rest_in(city).await;
    let hydrant = |lon: f64| super::create("hydrant", Some(super::point(citytwin_model::Position::new(lon, 30.003, 1.0))), &[]);
    for lon in [116.003, 116.004] {
        desk.app.store.write("desk", "test", &[hydrant(lon)]).unwrap();
    }
    let behind = desk.get("/ready").await;
    assert_eq!(behind.refusal(), (503, "not_ready".into()));
    let said = behind.json();
    assert_eq!(
        (said["type"].as_str(), said["status"].as_u64(), said["ready"].as_bool()),
        (Some("/problems/not_ready"), Some(503), Some(false))
    );
    assert!(!said["title"].as_str().unwrap().is_empty() && !said["detail"].as_str().unwrap().is_empty());
    assert_eq!(said["head"].as_u64().unwrap(), said["revision"].as_u64().unwrap() + 2);
    assert_eq!((behind.header("retry-after"), behind.header("content-language")), ("1", "en"));
}

#[tokio::test]
async fn the_operator_sees_that_it_lives_serves_and_counts() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/health").await.json()["status"], "ok");
    let ready = desk.get("/ready").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)));
    desk.get("/collections/unicorn").await;
    let metrics = desk.get("/metrics").await.text();
    assert!(metrics.contains("citytwin_http_requests_total{route=\"/collections/{collection}\",status=\"404\"} 1"), "{metrics}");
    assert!(metrics.contains("citytwin_problems_total{code=\"collection_unknown\"} 1"), "{metrics}");
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn the_catalogue_is_json_for_programs_and_a_page_for_people() {
    let desk = Desk::open().await;
    let json = desk.get("/catalogue").await;
    assert_eq!((json.status, json.header("content-type"), json.header("vary")), (200, "application/json", "accept, accept-language"));
    assert_eq!(desk.get_with("/catalogue?f=json", &PAGE).await.header("content-type"), "application/json");
    assert_eq!(desk.get("/catalogue?f=xml").await.refusal(), (400, "parameter_invalid".into()));

    let page = desk.get_with("/catalogue", &[PAGE[0], ("accept-language", "zh")]).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"), "{}", page.header("content-security-policy"));
    let english = desk.get_with("/catalogue?f=html", &[("accept-language", "en")]).await;
    assert!(page.text().contains("lang=\"zh-CN\"") && english.text().contains("lang=\"en\""));
    assert_ne!(page.header("etag"), english.header("etag"), "each language is a page of its own");
    assert_eq!(
        desk.get_with("/catalogue", &[PAGE[0], ("accept-language", "zh"), ("if-none-match", page.header("etag"))]).await.status,
        304
    );
    // With an icon named, no browser asks for /favicon.ico.
    assert!(page.text().contains("rel=\"icon\" href=\"/console/icon.svg\""));
    for path in ["/pages/catalogue.css", "/pages/catalogue.js"] {
        assert_eq!(desk.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_catalogues_page_shows_what_the_json_says() {
    let desk = Desk::open().await;
    let json = desk.get("/catalogue").await.json();
    let text = desk.get("/catalogue?f=html").await.text();
    let classes = json["classes"].as_array().unwrap();
    assert!(classes.len() > 100, "{}", classes.len());
    for class in classes {
        let id = class["id"].as_str().unwrap();
        let from = text.find(&format!("<details id=\"{id}\">")).unwrap_or_else(|| panic!("{id} is not on the page"));
        let shown = &text[from..from + text[from..].find("</details>").unwrap()];
        for name in ["zh", "en"] {
            assert!(shown.contains(&crate::api::pages::escape(class["label"][name].as_str().unwrap())), "{id}: {name}");
        }
        assert!(shown.contains(class["symbol"]["colour"].as_str().unwrap()), "{id}: its colour");
        for attribute in class["attributes"].as_array().unwrap() {
            assert!(shown.contains(&format!("<code>{}</code>", attribute["id"].as_str().unwrap())), "{id}: {attribute}");
            assert!(attribute["unit"].as_str().is_none_or(|unit| shown.contains(unit)), "{id}: {attribute}");
            for code in attribute["codes"].as_array().into_iter().flatten() {
                assert!(shown.contains(&crate::api::pages::escape(code["label"]["zh"].as_str().unwrap())), "{id}: {code}");
            }
        }
        // Only the city's own classes lead to features.
        assert_eq!(shown.contains(&format!("/collections/{id}/items")), class["kept"] == "city", "{id}");
    }
    for property in json["properties"].as_array().unwrap() {
        assert!(text.contains(&format!("id=\"property-{}\"", property["id"].as_str().unwrap())), "{property}");
    }
    // It asks nobody else for anything, and runs nothing that stands in it.
    assert!(!text.contains("://") && !text.contains("<script>"));
}

#[tokio::test]
async fn a_class_that_is_kept_elsewhere_is_no_collection_and_no_layer() {
    let desk = Desk::open().await;
    let json = desk.get("/catalogue").await.json();
    let collections = desk.get("/collections").await.json();
    let style = desk.get("/styles/citytwin").await.text();
    let elsewhere: Vec<&str> = json["classes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|class| class["kept"] != "city")
        .map(|class| class["id"].as_str().unwrap())
        .collect();
    assert!(["incident", "permit", "fire_vehicle", "terrain"].iter().all(|id| elsewhere.contains(id)), "{elsewhere:?}");
    for id in elsewhere {
        assert!(collections["collections"].as_array().unwrap().iter().all(|collection| collection["id"] != id), "{id}");
        assert!(!style.contains(&format!("\"source-layer\":\"{id}\"")), "{id}");
        assert_eq!(desk.get(&format!("/collections/{id}/items")).await.refusal(), (404, "collection_unknown".into()));
        assert_eq!(desk.get(&format!("/xyz/{id}/14/13471/6759.mvt")).await.refusal(), (404, "layer_unknown".into()));
    }
    // The store's file says its tables in plain text.
    let file = std::fs::read(desk.path().join(citytwin_store::STORE_FILE)).unwrap();
    let has_table = |id: &str| {
        let begin = format!("CREATE TABLE \"{id}\"(");
        file.windows(begin.len()).any(|window| window == begin.as_bytes())
    };
    assert!(has_table("hydrant") && has_table("heat_pipe") && !has_table("incident") && !has_table("permit") && !has_table("terrain"));
}

#[tokio::test]
async fn a_citys_own_class_is_served_listed_and_drawn() {
    let city = tempfile::tempdir().unwrap();
    super::make_city(city.path());
    let own = "[[class]]\nid = \"statue\"\nno = 10001\nzh = \"雕像\"\nen = \"statue\"\ndomain = \"base\"\ngeometry = \"point\"\n\
               symbol = { colour = \"#708090\", min_zoom = 15 }\nshared = [\"code\", \"name\"]\ncommon = [\"asset\"]\n";
    std::fs::write(city.path().join("classes.toml"), own).unwrap();
    let desk = Desk::open_in(city, |_| {}).await;
    let body = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[116.0,30.0]},"properties":{"code":"ST-1","name":"铁牛"}}"#;
    assert_eq!(desk.change("POST", "/collections/statue/items", &[], body).await.status, 201);
    let json = desk.get("/catalogue").await.json();
    let statue = json["classes"].as_array().unwrap().iter().find(|class| class["id"] == "statue").unwrap().clone();
    assert_eq!((&statue["no"], &statue["count"], &statue["symbol"]["colour"]), (&10001.into(), &1.into(), &"#708090".into()));
    assert!(desk.get("/catalogue?f=html").await.text().contains("雕像"));
    assert!(desk.get("/styles/citytwin").await.text().contains("statue"));
}
