//! Closed by default: every property from both sides.

use super::{Answer, Desk, request};
use axum::body::Body;

const READING: &str = r#"[{"datastream":"P-1.flow","value":1}]"#;

async fn post(desk: &Desk, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    desk.send(request("POST", "/readings", &all, Body::from(READING))).await
}

#[tokio::test]
async fn writing_wants_the_key_and_reading_does_not() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/collections/hydrant/items").await.status, 200);
    let refused = post(&desk, &[]).await;
    assert_eq!(refused.refusal(), (401, "key_missing".into()));
    assert!(refused.header("www-authenticate").starts_with("Basic"));
    assert_eq!(post(&desk, &[("authorization", &format!("Bearer {}", desk.key()))]).await.status, 200);
    for (method, path) in [
        ("POST", "/collections/hydrant/items"),
        ("PUT", "/collections/hydrant/items/1"),
        ("PATCH", "/collections/hydrant/items/1"),
        ("DELETE", "/collections/hydrant/items/1"),
        ("POST", "/alarms/1/acknowledge"),
    ] {
        let refused = desk.send(request(method, path, &[], Body::from("{}"))).await;
        assert_eq!(refused.refusal(), (401, "key_missing".into()), "{method} {path}");
    }
    assert_eq!(desk.get("/collections/hydrant/items").await.json()["numberMatched"], 2);
}

#[tokio::test]
async fn the_key_comes_as_basic_password_too_and_a_wrong_one_is_named() {
    let desk = Desk::open().await;
    let basic = |password: &str| format!("Basic {}", base64(format!("anyone:{password}").as_bytes()));
    assert_eq!(post(&desk, &[("authorization", &basic(desk.key()))]).await.status, 200);
    assert_eq!(post(&desk, &[("authorization", &basic("guess"))]).await.refusal(), (401, "key_wrong".into()));
    assert_eq!(post(&desk, &[("authorization", "Bearer guess")]).await.refusal(), (401, "key_wrong".into()));
    // A wrong key is refused even where none is needed: it is a mistake to be seen.
    assert_eq!(desk.get_with("/collections", &[("authorization", "Bearer guess")]).await.refusal(), (401, "key_wrong".into()));
}

#[tokio::test]
async fn a_foreign_origin_cannot_write_even_with_the_key() {
    let desk = Desk::open().await;
    let bearer = format!("Bearer {}", desk.key());
    for origin in ["http://elsewhere.example", "null", "http://localhost:3000", "https://localhost:8080", "http://127.0.0.1:8080"] {
        let refused = post(&desk, &[("authorization", &bearer), ("origin", origin)]).await;
        assert_eq!(refused.refusal(), (403, "origin_foreign".into()), "{origin}");
    }
    assert_eq!(
        post(&desk, &[("authorization", &bearer), ("sec-fetch-site", "cross-site")]).await.refusal(),
        (403, "origin_foreign".into())
    );
    assert_eq!(
        post(&desk, &[("authorization", &bearer), ("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")]).await.status,
        200
    );
}

#[tokio::test]
async fn a_foreign_origin_cannot_listen() {
    let desk = Desk::open().await;
    let upgrade = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut foreign = upgrade.to_vec();
    foreign.push(("origin", "http://elsewhere.example"));
    assert_eq!(desk.get_with("/live", &foreign).await.refusal(), (403, "origin_foreign".into()));
    // Who only reads is not told of changes.
    let read = desk.get_with("/collections", &[("origin", "http://elsewhere.example")]).await;
    assert_eq!(read.refusal(), (403, "origin_foreign".into()));
    assert!(read.json()["detail"].as_str().unwrap().contains("may not read"), "{}", read.text());
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered() {
    let desk = Desk::open().await;
    for host in ["elsewhere.example", "localhost.elsewhere.example:8080", "10.0.0.1"] {
        assert_eq!(desk.get_with("/collections", &[("host", host)]).await.refusal(), (421, "host_foreign".into()), "{host}");
    }
    for host in ["127.0.0.1:8080", "[::1]:8080", "localhost"] {
        assert_eq!(desk.get_with("/collections", &[("host", host)]).await.status, 200, "{host}");
    }
    for header in [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "via",
        "x-original-url",
        "x-rewrite-url",
    ] {
        assert_eq!(desk.get_with("/collections", &[(header, "10.0.0.1")]).await.refusal(), (400, "proxy_refused".into()), "{header}");
    }
    assert_eq!(desk.get_with("/collections", &[("x-requested-with", "a program")]).await.status, 200);
}

#[tokio::test]
async fn a_script_of_another_page_is_not_answered_and_a_link_from_there_is() {
    let desk = Desk::open().await;
    for method in ["GET", "HEAD", "OPTIONS"] {
        for origin in ["http://elsewhere.example", "null", "http://localhost:3000"] {
            let refused = desk.send(request(method, "/collections/hydrant/items", &[("origin", origin)], Body::empty())).await;
            assert_eq!(refused.status, 403, "{method} from {origin}");
        }
        let own = desk.send(request(method, "/collections/hydrant/items", &[("origin", "http://localhost:8080")], Body::empty())).await;
        assert!(own.status < 300, "{method}: {}", own.status);
    }
    let followed = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("accept", "text/html")];
    assert_eq!(desk.get_with("/", &followed).await.status, 200);
}

