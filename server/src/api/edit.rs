//! Create, replace, patch and delete features (OGC API Features part 4). Needs the key; each is one revision.

use super::collections::{Collection, name_of};
use super::items::{item_body, item_tag, unknown};
use super::reply::{GEOJSON, base_url, bytes};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind};
use crate::view::View;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use citytwin_model::ids::{parse_fid, parse_public_id};
use citytwin_model::{AttributeType, City, Class, Feature, FeatureId, Geometry, Position, Revision, Timestamp, Value};
use citytwin_store::{Edit, Refusal, StoreError};
use citytwin_wire::catalogue::{geometry_word, type_word};
use citytwin_wire::geojson::{GeometryError, read_geometry};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// Who a change is written down for, until users exist: whoever holds the key.
const AUTHOR: &str = "admin";
const SOURCE: &str = "api";

/// Make a feature.
pub async fn create(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> ApiResult<Response> {
    let view = app.view();
    let collection = writable(&app, &view, &name).await?;
    let sent = Sent::read(&body)?;
    let geometry = sent.geometry(&collection.class)?.flatten();
    let mut attributes = vec![Value::Null; collection.class.attributes.len()];
    let mut other = None;
    sent.fill(&view, &collection.class, &mut attributes, &mut other)?;
    let edit = Edit::Create { class: collection.class.no, geometry, attributes, other };
    let id = write(&app, &collection, edit).await?;
    let mut response = answer(&app, &collection.class, id, &headers, StatusCode::CREATED).await?;
    let location = format!("{}/collections/{name}/items/{name}.{}", base_url(&headers), id.fid);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(&location).map_err(ApiError::internal)?);
    Ok(response)
}

/// Replace a feature: what is not sent becomes empty.
pub async fn replace(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    let view = app.view();
    let collection = writable(&app, &view, &name).await?;
    let old = stored(&app, &collection, &id).await?;
    let sent = Sent::read(&body)?;
    let geometry = sent.geometry(&collection.class)?.flatten().map(|new| keep_stored_digits(new, old.geometry.as_ref()));
    let mut attributes = vec![Value::Null; collection.class.attributes.len()];
    let mut other = None;
    sent.fill(&view, &collection.class, &mut attributes, &mut other)?;
    let edit = Edit::Replace { id: old.id, if_match: if_match(&app, &headers, &old)?, geometry, attributes, other };
    write(&app, &collection, edit).await?;
    answer(&app, &collection.class, old.id, &headers, StatusCode::OK).await
}

/// Change what is sent and leave the rest (a JSON merge patch of the feature).
pub async fn patch(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    let view = app.view();
    let collection = writable(&app, &view, &name).await?;
    let old = stored(&app, &collection, &id).await?;
    let sent = Sent::read(&body)?;
    let geometry = match sent.geometry(&collection.class)? {
        Some(new) => new,
        None => old.geometry.clone(),
    };
    let (mut attributes, mut other) = (old.all_values(&collection.class), old.other.clone());
    sent.fill(&view, &collection.class, &mut attributes, &mut other)?;
    // The rest is left as it was read: someone else's change in between must not be undone without a word.
    let if_match = if_match(&app, &headers, &old)?.or(Some(old.revision));
    write(&app, &collection, Edit::Replace { id: old.id, if_match, geometry, attributes, other }).await?;
    answer(&app, &collection.class, old.id, &headers, StatusCode::OK).await
}

