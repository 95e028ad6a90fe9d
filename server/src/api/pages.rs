//! The few pages that are not the console: what to do when it was not built, how far the viewer is, signing in.

use crate::problem::lang_of;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use citytwin_assets::{Lang, say};

const PAGE: &str = include_str!("../../pages/page.html");
/// The catalogue's page; filled by `catalogue_page`.
pub const CATALOGUE: &str = include_str!("../../pages/catalogue.html");
const CSS: &str = include_str!("../../pages/page.css");
const CATALOGUE_CSS: &str = include_str!("../../pages/catalogue.css");
const CATALOGUE_JS: &str = include_str!("../../pages/catalogue.js");
const PROGRESS_JS: &str = include_str!("../../pages/viewer-progress.js");

/// Only from here, and nothing inline that could be injected. The viewer compiles wasm and decodes in a worker.
pub const CONTENT_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; connect-src 'self' blob: data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";

/// `body` is HTML of ours; what comes from outside is escaped before.
pub fn page(headers: &HeaderMap, status: StatusCode, key: &str, body: &str) -> Response {
    let lang = lang_of(headers);
    let title = say(lang, &format!("page.{key}.title"), &[]);
    let html =
        PAGE.replace("{lang}", if lang == Lang::Zh { "zh-CN" } else { "en" }).replace("{title}", &escape(&title)).replace("{body}", body);
    let mut response = (status, [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], html).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The pages' own files.
pub async fn file(axum::extract::Path(name): axum::extract::Path<String>) -> Response {
    let (media_type, text) = match name.as_str() {
        "page.css" => ("text/css; charset=utf-8", CSS),
        "catalogue.css" => ("text/css; charset=utf-8", CATALOGUE_CSS),
        "catalogue.js" => ("text/javascript; charset=utf-8", CATALOGUE_JS),
        "viewer-progress.js" => ("text/javascript; charset=utf-8", PROGRESS_JS),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], text).into_response()
}
