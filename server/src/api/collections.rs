//! `/collections`: what there is to ask for. One for each class that the city has, and one for each analysis.

use super::params::Params;
use super::reply::{Etag, JSON, base_url, json};
use crate::app::App;
use crate::instruments::public_id;
use crate::problem::{ApiError, ApiResult, Kind, lang_of};
use crate::view::View;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_assets::Lang;
use citytwin_index::Snapshot;
use citytwin_model::ids::{parse_fid, parse_public_id};
use citytwin_model::{AttributeType, Bounds, City, Class, Feature, FeatureId, GeometryKind};
use serde_json::{Value as Json, json as object};
use std::sync::Arc;

pub const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// A class of the city, or the result of an analysis that looks like one.
pub struct Collection {
    pub class: Arc<Class>,
    pub city: Snapshot,
    /// Changes whenever anything in it does.
    edition: String,
    /// What its features were computed from, by their number; `None` for a class of the city.
    origins: Option<Arc<crate::overlays::Origins>>,
}

impl Collection {
    pub async fn find(app: &App, view: &View, name: &str) -> ApiResult<Self> {
        if let Some(class) = view.city.class_by_id(name) {
            return Ok(Self {
                class: class.clone(),
                city: view.city.clone(),
                edition: view.fresh.class(class.no).to_string(),
                origins: None,
            });
        }
        if crate::overlays::is_computed(name) {
            let results = app.overlays.results().await?;
            if let Some(computed) = results.collection(name) {
                return Ok(Self {
                    class: computed.class.clone(),
                    city: computed.city.clone(),
                    edition: results.edition(),
                    origins: Some(computed.origins.clone()),
                });
            }
        }
        Err(ApiError::new(Kind::CollectionUnknown).with("collection", name))
    }

    /// All of them, the city's first. The computed ones are left out while they are being computed for the first time.
    fn all(app: &App, view: &View) -> Vec<Self> {
        let of_city = |class: &Arc<Class>| Self {
            class: class.clone(),
            city: view.city.clone(),
            edition: view.fresh.class(class.no).to_string(),
            origins: None,
        };
        let mut all: Vec<Self> = view.city.classes().iter().map(of_city).collect();
        if let Some(results) = app.overlays.newest() {
            all.extend(results.collections.iter().map(|computed| Self {
                class: computed.class.clone(),
                city: computed.city.clone(),
                edition: results.edition(),
                origins: Some(computed.origins.clone()),
            }));
        }
        all
    }

    pub fn is_computed(&self) -> bool {
        self.origins.is_some()
    }

    /// `what` tells apart what may be had of it.
    pub fn tag(&self, app: &App, what: &str) -> Etag {
        Etag::new(&app.city_tag, format_args!("{}{what}-{}", self.class.id, self.edition))
    }

    /// The public id of one of its features: of a computed one, the id of what it speaks of.
    pub fn item_id(&self, feature: &Feature) -> String {
        let origin = self.origins.as_ref().and_then(|origins| origins.of(feature.id.fid));
        match origin {
            Some(origin) => origin.to_owned(),
            None => format!("{}.{}", self.class.id, feature.id.fid),
        }
    }

    /// Finds a feature by number or public id.
    pub fn item(&self, id: &str) -> Option<Arc<Feature>> {
        let fid = match &self.origins {
            Some(origins) => origins.find(id)?,
            None => match parse_public_id(id) {
                Some((class, fid)) if class == self.class.id => fid,
                Some(_) => return None,
                None => parse_fid(id)?,
            },
        };
        self.city.feature(FeatureId::new(self.class.no, fid))
    }

    pub fn class_names(city: &Snapshot) -> impl Fn(FeatureId) -> Option<String> + use<> {
        let city = city.clone();
        move |id| city.class(id.class).map(|class| class.id.clone())
    }

    pub fn bounds(&self) -> Option<Bounds> {
        self.city.class_bounds(self.class.no)
    }