/// Remove a feature. Its history stays.
pub async fn delete(State(app): State<App>, Path((name, id)): Path<(String, String)>, headers: HeaderMap) -> ApiResult<Response> {
    let view = app.view();
    let collection = writable(&app, &view, &name).await?;
    let old = stored(&app, &collection, &id).await?;
    write(&app, &collection, Edit::Delete { id: old.id, if_match: if_match(&app, &headers, &old)? }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What may be done with a collection.
pub async fn collection_options(State(app): State<App>, Path(name): Path<String>) -> ApiResult<Response> {
    let collection = Collection::find(&app, &app.view(), &name).await?;
    Ok(allow(if collection.is_computed() { "GET, HEAD, OPTIONS" } else { "GET, HEAD, POST, OPTIONS" }))
}

/// What may be done with a feature. PATCH is always among it: QGIS's PUT would round coordinates.
pub async fn item_options(State(app): State<App>, Path((name, _)): Path<(String, String)>) -> ApiResult<Response> {
    let collection = Collection::find(&app, &app.view(), &name).await?;
    Ok(allow(if collection.is_computed() { "GET, HEAD, OPTIONS" } else { "GET, HEAD, PUT, PATCH, DELETE, OPTIONS" }))
}

fn allow(methods: &'static str) -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, HeaderValue::from_static(methods))]).into_response()
}

async fn writable(app: &App, view: &View, name: &str) -> ApiResult<Collection> {
    let collection = Collection::find(app, view, name).await?;
    if collection.is_computed() {
        return Err(ApiError::new(Kind::CollectionComputed).with("collection", name));
    }
    Ok(collection)
}

/// The feature's number from its path, whether or not it is there now.
pub fn stored_id(collection: &Collection, id: &str) -> Option<FeatureId> {
    let fid = match parse_public_id(id) {
        Some((class, fid)) if class == collection.class.id => fid,
        Some(_) => return None,
        None => parse_fid(id)?,
    };
    (!collection.is_computed()).then(|| FeatureId::new(collection.class.no, fid))
}

/// The feature as it is on disk, not as the snapshot has it.
async fn stored(app: &App, collection: &Collection, id: &str) -> ApiResult<Feature> {
    let name = collection.class.id.clone();
    let found = stored_id(collection, id).ok_or_else(|| unknown(&name, id))?;
    let feature = app.with_store(move |store| store.feature(found)).await?.map_err(refused_by_store(&name))?;
    feature.ok_or_else(|| unknown(&name, id))
}

async fn write(app: &App, collection: &Collection, edit: Edit) -> ApiResult<FeatureId> {
    let written = app.with_store(move |store| store.write(AUTHOR, SOURCE, std::slice::from_ref(&edit))).await?;
    let written = written.map_err(refused_by_store(&collection.class.id))?;
    let id = *written.ids.first().ok_or_else(|| ApiError::internal("a write without a feature"))?;
    tracing::info!(target: "audit", author = AUTHOR, revision = written.revision, feature = id.wire(), "feature written");
    app.await_revision(written.revision).await;
    Ok(id)
}

/// The feature as it stands now, with the ETag for the next change.
async fn answer(app: &App, class: &Class, id: FeatureId, headers: &HeaderMap, status: StatusCode) -> ApiResult<Response> {
    let collection = Collection::find(app, &app.view(), &class.id).await?;
    let feature = app.with_store(move |store| store.feature(id)).await?.map_err(refused_by_store(&class.id))?;
    let feature = feature.ok_or_else(|| unknown(&class.id, &id.fid.to_string()))?;
    let mut response = bytes(GEOJSON, item_body(app, &collection, &feature, &base_url(headers)));
    *response.status_mut() = status;
    Ok(item_tag(app, &collection, &feature).on(response))
}

/// The revision that `If-Match` asks for: of several tags the one that the feature has. Absent: an unconditional change,
/// written down as such, unless the city forbids it.
fn if_match(app: &App, headers: &HeaderMap, old: &Feature) -> ApiResult<Option<Revision>> {
    if !headers.contains_key(header::IF_MATCH) {
        if app.store.config().require_if_match {
            return Err(Kind::ConditionRequired.into());
        }
        tracing::info!(target: "audit", author = AUTHOR, "unconditional change");
        return Ok(None);
    }
    let lines: Vec<&str> = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok()).collect();
    let text = lines.join(", ");
    let tags: Vec<&str> = text.split(',').map(str::trim).collect();
    if tags == ["*"] {
        return Ok(None);
    }
    let revision = |tag: &str| -> Option<Revision> {
        let bare = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        bare.strip_prefix(&app.city_tag)?.strip_prefix("-rev-")?.parse().ok()
    };
    // The store looks again under its lock: what was read a moment ago may have changed since.
    if tags.iter().any(|tag| revision(tag) == Some(old.revision)) {
        return Ok(Some(old.revision));
    }
    let expected = tags.iter().find_map(|tag| revision(tag)).map_or(text.clone(), |revision| revision.to_string());
    Err(ApiError::new(Kind::RevisionChanged).with("expected", expected).with("found", old.revision))
}

/// The body as it came.
struct Sent(Map<String, Json>);

impl Sent {
    fn read(body: &[u8]) -> ApiResult<Self> {
        let invalid = |reason: &dyn std::fmt::Display| ApiError::new(Kind::BodyInvalid).with("reason", reason);
        let json: Json = serde_json::from_slice(body).map_err(|error| invalid(&error))?;
        match json {
            Json::Object(object) if object.get("type").is_none_or(|ty| ty == "Feature") => Ok(Self(object)),
            _ => Err(ApiError::new(Kind::BodyInvalid).with("reason", "type: Feature")),
        }
    }

    /// Outer `None`: not spoken of. Inner `None`: none.
    fn geometry(&self, class: &Class) -> ApiResult<Option<Option<Geometry>>> {
        let Some(json) = self.0.get("geometry") else { return Ok(None) };
        if json.is_null() {
            return Ok(Some(None));
        }
        let geometry = read_geometry(json).map_err(geometry_refused)?;
        if geometry.kind() != class.geometry {
            let (found, wanted) = (geometry_word(geometry.kind()), geometry_word(class.geometry));
            return Err(ApiError::new(Kind::GeometryKindWrong).with("found", found).with("wanted", wanted));
        }
        Ok(Some(Some(geometry)))
    }

    /// Puts the sent properties in their places.
    fn fill(&self, view: &View, class: &Class, attributes: &mut [Value], other: &mut Option<String>) -> ApiResult<()> {
        let properties = match self.0.get("properties") {
            None | Some(Json::Null) => return Ok(()),
            Some(Json::Object(properties)) => properties,
            Some(_) => return Err(ApiError::new(Kind::BodyInvalid).with("reason", "properties: {…}")),
        };
        for (name, json) in properties {
            if let Some(place) = class.attribute_index(name) {
                attributes[place] = value(view, name, &class.attributes[place].ty, json)?;
                continue;
            }
            match (name.as_str(), json) {
                ("other", Json::Null) => *other = None,
                ("other", Json::Object(object)) => *other = Some(Json::Object(object.clone()).to_string()),
                // QGIS sends the id back among the properties.
                ("id", _) => {}
                _ => return Err(ApiError::new(Kind::PropertyUnknown).with("name", name).with("collection", &class.id)),
            }
        }
        Ok(())
    }
}

fn value(view: &View, name: &str, ty: &AttributeType, json: &Json) -> ApiResult<Value> {
    let wrong = || ApiError::new(Kind::PropertyInvalid).with("name", name).with("value", json).with("wanted", type_word(ty));
    Ok(match (ty, json) {
        (_, Json::Null) => Value::Null,
        (AttributeType::Bool, Json::Bool(b)) => Value::Bool(*b),
        (AttributeType::Int, Json::Number(n)) => {
            let whole = n.as_i64().or_else(|| n.as_f64().filter(|x| x.fract() == 0.0 && x.abs() < 9e15).map(|x| x as i64));
            Value::Int(whole.ok_or_else(wrong)?)
        }
        (AttributeType::Real, Json::Number(n)) => Value::Real(n.as_f64().filter(|x| x.is_finite()).ok_or_else(wrong)?),
        (AttributeType::Text | AttributeType::Code(_), Json::String(text)) => Value::Text(text.clone()),
        (AttributeType::Date, Json::String(text)) if format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok() => Value::Text(text.clone()),
        (AttributeType::Time, Json::String(text)) if text.parse::<Timestamp>().is_ok() => Value::Text(text.clone()),
        (AttributeType::Ref(classes), _) => reference(view, name, classes, json)?,
        _ => return Err(wrong()),
    })
}

/// A reference is given as public id, wire number, or the code of what is meant; the store resolves a code.
fn reference(view: &View, name: &str, classes: &[String], json: &Json) -> ApiResult<Value> {
    let unknown = || ApiError::new(Kind::ReferenceUnknown).with("name", name).with("value", json);
    let id = match json {
        Json::Number(n) => n.as_u64().and_then(FeatureId::from_wire).ok_or_else(unknown)?,
        Json::String(text) => match parse_public_id(text).and_then(|(class, fid)| Some((view.city.class_by_id(class)?, fid))) {
            Some((class, fid)) => FeatureId::new(class.no, fid),
            None => return Ok(Value::Text(text.clone())),
        },
        _ => return Err(unknown()),
    };
    let class = view.city.class(id.class).ok_or_else(unknown)?;
    let may = classes.is_empty() || classes.contains(&class.id);
    if !may || view.city.feature(id).is_none() {
        return Err(ApiError::new(Kind::ReferenceUnknown).with("name", name).with("value", name_of(&view.city, id)));
    }
    i64::try_from(id.wire()).map(Value::Int).map_err(ApiError::internal)
}

/// QGIS's PUT rounds to 6 decimals. A vertex that equals a stored one at 6 decimals is the stored one; its height is kept
/// too where none is sent.
fn keep_stored_digits(mut new: Geometry, old: Option<&Geometry>) -> Geometry {
    let Some(old) = old else { return new };
    let key = |p: &Position| ((p.lon * 1e6).round() as i64, (p.lat * 1e6).round() as i64);
    let mut stored: HashMap<(i64, i64), Vec<Position>> = HashMap::new();
    old.for_each_vertex(|p| stored.entry(key(p)).or_default().push(*p));
    let heights = new.has_z;
    let mut all_known = true;
    new.for_each_vertex_mut(|p| {
        let near = stored.get(&key(p)).into_iter().flatten();
        // Of several at one place (the shaft of a drop pipe) the one of the same height.
        let found = near.min_by(|a, b| if heights { (a.z - p.z).abs().total_cmp(&(b.z - p.z).abs()) } else { std::cmp::Ordering::Equal });
        match found {
            Some(known) if !heights || !old.has_z || (known.z - p.z).abs() < 1e-6 => {
                let z = if old.has_z { known.z } else { p.z };
                *p = Position::new(known.lon, known.lat, z);
            }
            Some(known) => *p = Position::new(known.lon, known.lat, p.z),
            None => all_known = false,
        }
    });
    new.has_z = heights || (old.has_z && all_known);
    new
}

fn geometry_refused(error: GeometryError) -> ApiError {
    let (case, at) = match &error {
        GeometryError::NotGeometry { at } => ("not_geometry", at),
        GeometryError::Kind { at, .. } => ("kind", at),
        GeometryError::Position { at } => ("position", at),
        GeometryError::Range { at } => ("range", at),
        GeometryError::MixedHeights { at } => ("mixed_heights", at),
        GeometryError::ShortLine { at } => ("short_line", at),
        GeometryError::Ring { at } => ("ring", at),
        GeometryError::Empty { at } => ("empty", at),
    };
    ApiError::new(Kind::GeometryInvalid).case(case).with("at", at)
}

/// What the store refused, said of the collection as the client called it: a class's number means nothing to a reader.
pub fn refused_by_store(collection: &str) -> impl Fn(StoreError) -> ApiError {
    move |error| match error {
        StoreError::NoSuchFeature(id) => unknown(collection, &id.fid.to_string()),
        StoreError::UnknownClass(_) => ApiError::new(Kind::CollectionUnknown).with("collection", collection),
        StoreError::Conflict { expected, found, .. } => {
            ApiError::new(Kind::RevisionChanged).with("expected", expected).with("found", found)
        }
        StoreError::Busy => Kind::StoreLocked.into(),
        StoreError::DiskFull => Kind::DiskFull.into(),
        StoreError::Refused { refusal, .. } => refused(refusal),
        other => ApiError::internal(other),
    }
}

fn refused(refusal: Refusal) -> ApiError {
    let geometry = |case| ApiError::new(Kind::GeometryInvalid).case(case).with("at", "geometry");
    match refusal {
        Refusal::NoGeometry => geometry("empty"),
        Refusal::NeedlessGeometry => geometry("needless"),
        Refusal::GeometryKind { found, wanted } => ApiError::new(Kind::GeometryKindWrong).with("found", found).with("wanted", wanted),
        Refusal::SeveralParts => geometry("several_parts"),
        Refusal::ShortLine => geometry("short_line"),
        Refusal::BadRing => geometry("ring"),
        Refusal::OffTheEarth { .. } => geometry("range"),
        Refusal::AttributeType { attribute, found, wanted } => {
            ApiError::new(Kind::PropertyInvalid).with("name", attribute).with("value", found).with("wanted", wanted)
        }
        other => ApiError::new(Kind::BodyInvalid).with("reason", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::Shape;

    const STORED: Position = Position::new(116.123_456_789_012, 30.987_654_321_098, 12.345_678);

    fn put(new: Geometry, old: Geometry) -> Geometry {
        keep_stored_digits(new, Some(&old))
    }

    #[test]
    fn a_rounded_vertex_keeps_what_was_stored() {
        let old = Geometry::with_z(Shape::Line(vec![STORED, Position::new(116.2, 30.9, 1.0)]));
        let rounded =
            Geometry::with_z(Shape::Line(vec![Position::new(116.123457, 30.987654, 12.345_678), Position::new(116.3, 30.9, 2.0)]));
        let kept = put(rounded, old.clone());
        assert_eq!(kept.shape, Shape::Line(vec![STORED, Position::new(116.3, 30.9, 2.0)]));
        // A moved height is a change, a missing one is not.
        let raised = Geometry::with_z(Shape::Point(Position::new(116.123457, 30.987654, 13.0)));
        assert_eq!(put(raised, Geometry::with_z(Shape::Point(STORED))).shape, Shape::Point(Position::new(STORED.lon, STORED.lat, 13.0)));
        let flat = Geometry::flat(Shape::Point(Position::new(116.123457, 30.987654, 0.0)));
        assert_eq!(put(flat, Geometry::with_z(Shape::Point(STORED))), Geometry::with_z(Shape::Point(STORED)));
    }

    #[test]
    fn a_feature_that_went_in_between_is_named_by_its_collection() {
        let error = refused_by_store("hydrant")(StoreError::NoSuchFeature(FeatureId::new(citytwin_model::ClassNo(80), 7)));
        let said = error.detail(citytwin_assets::Lang::En);
        assert!(error.kind == Kind::FeatureUnknown && said.contains("hydrant") && said.contains('7') && !said.contains("80"), "{said}");
    }

    #[test]
    fn a_moved_vertex_is_taken_as_it_is_sent() {
        let moved = Geometry::flat(Shape::Point(Position::new(116.123458, 30.987654, 0.0)));
        assert_eq!(put(moved.clone(), Geometry::with_z(Shape::Point(STORED))), moved);
    }
}
