//! `/collections/{c}/items`: features as GeoJSON, page by page, and one by one.

use super::collections::{Collection, link};
use super::csv::Csv;
use super::params::Params;
use super::reply::{Etag, GEOJSON, base_url, bytes, json};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use citytwin_index::{Page, PageKey};
use citytwin_model::{AttributeType, Class, Feature, FeatureId, Timestamp, Value};
use citytwin_store::Version;
use citytwin_wire::geojson::{write_feature, write_text};
use serde_json::json as object;
use std::convert::Infallible;
use std::sync::Arc;

pub const DEFAULT_LIMIT: usize = 100;
pub const MAX_LIMIT: usize = 10_000;
/// A page goes out in pieces of about this size: memory stays small, and encoding one stays far below a millisecond.
const CHUNK_BYTES: usize = 48 << 10;

/// A page of features.
pub async fn list(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    let asked = params.clone();
    let csv = params.take_csv(&headers)?;
    let collection = Arc::new(Collection::find(&app, &app.view(), &name).await?);
    let query = Query::take(&mut params, &collection.class)?;
    let tag = collection.tag(&app, if csv { "csv" } else { "" });
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    let limit = query.limit;
    let (page, collection) = app.compute.run(move || (query.run(&collection), collection)).await?;
    let base = base_url(&headers);
    let matched = page.matched;
    let next = page.next.map(|key| page_url(&base, &name, asked.clone(), limit, &key.to_string()));
    if csv {
        let simulated = app.store.config().simulated;
        let text = app.compute.run(move || table(&collection, &page, simulated)).await?;
        return Ok(tag.on(with_counts(bytes(super::csv::MEDIA_TYPE, text), matched, next.as_deref())));
    }
    let own = page_url(&base, &name, asked, limit, "");
    let simulated = app.store.config().simulated;
    let body = stream_page(collection, page, &own, next.as_deref(), &format!("{base}/collections/{name}"), simulated);
    Ok(tag.on(with_counts(bytes(GEOJSON, body), matched, next.as_deref())))
}

/// A page as a table.
fn table(collection: &Collection, page: &Page, simulated: bool) -> String {
    let names = Collection::class_names(&collection.city);
    let mut csv = Csv::of_class(&collection.class, simulated);
    for feature in &page.features {
        csv.feature(&collection.item_id(feature), &collection.class, feature, &names);
    }
    csv.into_text()
}

/// Count and next page as headers too, for formats that have no place for them.
fn with_counts(mut response: Response, matched: u64, next: Option<&str>) -> Response {
    response.headers_mut().insert("ogc-numbermatched", matched.into());
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok()) {
        response.headers_mut().insert(header::LINK, next);
    }
    response
}

/// One feature, by number or public id.
pub async fn one(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    mut params: Params,
) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    let collection = Collection::find(&app, &app.view(), &name).await?;
    let feature = collection.item(&id).ok_or_else(|| unknown(&name, &id))?;
    let tag = item_tag(&app, &collection, &feature);
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    Ok(tag.on(bytes(GEOJSON, item_body(&app, &collection, &feature, &base_url(&headers)))))
}

/// All versions of a feature, newest first.
pub async fn history(State(app): State<App>, Path((name, id)): Path<(String, String)>, mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    let view = app.view();
    let collection = Collection::find(&app, &view, &name).await?;
    let unknown = || unknown(&name, &id);
    let id = super::edit::stored_id(&collection, &id).ok_or_else(unknown)?;
    let versions = app.with_store(move |store| store.history(id)).await?.map_err(super::edit::refused_by_store(&name))?;
    if versions.is_empty() {
        return Err(unknown());
    }
    let names = Collection::class_names(&view.city);
    let shown: Vec<_> = versions.iter().rev().map(|version| version_json(version, &collection.class, &names)).collect::<Result<_, _>>()?;
    json(&object!({"id": format!("{name}.{}", id.fid), "versions": shown}))
}

fn version_json(version: &Version, class: &Class, names: &dyn Fn(FeatureId) -> Option<String>) -> ApiResult<serde_json::Value> {
    let feature = match &version.feature {
        None => serde_json::Value::Null,
        Some(feature) => {
            let mut bytes = Vec::new();
            write_feature(&mut bytes, &format!("{}.{}", class.id, feature.id.fid), class, feature, names, b"");
            serde_json::from_slice(&bytes).map_err(ApiError::internal)?
        }
    };
    Ok(object!({
        "revision": version.revision,
        "time": version.at.map(|at| at.to_string()),
        "author": version.author,
        "source": version.source,
        "load": version.load,
        "deleted": version.feature.is_none(),
        "feature": feature,
    }))
}

