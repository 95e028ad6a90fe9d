//! `/viewer/`: the 3D viewer's web build, from a folder found at run time. While it is still being built, a page says how
//! far it is and opens the viewer when it is ready.

use super::files::{media_type, safe};
use super::pages::page;
use super::reply::Etag;
use crate::app::App;
use crate::config::is_viewer;
use crate::problem::{ApiError, ApiResult, Kind, lang_of};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use citytwin_assets::say;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Where the build writes how far it is: `{"state":"building|failed|ready","done":n,"total":n,"text":""}`.
const PROGRESS: &str = "viewer-build.json";

/// The folder's own address ends with a slash, so that the page's relative names are right.
pub async fn redirect() -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, HeaderValue::from_static("/viewer/"))]).into_response()
}

/// The viewer's page.
pub async fn index(State(app): State<App>, headers: HeaderMap) -> ApiResult<Response> {
    let dir = app.config.viewer_dir.clone();
    let state = tokio::task::spawn_blocking(move || State3d::of(&dir)).await.map_err(ApiError::internal)?;
    match state {
        State3d::Ready => send(&app, "index.html", &headers).await,
        State3d::Building => Ok(progress_page(&headers)),
        State3d::Absent => {
            let text = say(lang_of(&headers), "page.viewer_missing.text", &[]);
            Ok(page(
                &headers,
                StatusCode::NOT_FOUND,
                "viewer_missing",
                &format!("<p>{text}</p><pre>make web</pre><p><a href=\"/\">CityTwin</a></p>"),
            ))
        }
    }
}

/// A file of the viewer.
pub async fn file(State(app): State<App>, Path(path): Path<String>, headers: HeaderMap) -> ApiResult<Response> {
    match safe(&path) {
        Some(path) => send(&app, path, &headers).await,
        None => Err(missing(&path)),
    }
}

enum State3d {
    Ready,
    Building,
    Absent,
}

impl State3d {
    /// A folder that says nothing of a build is taken as it is.
    fn of(dir: &std::path::Path) -> Self {
        let progress = std::fs::read(dir.join(PROGRESS)).ok();
        let said: Option<serde_json::Value> = progress.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match said.as_ref().and_then(|said| said["state"].as_str()) {
            Some("ready") | None if is_viewer(dir) => Self::Ready,
            Some(_) => Self::Building,
            None => Self::Absent,
        }
    }
}

fn progress_page(headers: &HeaderMap) -> Response {
    let lang = lang_of(headers);
    let sentence = |key: &str| say(lang, &format!("page.viewer_building.{key}"), &[]);
    let body = format!(
        "<p>{}</p><progress></progress><p><span id=\"count\"></span> <span id=\"text\"></span></p><p id=\"failed\" hidden>{}</p><p><a href=\"/\">{}</a></p>\
         <script src=\"/pages/viewer-progress.js\" type=\"module\"></script>",
        sentence("text"),
        sentence("failed"),
        sentence("map"),
    );
    page(headers, StatusCode::OK, "viewer_building", &body)
}

fn missing(path: &str) -> ApiError {
    ApiError::new(Kind::NotFound).with("path", format!("/viewer/{path}"))
}

/// Hands out a file, its packed twin (`.br`) where there is one and the browser takes it.
async fn send(app: &App, path: &str, headers: &HeaderMap) -> ApiResult<Response> {
    let takes_br = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|list| {
        list.split(',').any(|item| item.trim().split(';').next() == Some("br") && !item.replace(' ', "").ends_with("q=0"))
    });
    let whole = app.config.viewer_dir.join(path);
    let packed = PathBuf::from(format!("{}.br", whole.display()));
    let (file, encoded) = match tokio::fs::File::open(&packed).await {
        Ok(file) if takes_br => (file, true),
        _ => (tokio::fs::File::open(&whole).await.map_err(|_| missing(path))?, false),
    };
    let about = file.metadata().await.map_err(|_| missing(path))?;
    if !about.is_file() {
        return Err(missing(path));
    }
    let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let tag = Etag::new("viewer", format_args!("{}-{}-{encoded}", about.len(), changed.as_nanos()));
    if let Some(unchanged) = tag.unchanged(headers) {
        return Ok(unchanged);
    }
    let mut response = Body::from_stream(chunks(file)).into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(about.len()));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if encoded {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    Ok(tag.on(response))
}

/// A file in pieces, read as the client takes them.
fn chunks(file: tokio::fs::File) -> impl futures_util::Stream<Item = std::io::Result<axum::body::Bytes>> {
    use tokio::io::AsyncReadExt;
    futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; 64 << 10];
        let n = file.read(&mut piece).await?;
        piece.truncate(n);
        Ok((n > 0).then(|| (piece.into(), file)))
    })
}