#[tokio::test]
async fn a_browser_signs_in_by_the_link_once_and_by_the_key() {
    let desk = Desk::open().await;
    let once = desk.app.security.sessions.issue_once().unwrap();
    let signed = desk.get(&format!("/signin?once={once}")).await;
    assert_eq!((signed.status, signed.header("location")), (303, "/"));
    let cookie = signed.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.starts_with("citytwin_8080="), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(desk.get_with("/session", &[("cookie", &cookie)]).await.json()["signed_in"], true);
    assert_eq!(post(&desk, &[("cookie", &cookie), ("origin", "http://localhost:8080")]).await.status, 200);
    assert_eq!(post(&desk, &[("cookie", &cookie), ("origin", "http://elsewhere.example")]).await.refusal(), (403, "origin_foreign".into()));
    assert_eq!(desk.get(&format!("/signin?once={once}")).await.refusal(), (403, "link_spent".into()));
    // A person gets a page that says what to do instead.
    let page = desk.get_with(&format!("/signin?once={once}"), &[("accept", "text/html"), ("accept-language", "zh")]).await;
    assert_eq!((page.status, page.header("content-type")), (403, "text/html; charset=utf-8"));
    assert!(page.text().contains("admin.key") && page.text().contains("lang=\"zh-CN\""), "{}", page.text());

    let sign_in = async |key: &str| desk.send(request("POST", "/session", &[], Body::from(format!("{{\"key\":\"{key}\"}}")))).await;
    assert_eq!(sign_in("guess").await.refusal(), (401, "key_wrong".into()));
    assert_eq!(sign_in(desk.key()).await.status, 200);

    let out = desk.send(request("DELETE", "/session", &[("cookie", &cookie)], Body::empty())).await;
    assert_eq!(out.status, 204);
    assert_eq!(post(&desk, &[("cookie", &cookie)]).await.refusal(), (401, "key_missing".into()));
}

#[tokio::test]
async fn what_is_too_large_or_too_slow_ends() {
    let city = tempfile::tempdir().unwrap();
    super::make_city(city.path());
    let desk = Desk::open_in(city, |config| {
        config.max_body_bytes = 1024;
        config.request_timeout = std::time::Duration::from_millis(300);
    })
    .await;
    assert_eq!(desk.change("POST", "/readings", &[], &" ".repeat(2048)).await.refusal(), (413, "too_large".into()));
    let never = Body::from_stream(futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    let slow = request("POST", "/readings", &[("authorization", &format!("Bearer {}", desk.key()))], never);
    assert_eq!(desk.send(slow).await.refusal(), (408, "timeout".into()));
}

#[tokio::test]
async fn answers_carry_a_number_and_keep_browsers_careful() {
    let desk = Desk::open().await;
    let answer = desk.get_with("/", &[("accept", "text/html")]).await;
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cross-origin-resource-policy", "same-origin")]
    {
        assert_eq!(answer.header(name), value);
    }
    assert!(answer.header("content-security-policy").contains("default-src 'self'"));
    assert_ne!(answer.header("x-request-id"), desk.get("/health").await.header("x-request-id"));
    assert!(answer.headers.get("access-control-allow-origin").is_none());
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}