    fn describe(&self, base: &str, lang: Lang, simulated: bool) -> Json {
        let id = &self.class.id;
        let of = format!("{base}/collections/{id}");
        let label = |label: &citytwin_model::class::Label| if lang == Lang::Zh { label.zh.clone() } else { label.en.clone() };
        let mut collection = object!({
            "id": id,
            "title": label(&self.class.label),
            "itemType": "feature",
            "crs": [CRS84],
            "storageCrs": CRS84,
            "links": [
                link(&of, "self", JSON, "This collection"),
                link(&format!("{of}/items"), "items", super::reply::GEOJSON, "Its features"),
                link(&format!("{of}/schema"), "describedby", "application/schema+json", "Its attributes"),
                link(&format!("{base}/xyz/{id}.json"), "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector", JSON, "Vector tiles"),
            ],
        });
        if let Some(b) = self.bounds() {
            collection["extent"] = object!({"spatial": {"bbox": [[b.west, b.south, b.east, b.north]], "crs": CRS84}});
        }
        if simulated {
            collection["simulated"] = true.into();
            collection["description"] = "模拟数据 simulated data".into();
        }
        collection
    }
}

/// The collections.
pub async fn list(State(app): State<App>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    let view = app.view();
    let base = base_url(&headers);
    let (lang, simulated) = (lang_of(&headers), app.store.config().simulated);
    let all = app.clone();
    let document = app.compute.run(move || {
        let described =
            Collection::all(&all, &view).iter().map(|collection| collection.describe(&base, lang, simulated)).collect::<Vec<Json>>();
        object!({
            "links": [link(&format!("{base}/collections"), "self", JSON, "This document")],
            "collections": described,
        })
    });
    json(&document.await?)
}

/// One collection.
pub async fn one(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    let collection = Collection::find(&app, &app.view(), &name).await?;
    json(&collection.describe(&base_url(&headers), lang_of(&headers), app.store.config().simulated))
}

/// Its attributes as a JSON schema.
pub async fn schema(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    let collection = Collection::find(&app, &app.view(), &name).await?;
    let lang = lang_of(&headers);
    let mut properties = serde_json::Map::new();
    if collection.class.geometry != GeometryKind::None {
        properties.insert(
            "geometry".to_owned(),
            object!({"x-ogc-role": "primary-geometry", "format": geometry_format(collection.class.geometry)}),
        );
    }
    let mut required = Vec::new();
    for (place, attribute) in collection.class.attributes.iter().enumerate() {
        let mut property = property_schema(&attribute.ty);
        property["title"] = if lang == Lang::Zh { attribute.label.zh.clone().into() } else { attribute.label.en.clone().into() };
        property["x-ogc-propertySeq"] = (place + 1).into();
        if let Some(unit) = &attribute.unit {
            property["x-ogc-unit"] = unit.clone().into();
        }
        if attribute.required {
            required.push(attribute.id.clone());
        }
        properties.insert(attribute.id.clone(), property);
    }
    super::reply::typed_json(
        "application/schema+json",
        &object!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": format!("{}/collections/{name}/schema", base_url(&headers)),
            "title": collection.class.id,
            "type": "object",
            "properties": properties,
            "required": required,
        }),
    )
}

fn property_schema(ty: &AttributeType) -> Json {
    match ty {
        AttributeType::Bool => object!({"type": "boolean"}),
        AttributeType::Int => object!({"type": "integer"}),
        AttributeType::Real => object!({"type": "number"}),
        AttributeType::Text => object!({"type": "string"}),
        AttributeType::Date => object!({"type": "string", "format": "date"}),
        AttributeType::Time => object!({"type": "string", "format": "date-time"}),
        // Not an `enum`: a value that the list does not know is stored and is a finding.
        AttributeType::Code(codes) => object!({"type": "string", "examples": codes.iter().map(|code| &code.value).collect::<Vec<_>>()}),
        AttributeType::Ref(classes) => object!({"type": "string", "x-ogc-role": "reference", "x-citytwin-classes": classes}),
    }
}

fn geometry_format(kind: GeometryKind) -> &'static str {
    match kind {
        GeometryKind::Point => "geometry-point-or-multipoint",
        GeometryKind::Line => "geometry-linestring-or-multilinestring",
        GeometryKind::Area | GeometryKind::None => "geometry-polygon-or-multipolygon",
    }
}

pub fn link(href: &str, rel: &str, media_type: &str, title: &str) -> Json {
    object!({"href": href, "rel": rel, "type": media_type, "title": title})
}

/// Public id of a feature of the city, else its wire number.
pub fn name_of(city: &Snapshot, id: FeatureId) -> String {
    public_id(city, id).unwrap_or_else(|| id.wire().to_string())
}
