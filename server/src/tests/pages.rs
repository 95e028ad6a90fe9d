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
    assert_eq!(desk.get("/console/nothing.js").await.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn the_viewer_is_absent_then_building_then_there() {
    let desk = desk_with_viewer(&[]).await;
    let dir = desk.path().join("viewer");
    assert_eq!(desk.get_with("/viewer/", &PAGE).await.status, 404);
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
