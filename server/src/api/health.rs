//! `/health`, `/ready`, `/metrics`: for whoever keeps it running.

use super::reply::{json, typed_json};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind, document, lang_of};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use citytwin_wire::problem::MEDIA_TYPE;
use serde_json::json as object;

/// Alive: it answers.
pub async fn health() -> ApiResult<Response> {
    json(&object!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Serving: the store can be read and what is served is not behind it. Tables that another program has replaced, and
/// that are therefore not served, are named. While it is not ready the same figures stand in a problem document.
pub async fn ready(State(app): State<App>, headers: HeaderMap) -> ApiResult<Response> {
    let head = app.with_store(|store| store.head()).await?;
    let served = app.view().revision();
    let ready = matches!(head, Ok(head) if served >= head || head - served <= 1);
    let mut figures = object!({
        "ready": ready,
        "revision": served,
        "head": head.ok(),
        "estranged": app.store.estranged(),
        "computed": app.overlays.newest().is_some(),
    });
    if ready {
        return json(&figures);
    }
    let error = ApiError::new(Kind::NotReady);
    app.metrics.problem(error.kind.code());
    let lang = lang_of(&headers);
    let problem = serde_json::to_value(document(&error, lang, "/ready")).map_err(ApiError::internal)?;
    if let (Some(figures), Some(problem)) = (figures.as_object_mut(), problem.as_object()) {
        figures.extend(problem.clone());
    }
    let mut response = typed_json(MEDIA_TYPE, &figures)?;
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(lang.tag()));
    Ok(response)
}

/// Figures in Prometheus' text form.
pub async fn metrics(State(app): State<App>) -> Response {
    let text = app.metrics.text(app.compute.jobs());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))], text).into_response()
}