pub fn unknown(collection: &str, id: &str) -> ApiError {
    ApiError::new(Kind::FeatureUnknown).with("collection", collection).with("id", id)
}

/// The ETag of one feature is the revision that made it: what `If-Match` wants back.
pub fn item_tag(app: &App, collection: &Collection, feature: &Feature) -> Etag {
    if collection.is_computed() { collection.tag(app, "item") } else { Etag::new(&app.city_tag, format_args!("rev-{}", feature.revision)) }
}

pub fn item_body(app: &App, collection: &Collection, feature: &Feature, base: &str) -> Vec<u8> {
    let id = collection.item_id(feature);
    let of = format!("{base}/collections/{}", collection.class.id);
    let links = object!([
        link(&format!("{of}/items/{id}"), "self", GEOJSON, "This feature"),
        link(&of, "collection", super::reply::JSON, "Its collection"),
    ]);
    let simulated = if app.store.config().simulated { ",\"simulated\":true" } else { "" };
    let extra = format!(",\"revision\":{}{simulated},\"links\":{links}", feature.revision);
    let mut out = Vec::with_capacity(1024);
    write_feature(&mut out, &id, &collection.class, feature, &Collection::class_names(&collection.city), extra.as_bytes());
    out
}

/// What a query asks of a collection.
struct Query {
    window: Option<Vec<citytwin_model::Bounds>>,
    after: Option<PageKey>,
    limit: usize,
    /// Attribute by place, and the text that its value must have.
    equal: Vec<(usize, String)>,
    /// Part of code or name, in lower case.
    words: Option<String>,
}

impl Query {
    fn take(params: &mut Params, class: &Class) -> ApiResult<Self> {
        let window = params.take_bbox()?;
        let limit = params.take_limit(DEFAULT_LIMIT, MAX_LIMIT)?;
        let after = params.take_as::<PageKey>("next")?;
        let words = params.take("q").filter(|q| !q.trim().is_empty()).map(|q| q.trim().to_lowercase());
        // No class here has a time of its own, so every feature matches every time; but it must be one.
        if let Some(text) = params.take("datetime").filter(|text| !is_datetime(text)) {
            return Err(ApiError::new(Kind::ParameterInvalid).with("name", "datetime").with("value", text));
        }
        let mut equal = Vec::new();
        for (name, value) in params.rest() {
            match class.attribute_index(&name) {
                Some(place) => equal.push((place, value)),
                None => return Err(ApiError::new(Kind::ParameterUnknown).with("name", name)),
            }
        }
        Ok(Self { window, after, limit, equal, words })
    }

    fn run(&self, collection: &Collection) -> Page {
        let class = &collection.class;
        let names = Collection::class_names(&collection.city);
        let named = [class.attribute_index("code"), class.attribute_index("name")];
        let filter = |feature: &Feature| {
            let equal = self.equal.iter().all(|(place, wanted)| {
                let value = feature.attributes.get(*place).unwrap_or(&Value::Null);
                is_text(value, &class.attributes[*place].ty, wanted, &names)
            });
            let found = self.words.as_ref().is_none_or(|words| {
                named.iter().flatten().any(|place| {
                    feature.attributes.get(*place).and_then(Value::as_text).is_some_and(|text| text.to_lowercase().contains(words))
                })
            });
            equal && found
        };
        let asks = !self.equal.is_empty() || self.words.is_some();
        let filter: Option<&dyn Fn(&Feature) -> bool> = if asks { Some(&filter) } else { None };
        collection.city.page_where(class.no, self.window.as_deref(), filter, self.after, self.limit)
    }
}

