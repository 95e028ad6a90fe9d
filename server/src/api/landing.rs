//! `/` and `/conformance`: where a client of OGC API starts. A browser at `/` gets the console.

use super::collections::link;
use super::openapi::OPENAPI;
use super::params::Params;
use super::reply::{JSON, base_url, json, wants_page};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind, lang_of};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_assets::Lang;
use serde_json::json as object;

/// What is declared; each is tested.
const CONFORMANCE: [&str; 7] = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/update",
];

/// The console, or the landing page.
pub async fn landing(State(app): State<App>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    // A link to the console may carry a query of its own, so a page asks no more of it.
    let as_page = match params.take("f").as_deref() {
        None | Some("") => wants_page(&headers),
        Some("html") => true,
        Some("json" | "application/json") => false,
        Some(other) => return Err(ApiError::new(Kind::ParameterInvalid).with("name", "f").with("value", other)),
    };
    if as_page {
        return Ok(super::console::index(&headers));
    }
    params.done()?;
    let base = base_url(&headers);
    let config = app.store.config();
    let (title, description) = match lang_of(&headers) {
        Lang::Zh => (config.name.zh.clone(), "城市市政设施数字孪生"),
        Lang::En => (config.name.en.clone(), "A digital twin of a city's municipal facilities"),
    };
    json(&object!({
        "title": title,
        "description": description,
        "simulated": config.simulated,
        "links": [
            link(&format!("{base}/?f=json"), "self", JSON, "This document"),
            link(&base, "alternate", "text/html", "The console"),
            link(&format!("{base}/api"), "service-desc", OPENAPI, "The interface"),
            link(&format!("{base}/conformance"), "conformance", JSON, "What is conformed to"),
            link(&format!("{base}/collections"), "data", JSON, "The collections"),
            link(&format!("{base}/catalogue"), "related", JSON, "The catalogue of classes"),
            link(&format!("{base}/catalogue?f=html"), "help", "text/html", "The catalogue of classes, for people"),
            link(&format!("{base}/3dtiles/tileset.json"), "http://www.opengis.net/def/rel/ogc/1.0/3dtiles", JSON, "3D Tiles of the city"),
            link(&format!("{base}/styles/citytwin"), "http://www.opengis.net/def/rel/ogc/1.0/styles", JSON, "The map's style"),
        ],
    }))
}

pub async fn conformance(mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    json(&object!({"conformsTo": CONFORMANCE}))
}
