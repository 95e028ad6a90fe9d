//! `/api`: what is served, as OpenAPI 3.0. A test holds it against the router: what has an address here has one there.

use super::items::{DEFAULT_LIMIT, MAX_LIMIT};
use super::params::Params;
use super::reply::{GEOJSON, JSON, base_url, typed_json};
use crate::app::App;
use crate::overlays::COMPUTED;
use crate::problem::ApiResult;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_model::City;
use citytwin_model::class::Group;
use serde_json::{Value as Json, json as object};

/// OpenAPI's own media type for version 3.0.
pub const OPENAPI: &str = "application/vnd.oai.openapi+json;version=3.0";

const CSV: &str = "text/csv";
const BYTES: &str = "application/octet-stream";
const MVT: &str = "application/vnd.mapbox-vector-tile";
const SCHEMA: &str = "application/schema+json";
const HTML: &str = "text/html";

/// OpenAPI 3.0 of everything served.
pub async fn api(State(app): State<App>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    let view = app.view();
    let mut collections: Vec<String> = view.city.classes().iter().map(|class| class.id.clone()).collect();
    collections.extend(COMPUTED.map(str::to_owned));
    typed_json(OPENAPI, &document(&base_url(&headers), &collections, &app.security.cookie_name))
}

fn document(base: &str, collections: &[String], cookie: &str) -> Json {
    let groups: Vec<&str> = Group::ALL.iter().map(|group| group.id()).collect();
    let collection = path("collectionId", object!({"type": "string", "enum": collections}), "A class of facilities, or an analysis");
    let feature = path("featureId", object!({"type": "string"}), "Number or public id, such as `hydrant.12`");
    let group = path("group", object!({"type": "string", "enum": groups}), "A layer group");
    let limit =
        query("limit", object!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}), "Features on a page");
    let bbox = query(
        "bbox",
        object!({"type": "array", "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}], "items": {"type": "number"}}),
        "West, south, east, north in degrees",
    );
    let datetime = query("datetime", object!({"type": "string"}), "An instant or interval (RFC 3339)");
    let table = query(
        "f",
        object!({"type": "string", "enum": ["json", "csv"], "default": "json"}),
        "`csv`: a table for spreadsheets (or `Accept: text/csv`). A text that a spreadsheet would run (it begins with = + - @, a tab or a carriage return, also behind apostrophes) has one apostrophe more in front; readers take it away",
    );
    let if_match = object!({"name": "If-Match", "in": "header", "required": false, "description": "The ETag that was read, or several", "schema": {"type": "string"}});
    let layers = text("layers", "Collections, comma separated, each once; or `all`");
    let (level, x, y) = (number("level"), number("x"), number("y"));
    let overlay = object!({"type": "string", "enum": [crate::overlays::RISK, crate::overlays::COVERAGE]});
    let item = object!([collection, feature]);
    let change_item = object!([collection, feature, if_match]);
    let page = object!([
        collection,
        limit,
        bbox,
        datetime,
        query("q", object!({"type": "string"}), "Part of code or name"),
        query("next", object!({"type": "string"}), "From a `next` link"),
        table,
    ]);
    let series = object!([
        text("datastream", "Its code"),
        query("from", object!({"type": "string", "format": "date-time"}), "From"),
        query("to", object!({"type": "string", "format": "date-time"}), "To"),
        limit,
        query("points", object!({"type": "integer", "minimum": 4}), "For a curve: at most so many readings, with every peak kept"),
        table,
    ]);
    let tile = object!([group, level, x, y]);
    let mut values =
        vec![object!({"name": "overlay", "in": "query", "required": true, "description": "Which analysis", "schema": overlay})];
    values.extend([&group, &level, &x, &y].map(Json::clone));
    let values = Json::from(values);
    object!({
        "openapi": "3.0.3",
        "info": {"title": "CityTwin", "version": env!("CARGO_PKG_VERSION"), "description": "城市市政设施数字孪生 · A digital twin of a city's municipal facilities"},
        "servers": [{"url": base}],
        "paths": {
            "/": {"get": get("landing", "The landing page; the console for a browser", &object!([]), &[JSON, HTML])},
            "/conformance": {"get": get("conformance", "What is conformed to", &object!([]), &[JSON])},
            "/api": {"get": get("api", "This document", &object!([]), &[OPENAPI])},
            "/collections": {"get": get("collections", "The collections", &object!([]), &[JSON])},
            "/collections/{collectionId}": {"get": get("collection", "One collection", &object!([collection]), &[JSON])},
            "/collections/{collectionId}/schema": {"get": get("schema", "Its attributes as a JSON schema", &object!([collection]), &[SCHEMA])},
            "/collections/{collectionId}/items": {
                "get": get("features", "A page of features; further parameters are attributes and the values they must have, and one that is no attribute is refused", &page, &[GEOJSON, CSV]),
                "post": change("create", "Make a feature", &object!([collection]), Some(GEOJSON), "201"),
                "options": options("collectionOptions", &object!([collection])),
            },
            "/collections/{collectionId}/items/{featureId}": {
                "get": get("feature", "One feature", &item, &[GEOJSON]),
                "put": change("replace", "Replace a feature", &change_item, Some(GEOJSON), "200"),
                "patch": change("update", "Change what is sent", &change_item, Some("application/merge-patch+json"), "200"),
                "delete": change("delete", "Remove a feature", &change_item, None, "204"),
                "options": options("itemOptions", &item),
            },
            "/collections/{collectionId}/items/{featureId}/history": {"get": get("history", "All versions of a feature", &item, &[JSON])},
            "/catalogue": {"get": get("catalogue", "Classes, attributes, codes, symbols", &object!([query("f", object!({"type": "string", "enum": ["json", "html"]}), "`html`: a page for people (or `Accept: text/html`)")]), &[JSON, HTML])},
            "/xyz/{layers}/{z}/{x}/{y}.mvt": {"get": get("tile", "A vector tile; 204 where there is nothing", &object!([layers, number("z"), x, y]), &[MVT])},
            "/xyz/{layers}.json": {"get": get("tilejson", "TileJSON of a set of layers", &object!([layers]), &[JSON])},
            "/styles/{style}": {"get": get("style", "A MapLibre style", &object!([text("style", "`citytwin`")]), &[JSON])},
            "/3dtiles/tileset.json": {"get": get("tileset", "3D Tiles 1.1 of the city", &object!([]), &[JSON])},
            "/3dtiles/{group}/tileset.json": {"get": get("groupTileset", "3D Tiles 1.1 of one layer group", &object!([group]), &[JSON])},
            "/3dtiles/{group}/{level}/{x}/{y}.subtree": {"get": get("subtree", "Which tiles there are below one", &tile, &[BYTES])},
            "/3dtiles/{group}/{level}/{x}/{y}.glb": {"get": get("content", "A tile's content", &tile, &["model/gltf-binary"])},
            "/3dtiles/{group}/{level}/{x}/{y}.values": {"get": get("tileValues", "One byte of an analysis for each feature of a tile, in its order; 255 is no data", &values, &[BYTES])},
            "/overlays": {"get": get("overlays", "Analyses that colour features, and their legends", &object!([]), &[JSON])},
            "/overlays/{overlay}/features": {"get": get("overlayFeatures", "Wire number and byte of every feature", &object!([path("overlay", overlay, "Which analysis"), query("class", object!({"type": "string"}), "Of this class only")]), &[JSON])},
            "/locate": {"get": get("locate", "Places by code or name", &object!([query("q", object!({"type": "string"}), "What was typed")]), &[JSON])},
            "/readings": {"post": change("report", "Hand in readings; answered when they are on disk", &object!([]), Some(JSON), "200")},
            "/readings/latest": {"get": get("latest", "The newest value of every datastream", &object!([]), &[JSON])},
            "/readings/{datastream}": {"get": get("series", "What a datastream has reported", &series, &[JSON, CSV])},
            "/alarms": {"get": get("alarms", "The alarms that are on", &object!([]), &[JSON])},
            "/alarms/{alarm}/acknowledge": {"post": change("acknowledge", "Note that an alarm has been seen", &object!([number("alarm")]), None, "200")},
            "/live": {"get": live()},
            "/session": {
                "get": get("session", "Whether this browser may write", &object!([]), &[JSON]),
                "post": sign_in(),
                "delete": {"operationId": "signOut", "summary": "Sign this browser out", "responses": responses(&[("204", "Signed out", None)])},
            },
            "/signin": {"get": {"operationId": "signInByLink", "summary": "The one-time link that `serve` prints: signs a browser in and goes on to the console", "parameters": [query("once", object!({"type": "string"}), "The token")],
                "responses": responses(&[("303", "Signed in; sets the session cookie", None)])}},
            "/health": {"get": get("health", "Alive", &object!([]), &[JSON])},
            "/ready": {"get": get("ready", "Serving; 503 while what is served is behind the store", &object!([]), &[JSON])},
            "/metrics": {"get": get("metrics", "Figures for Prometheus", &object!([]), &["text/plain"])},
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "keyAsPassword": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
            },
            "responses": {"Problem": {"description": "What went wrong, and what to do", "content": {"application/problem+json": {"schema": {"type": "object", "properties": {
                "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}, "code": {"type": "string"}, "instance": {"type": "string"},
            }}}}}},
        },
    })
}

