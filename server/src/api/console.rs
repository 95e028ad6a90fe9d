//! The web console, embedded in the program. (A debug build reads it from the checkout, so that a rebuilt console is
//! seen without compiling; a release holds it inside.)

use super::files::{media_type, safe};
use super::pages::page;
use crate::problem::{ApiError, Kind, lang_of};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use citytwin_assets::say;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "console/dist"]
#[allow_missing = true]
struct Dist;

/// The console's page; where the console was not built, a page that says how.
pub fn index(headers: &HeaderMap) -> Response {
    match Dist::get("index.html") {
        Some(file) => answer("index.html", file, "no-cache"),
        None => {
            let text = say(lang_of(headers), "page.console_missing.text", &[]);
            let body = format!(
                "<p>{text}</p><pre>make console</pre><p><a href=\"/?f=json\">/?f=json</a> · <a href=\"/collections\">/collections</a> · <a href=\"/catalogue?f=html\">/catalogue</a></p>"
            );
            page(headers, StatusCode::OK, "console_missing", &body)
        }
    }
}

/// A file of the console. Names carry a hash of their content, so they may be kept for good.
pub async fn file(Path(path): Path<String>) -> Response {
    let path = format!("console/{path}");
    match safe(&path).and_then(Dist::get) {
        Some(file) => {
            let kept = if is_hashed(&path) { "public, max-age=31536000, immutable" } else { "no-cache" };
            answer(&path, file, kept)
        }
        None => ApiError::new(Kind::NotFound).with("path", format!("/{path}")).into_response(),
    }
}

/// `main-DkX3a9Qz.js`: a hash of eight characters before the ending.
fn is_hashed(path: &str) -> bool {
    let stem = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(stem, _)| stem);
    stem.rsplit_once('-').is_some_and(|(_, hash)| hash.len() == 8)
}

fn answer(path: &str, file: rust_embed::EmbeddedFile, kept: &'static str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path))), (header::CACHE_CONTROL, HeaderValue::from_static(kept))];
    (headers, file.data.into_owned()).into_response()
}
