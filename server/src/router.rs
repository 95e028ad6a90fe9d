//! The contents page: every address, and what each request passes on its way.

use crate::api::{
    alarms, catalogue, collections, console, edit, health, items, landing, live, locate, openapi, overlays, pages, readings, session,
    style, tiles, tiles3d, viewer,
};
use crate::app::App;
use crate::problem::{ApiError, Kind, speak};
use crate::security::guard::guard;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

pub fn router(app: &App) -> Router {
    Router::new()
        // Where one starts
        .route("/", get(landing::landing))
        .route("/conformance", get(landing::conformance))
        .route("/api", get(openapi::api))
        .route("/catalogue", get(catalogue::catalogue))
        // Features
        .route("/collections", get(collections::list))
        .route("/collections/{collection}", get(collections::one))
        .route("/collections/{collection}/schema", get(collections::schema))
        .route("/collections/{collection}/items", get(items::list).post(edit::create).options(edit::collection_options))
        .route(
            "/collections/{collection}/items/{id}",
            get(items::one).put(edit::replace).patch(edit::patch).delete(edit::delete).options(edit::item_options),
        )
        .route("/collections/{collection}/items/{id}/history", get(items::history))
        .route("/locate", get(locate::locate))
        // Maps
        .route("/xyz/{layers}", get(tiles::tilejson))
        .route("/xyz/{layers}/{z}/{x}/{tile}", get(tiles::tile))
        .route("/styles/{style}", get(style::style))
        .route("/overlays", get(overlays::list))
        .route("/overlays/{overlay}/features", get(overlays::features))
        // 3D
        .route("/3dtiles/tileset.json", get(tiles3d::tileset))
        .route("/3dtiles/{group}/tileset.json", get(tiles3d::group_tileset))
        .route("/3dtiles/{group}/{level}/{x}/{tile}", get(tiles3d::tile))
        // What sensors report
        .route("/readings", post(readings::post))
        .route("/readings/latest", get(readings::latest))
        .route("/readings/{datastream}", get(readings::series))
        .route("/alarms", get(alarms::list))
        .route("/alarms/{alarm}/acknowledge", post(alarms::acknowledge))
        .route("/live", get(live::live))
        // Pages
        .route("/console/{*path}", get(console::file))
        .route("/viewer", get(viewer::redirect))
        .route("/viewer/", get(viewer::index))
        .route("/viewer/{*path}", get(viewer::file))
        .route("/pages/{name}", get(pages::file))
        .route("/session", get(session::look).post(session::sign_in).delete(session::sign_out))
        .route("/signin", get(session::link))
        // Keeping it running
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(nothing_here)
        // What every request passes, the last one first
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_compressing()))
        .layer(DefaultBodyLimit::max(app.config.max_body_bytes))
        .layer(from_fn_with_state(app.clone(), in_time))
        .layer(from_fn_with_state(app.clone(), guard))
        .layer(from_fn_with_state(app.clone(), speak))
        .layer(from_fn_with_state(app.clone(), note))
        .with_state(app.clone())
}

async fn nothing_here(request: Request) -> ApiError {
    ApiError::new(Kind::NotFound).with("path", request.uri().path())
}

/// Files of the viewer are packed already, or so large that packing them anew each time would cost more than sending.
fn worth_compressing() -> impl Predicate {
    SizeAbove::new(1024).and(NotForContentType::IMAGES).and(NotForContentType::new("application/wasm"))
}

/// No request takes longer than its time, whatever it waits for.
async fn in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.config.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(Kind::Timeout).with("seconds", app.config.request_timeout.as_secs()).into_response(),
    }
}

/// Numbers each request, counts and logs it, and puts the headers on that keep browsers careful.
async fn note(State(app): State<App>, request: Request, next: Next) -> Response {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let id = format!("{:x}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let started = Instant::now();
    // Never the query: it may hold a one-time token.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    app.metrics.request(&route, status, took);
    tracing::debug!(id, %method, path, status, took_us = took.as_micros() as u64, "request");
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    if headers.get(header::CONTENT_TYPE).is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/html")) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(pages::CONTENT_POLICY));
        headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    }
    response
}