fn path(name: &str, schema: Json, about: &str) -> Json {
    object!({"name": name, "in": "path", "required": true, "description": about, "schema": schema})
}

fn text(name: &str, about: &str) -> Json {
    path(name, object!({"type": "string"}), about)
}

fn number(name: &str) -> Json {
    path(name, object!({"type": "integer", "minimum": 0}), "Place in the grid, or number")
}

fn query(name: &str, schema: Json, about: &str) -> Json {
    object!({"name": name, "in": "query", "required": false, "description": about, "schema": schema, "style": "form", "explode": false})
}

/// The good answers by status and media type, and the problem document for all others.
fn responses(good: &[(&str, &str, Option<&[&str]>)]) -> Json {
    let mut all = object!({"default": {"$ref": "#/components/responses/Problem"}});
    for (status, about, media_types) in good {
        let mut response = object!({"description": about});
        for media_type in media_types.unwrap_or_default() {
            response["content"][*media_type] = object!({"schema": {"type": "object"}});
        }
        all[*status] = response;
    }
    all
}

fn get(id: &str, about: &str, parameters: &Json, media_types: &[&str]) -> Json {
    let mut operation = object!({"operationId": id, "summary": about, "parameters": parameters, "responses": responses(&[("200", about, Some(media_types))])});
    // What a wrong parameter and a name that nobody has come to.
    for (status, needed) in [("400", "query"), ("404", "path")] {
        if operation["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["in"] == needed)) {
            operation["responses"][status] = object!({"$ref": "#/components/responses/Problem"});
        }
    }
    operation
}