/// Whether a value is what was typed. Numbers compare as numbers, references as public ids.
fn is_text(value: &Value, ty: &AttributeType, wanted: &str, names: &dyn Fn(FeatureId) -> Option<String>) -> bool {
    match value {
        Value::Null => false,
        Value::Text(text) => text == wanted,
        Value::Bool(b) => wanted == if *b { "true" } else { "false" },
        Value::Int(n) if matches!(ty, AttributeType::Ref(_)) => {
            let id = u64::try_from(*n).ok().and_then(FeatureId::from_wire);
            wanted == n.to_string() || id.is_some_and(|id| names(id).is_some_and(|name| format!("{name}.{}", id.fid) == wanted))
        }
        Value::Int(n) => wanted.parse() == Ok(*n),
        Value::Real(x) => wanted.parse() == Ok(*x),
    }
}

/// An instant, an interval of two, or one that is open on a side.
fn is_datetime(text: &str) -> bool {
    let instant = |text: &str| text.parse::<Timestamp>().is_ok();
    match text.split_once('/') {
        None => text.is_empty() || instant(text),
        Some((from, to)) => {
            let open = |text: &str| text.is_empty() || text == "..";
            (open(from) || instant(from)) && (open(to) || instant(to)) && !(open(from) && open(to))
        }
    }
}

fn page_url(base: &str, collection: &str, mut params: Params, limit: usize, next: &str) -> String {
    params.take("next");
    params.take("limit");
    let mut url = format!("{base}/collections/{collection}/items?limit={limit}");
    for (name, value) in params.rest() {
        url.push_str(&format!("&{}={}", escape(&name), escape(&value)));
    }
    if !next.is_empty() {
        url.push_str(&format!("&next={next}"));
    }
    url
}

/// Percent-encodes everything but the unreserved characters and the comma.
fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~,".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The page as a body that is encoded piece by piece, as the client takes it.
fn stream_page(collection: Arc<Collection>, page: Page, own: &str, next: Option<&str>, of: &str, simulated: bool) -> Body {
    let mut links = vec![link(own, "self", GEOJSON, "This page"), link(of, "collection", super::reply::JSON, "The collection")];
    links.extend(next.map(|next| link(next, "next", GEOJSON, "The next page")));
    let mut head = Vec::with_capacity(CHUNK_BYTES + 4096);
    head.extend_from_slice(br#"{"type":"FeatureCollection","numberMatched":"#);
    head.extend_from_slice(page.matched.to_string().as_bytes());
    head.extend_from_slice(br#","numberReturned":"#);
    head.extend_from_slice(page.features.len().to_string().as_bytes());
    head.extend_from_slice(br#","timeStamp":"#);
    write_text(&mut head, &crate::clock::now().to_string());
    if simulated {
        head.extend_from_slice(br#","simulated":true"#);
    }
    head.extend_from_slice(br#","links":"#);
    head.extend_from_slice(serde_json::Value::from(links).to_string().as_bytes());
    head.extend_from_slice(br#","features":["#);
    let names = Collection::class_names(&collection.city);
    let mut features = page.features.into_iter();
    let (mut first, mut ended) = (true, false);
    let mut out = head;
    let chunks = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        while out.len() < CHUNK_BYTES {
            let Some(feature) = features.next() else {
                out.extend_from_slice(b"]}");
                ended = true;
                break;
            };
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_feature(&mut out, &collection.item_id(&feature), &collection.class, &feature, &names, b"");
        }
        Some(Ok::<_, Infallible>(Bytes::from(std::mem::replace(&mut out, Vec::with_capacity(CHUNK_BYTES + 4096)))))
    });
    Body::from_stream(futures_util::stream::iter(chunks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_or_an_interval() {
        for good in [
            "2026-11-21T00:00:00Z",
            "2026-11-21T00:00:00Z/..",
            "../2026-11-21T00:00:00Z",
            "/2026-11-21T00:00:00Z",
            "2026-11-21T00:00:00Z/2026-11-22T00:00:00Z",
        ] {
            assert!(is_datetime(good), "{good}");
        }
        for bad in ["yesterday", "../..", "/", "2026-11-21T00:00:00Z/x"] {
            assert!(!is_datetime(bad), "{bad}");
        }
    }

    #[test]
    fn links_keep_what_was_asked() {
        let params = Params::parse("bbox=1,2,3,4&name=%E4%B8%AD%26&limit=7&next=abc").unwrap();
        assert_eq!(
            page_url("http://h", "road", params, 7, "def"),
            "http://h/collections/road/items?limit=7&bbox=1,2,3,4&name=%E4%B8%AD%26&next=def"
        );
    }
}
