//! `/`, `/conformance` and `/api`: where a client of OGC API starts. A browser at `/` gets the console.

use super::collections::link;
use super::items::{DEFAULT_LIMIT, MAX_LIMIT};
use super::params::Params;
use super::reply::{JSON, base_url, json, typed_json, wants_page};
use crate::app::App;
use crate::problem::{ApiResult, lang_of};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_assets::Lang;
use citytwin_model::City;
use serde_json::{Value as Json, json as object};

/// OpenAPI's own media type for version 3.0.
const OPENAPI: &str = "application/vnd.oai.openapi+json;version=3.0";

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
    let asks_json = params.take("f").is_some_and(|f| f == "json");
    if !asks_json && wants_page(&headers) {
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

/// OpenAPI 3.0 of everything served.
pub async fn api(State(app): State<App>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    let view = app.view();
    let mut collections: Vec<String> = view.city.classes().iter().map(|class| class.id.clone()).collect();
    collections.extend(["pipe_risk", "hydrant_coverage", "building_coverage"].map(str::to_owned));
    typed_json(OPENAPI, &document(&base_url(&headers), &collections))
}

fn document(base: &str, collections: &[String]) -> Json {
    let path = |name: &str, schema: Json, text: &str| object!({"name": name, "in": "path", "required": true, "description": text, "schema": schema});
    let query = |name: &str, schema: Json, text: &str| object!({"name": name, "in": "query", "required": false, "description": text, "schema": schema, "style": "form", "explode": false});
    let collection = path("collectionId", object!({"type": "string", "enum": collections}), "A class of facilities, or an analysis");
    let feature = path("featureId", object!({"type": "string"}), "Number or public id, such as `hydrant.12`");
    let limit =
        query("limit", object!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}), "Features on a page");
    let bbox = query(
        "bbox",
        object!({"type": "array", "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}], "items": {"type": "number"}}),
        "West, south, east, north in degrees",
    );
    let datetime = query("datetime", object!({"type": "string"}), "An instant or interval (RFC 3339)");
    let answer = |text: &str, media_type: &str| object!({"200": {"description": text, "content": {media_type: {"schema": {"type": "object"}}}}, "default": {"$ref": "#/components/responses/Problem"}});
    let get = |id: &str, text: &str, parameters: Json, media_type: &str| object!({"operationId": id, "summary": text, "parameters": parameters, "responses": answer(text, media_type)});
    let change = |id: &str, text: &str, parameters: Json, body: Option<&str>, status: &str| {
        let mut operation = object!({
            "operationId": id,
            "summary": text,
            "parameters": parameters,
            "security": [{"key": []}, {"keyAsPassword": []}, {"session": []}],
            "responses": {status: {"description": text}, "default": {"$ref": "#/components/responses/Problem"}},
        });
        if let Some(media_type) = body {
            operation["requestBody"] = object!({"required": true, "content": {media_type: {"schema": {"type": "object"}}}});
        }
        operation
    };
    const GEOJSON: &str = "application/geo+json";
    const MVT: &str = "application/vnd.mapbox-vector-tile";
    let if_match = object!({"name": "If-Match", "in": "header", "required": false, "description": "The ETag that was read", "schema": {"type": "string"}});
    let text = |name: &str, about: &str| path(name, object!({"type": "string"}), about);
    let number = |name: &str| path(name, object!({"type": "integer", "minimum": 0}), "Place in the grid");
    object!({
        "openapi": "3.0.3",
        "info": {"title": "CityTwin", "version": env!("CARGO_PKG_VERSION"), "description": "城市市政设施数字孪生 · A digital twin of a city's municipal facilities"},
        "servers": [{"url": base}],
        "paths": {
            "/": {"get": get("landing", "The landing page", object!([]), JSON)},
            "/conformance": {"get": get("conformance", "What is conformed to", object!([]), JSON)},
            "/api": {"get": get("api", "This document", object!([]), JSON)},
            "/collections": {"get": get("collections", "The collections", object!([]), JSON)},
            "/collections/{collectionId}": {"get": get("collection", "One collection", object!([collection]), JSON)},
            "/collections/{collectionId}/schema": {"get": get("schema", "Its attributes as a JSON schema", object!([collection]), "application/schema+json")},
            "/collections/{collectionId}/items": {
                "get": get("features", "A page of features; further parameters are attributes and the values they must have",
                    object!([collection, limit, bbox, datetime, query("q", object!({"type": "string"}), "Part of code or name"), query("next", object!({"type": "string"}), "From a `next` link")]), GEOJSON),
                "post": change("create", "Make a feature", object!([collection]), Some(GEOJSON), "201"),
            },
            "/collections/{collectionId}/items/{featureId}": {
                "get": get("feature", "One feature", object!([collection, feature]), GEOJSON),
                "put": change("replace", "Replace a feature", object!([collection, feature, if_match]), Some(GEOJSON), "200"),
                "patch": change("update", "Change what is sent", object!([collection, feature, if_match]), Some("application/merge-patch+json"), "200"),
                "delete": change("delete", "Remove a feature", object!([collection, feature, if_match]), None, "204"),
            },
            "/collections/{collectionId}/items/{featureId}/history": {"get": get("history", "All versions of a feature", object!([collection, feature]), JSON)},
            "/catalogue": {"get": get("catalogue", "Classes, attributes, codes, symbols", object!([]), JSON)},
            "/xyz/{layers}/{z}/{x}/{y}.mvt": {"get": get("tile", "A vector tile", object!([text("layers", "Collections, comma separated, or `all`"), number("z"), number("x"), number("y")]), MVT)},
            "/xyz/{layers}.json": {"get": get("tilejson", "TileJSON of a set of layers", object!([text("layers", "Collections, comma separated, or `all`")]), JSON)},
            "/styles/{style}": {"get": get("style", "A MapLibre style", object!([text("style", "`citytwin`")]), JSON)},
            "/3dtiles/tileset.json": {"get": get("tileset", "3D Tiles 1.1 of the city", object!([]), JSON)},
            "/overlays": {"get": get("overlays", "Analyses that colour features, and their legends", object!([]), JSON)},
            "/overlays/{overlay}/features": {"get": get("overlayFeatures", "Wire number and byte of every feature", object!([text("overlay", "`risk` or `coverage`"), query("class", object!({"type": "string"}), "Of this class only")]), JSON)},
            "/locate": {"get": get("locate", "Places by code or name", object!([query("q", object!({"type": "string"}), "What was typed")]), JSON)},
            "/readings": {"post": change("report", "Hand in readings; answered when they are on disk", object!([]), Some(JSON), "200")},
            "/readings/latest": {"get": get("latest", "The newest value of every datastream", object!([]), JSON)},
            "/readings/{datastream}": {"get": get("series", "What a datastream has reported", object!([text("datastream", "Its code"), query("from", object!({"type": "string", "format": "date-time"}), "From"), query("to", object!({"type": "string", "format": "date-time"}), "To"), limit]), JSON)},
            "/alarms": {"get": get("alarms", "The alarms that are on", object!([]), JSON)},
            "/alarms/{alarm}/acknowledge": {"post": change("acknowledge", "Note that an alarm has been seen", object!([number("alarm")]), None, "200")},
            "/health": {"get": get("health", "Alive", object!([]), JSON)},
            "/ready": {"get": get("ready", "Serving", object!([]), JSON)},
            "/metrics": {"get": get("metrics", "Figures for Prometheus", object!([]), "text/plain")},
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "keyAsPassword": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": "citytwin"},
            },
            "responses": {"Problem": {"description": "What went wrong, and what to do", "content": {"application/problem+json": {"schema": {"type": "object", "properties": {
                "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}, "code": {"type": "string"}, "instance": {"type": "string"},
            }}}}}},
        },
    })
}