fn change(id: &str, about: &str, parameters: &Json, body: Option<&str>, status: &str) -> Json {
    let mut operation = object!({
        "operationId": id,
        "summary": about,
        "parameters": parameters,
        "security": [{"key": []}, {"keyAsPassword": []}, {"session": []}],
        "responses": responses(&[(status, about, None)]),
    });
    if let Some(media_type) = body {
        operation["requestBody"] = object!({"required": true, "content": {media_type: {"schema": {"type": "object"}}}});
    }
    operation
}

fn options(id: &str, parameters: &Json) -> Json {
    object!({"operationId": id, "summary": "What may be done here", "parameters": parameters, "responses": responses(&[("204", "Named in Allow", None)])})
}

fn live() -> Json {
    let about = format!(
        "A WebSocket that speaks `{}`, JSON: the client says {{\"type\":\"subscribe\",\"box\":[west,south,east,north],\"classes\":[…],\"since\":n}}, \
         the server hello, snapshot and delta",
        citytwin_wire::live::PROTOCOL
    );
    object!({"operationId": "live", "summary": "Values, alarms, edits and new results of analyses as they happen", "description": about, "responses": responses(&[("101", "Speaking WebSocket from here on", None)])})
}

fn sign_in() -> Json {
    let mut operation = object!({"operationId": "signIn", "summary": "Sign a browser in with the key", "responses": responses(&[("200", "Signed in; sets the session cookie", Some(&[JSON]))])});
    operation["requestBody"] = object!({"required": true, "content": {JSON: {"schema": {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}}}}});
    operation
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What is for people, not for programs.
    const PAGES: [&str; 3] = ["/console/", "/viewer", "/pages/"];
    const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "options"];

    /// `GET /collections/{}/items/{}`: names of parts in braces do not matter, nor what follows them.
    fn told(method: &str, path: &str) -> String {
        let parts = path.split('/').map(|part| if part.contains('{') { "{}" } else { part });
        format!("{} {}", method.to_uppercase(), parts.collect::<Vec<_>>().join("/"))
    }

    /// Every route as router.rs has it.
    fn routed() -> BTreeSet<String> {
        let mut routes = BTreeSet::new();
        let source = include_str!("../router.rs");
        for route in source.split(".route(").skip(1) {
            let (_, rest) = route.split_once('"').unwrap();
            let (path, rest) = rest.split_once('"').unwrap();
            let handlers = &rest[..rest.find("\n        .").unwrap_or(rest.len())];
            for method in METHODS.iter().filter(|method| handlers.contains(&format!("{method}("))) {
                routes.insert(told(method, path));
            }
        }
        routes.retain(|route| !PAGES.iter().any(|page| route.split(' ').nth(1).is_some_and(|path| path.starts_with(page))));
        routes
    }

    fn documented() -> BTreeSet<String> {
        let document = document("http://localhost", &["hydrant".to_owned()], "citytwin_8080");
        let paths = document["paths"].as_object().unwrap().clone();
        paths
            .iter()
            .flat_map(|(path, operations)| operations.as_object().unwrap().keys().map(|method| told(method, path)).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn what_is_routed_is_documented_and_the_other_way_round() {
        let routed = routed();
        assert!(routed.len() > 30 && routed.contains("PATCH /collections/{}/items/{}"), "{routed:#?}");
        assert_eq!(documented(), routed);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_every_part_of_a_path_its_parameter() {
        let document = document("http://localhost", &["hydrant".to_owned()], "citytwin_8080");
        let mut names = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path} {method}: named twice");
                let none = Vec::new();
                let parameters = operation["parameters"].as_array().unwrap_or(&none);
                let given: BTreeSet<&str> =
                    parameters.iter().filter(|one| one["in"] == "path").map(|one| one["name"].as_str().unwrap()).collect();
                let needed: BTreeSet<&str> = path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
                assert_eq!(given, needed, "{method} {path}");
            }
        }
        assert_eq!(document["components"]["securitySchemes"]["session"]["name"], "citytwin_8080");
    }
}
