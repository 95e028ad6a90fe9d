//! `/xyz`: vector tiles in the form that map libraries expect. Layers are named like collections; the computed ones are
//! layers too.

use super::params::Params;
use super::reply::{Etag, base_url, bytes, json};
use crate::app::App;
use crate::overlays::{Results, is_computed};
use crate::problem::{ApiError, ApiResult, Kind};
use crate::view::View;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use citytwin_model::{AttributeType, City, Class, Feature, GeometryKind, Revision};
use citytwin_tiles::mvt::{self, Layer, TileCoord};
use serde_json::json as object;
use std::sync::Arc;

/// Clients draw deeper zooms from tiles of this one, which are exact to half a pixel already.
pub const MAX_DATA_ZOOM: u8 = 16;
/// Grows when the same features become other bytes.
const ENCODER: u32 = 1;
const MVT: &str = "application/vnd.mapbox-vector-tile";
const MAX_LAYERS: usize = 64;

/// On the shelf: layers in an order of their own, tile, edition.
pub type TileKey = (String, TileCoord, String);

/// A vector tile.
pub async fn tile(
    State(app): State<App>,
    Path((layers, z, x, tile)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    params.done()?;
    let coord = coord(&z, &x, &tile).ok_or_else(|| ApiError::new(Kind::TileOutside).with("tile", format!("{z}/{x}/{tile}")))?;
    let view = app.view();
    let asked = Asked::find(&app, &view, &layers).await?;
    let edition = asked.edition(&view, coord);
    let tag = Etag::new(&app.city_tag, format_args!("t{ENCODER}-{edition}"));
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    let key = (asked.name(), coord, edition);
    let encoded = match app.tiles.get(&key) {
        Some(encoded) => encoded,
        None => {
            let encoded = Bytes::from(app.compute.run(move || asked.encode(&view, coord)).await?);
            app.tiles.put(key, encoded.clone());
            encoded
        }
    };
    if encoded.is_empty() {
        return Ok(tag.on(StatusCode::NO_CONTENT.into_response()));
    }
    Ok(tag.on(bytes(MVT, encoded)))
}

/// TileJSON of a set of layers.
pub async fn tilejson(State(app): State<App>, Path(layers): Path<String>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    params.done()?;
    let Some(layers) = layers.strip_suffix(".json") else {
        return Err(ApiError::new(Kind::NotFound).with("path", format!("/xyz/{layers}")));
    };
    let view = app.view();
    let asked = Asked::find(&app, &view, layers).await?;
    let layer = |class: &Class| {
        let fields = class.attributes.iter().filter(|attribute| attribute.in_tiles || attribute.id == "code" || attribute.id == "name");
        let fields: serde_json::Map<_, _> = fields.map(|attribute| (attribute.id.clone(), field_type(&attribute.ty).into())).collect();
        object!({
            "id": class.id,
            "description": format!("{} {}", class.label.zh, class.label.en),
            "minzoom": class.symbol.min_zoom,
            "maxzoom": MAX_DATA_ZOOM,
            "fields": fields,
        })
    };
    let config = app.store.config();
    let mut tilejson = object!({
        "tilejson": "3.0.0",
        "name": layers,
        "tiles": [format!("{}/xyz/{layers}/{{z}}/{{x}}/{{y}}.mvt", base_url(&headers))],
        "minzoom": 0,
        "maxzoom": MAX_DATA_ZOOM,
        "vector_layers": asked.classes().map(|class| layer(class)).collect::<Vec<_>>(),
        "center": [config.origin[0], config.origin[1], 14],
    });
    if let Some(b) = view.city.bounds() {
        tilejson["bounds"] = object!([b.west, b.south, b.east, b.north]);
    }
    if let Some(attribution) = super::style::attribution(&app).await? {
        tilejson["attribution"] = attribution.into();
    }
    json(&tilejson)
}

fn field_type(ty: &AttributeType) -> &'static str {
    match ty {
        AttributeType::Bool => "Boolean",
        AttributeType::Int | AttributeType::Real => "Number",
        _ => "String",
    }
}

/// `16/53886/27041.mvt`; `.pbf` is the same.
fn coord(z: &str, x: &str, tile: &str) -> Option<TileCoord> {
    let y = tile.strip_suffix(".mvt").or_else(|| tile.strip_suffix(".pbf"))?;
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    TileCoord::new(u8::try_from(number(z)?).ok()?, number(x)?, number(y)?)
}

/// The layers that were named. However their names are ordered, it is the same tile.
struct Asked {
    /// Every class that can be drawn was meant.
    all: bool,
    classes: Vec<Arc<Class>>,
    /// Names of computed collections, and the results that hold them.
    computed: Vec<String>,
    results: Option<Arc<Results>>,
}

impl Asked {
    /// `all` is every class of the city that can be drawn; the computed layers are asked for by name.
    async fn find(app: &App, view: &View, names: &str) -> ApiResult<Self> {
        let mut asked = Self { all: names == "all", classes: Vec::new(), computed: Vec::new(), results: None };
        if asked.all {
            asked.classes = view.city.classes().iter().filter(|class| class.geometry != GeometryKind::None).cloned().collect();
            return Ok(asked);
        }
        for name in names.split(',') {
            let unknown = || ApiError::new(Kind::LayerUnknown).with("layer", name);
            if asked.classes.len() + asked.computed.len() == MAX_LAYERS {
                return Err(unknown());
            }
            // A tile has one layer of a name.
            if asked.classes.iter().any(|class| class.id == name) || asked.computed.iter().any(|known| known == name) {
                return Err(ApiError::new(Kind::LayerTwice).with("layer", name));
            }
            match view.city.class_by_id(name) {
                Some(class) if class.geometry != GeometryKind::None => asked.classes.push(class.clone()),
                None if is_computed(name) => asked.computed.push(name.to_owned()),
                _ => return Err(unknown()),
            }
        }
        asked.classes.sort_by_key(|class| class.no);
        asked.computed.sort();
        if !asked.computed.is_empty() {
            asked.results = Some(app.overlays.results().await?);
        }
        Ok(asked)
    }

    /// The same for the same layers, in whatever order they were named.
    fn name(&self) -> String {
        if self.all {
            return "all".to_owned();
        }
        let names: Vec<&str> = self.classes.iter().map(|class| class.id.as_str()).chain(self.computed.iter().map(String::as_str)).collect();
        names.join(",")
    }

    fn classes(&self) -> impl Iterator<Item = &Class> {
        let computed = self.results.iter().flat_map(|results| self.computed.iter().filter_map(|name| results.collection(name)));
        self.classes.iter().map(|class| &**class).chain(computed.map(|computed| &*computed.class))
    }

    /// The last revision that touched the tile. Results of analyses count as a whole.
    fn edition(&self, view: &View, coord: TileCoord) -> String {
        let touched: Option<Revision> =
            self.classes.iter().map(|class| view.fresh.tile(class.no, coord.zoom(), coord.x(), coord.y())).max();
        let results = self.results.as_ref().map(|results| results.edition());
        format!("{}.{}", touched.unwrap_or_default(), results.unwrap_or_default())
    }

    fn encode(&self, view: &View, coord: TileCoord) -> Vec<u8> {
        let bounds = coord.bounds();
        let mut found: Vec<(&Class, Vec<Arc<Feature>>)> = self
            .classes
            .iter()
            .filter(|class| mvt::is_shown(class, coord))
            .map(|class| (&**class, view.city.in_box(class.no, &bounds)))
            .collect();
        for computed in self.results.iter().flat_map(|results| self.computed.iter().filter_map(|name| results.collection(name))) {
            // In tiles a result carries the number of the feature that it speaks of, so that maps can join both.
            let renamed =
                computed.city.in_box(computed.class.no, &bounds).into_iter().map(|feature| match computed.origins.id(feature.id.fid) {
                    Some(id) => Arc::new(Feature { id, ..(*feature).clone() }),
                    None => feature,
                });
            found.push((&computed.class, renamed.collect()));
        }
        let layers: Vec<Layer> = found.iter().map(|(class, features)| Layer { class, features }).collect();
        mvt::encode(coord, &layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_three_plain_numbers_within_the_pyramid() {
        assert_eq!(coord("14", "13471", "6759.mvt"), TileCoord::new(14, 13_471, 6_759));
        assert_eq!(coord("0", "0", "0.pbf"), TileCoord::new(0, 0, 0));
        for (z, x, tile) in [
            ("14", "16384", "0.mvt"),
            ("23", "0", "0.mvt"),
            ("-1", "0", "0.mvt"),
            ("+1", "0", "0.mvt"),
            ("1", "0", "0.png"),
            ("1", "0", "x.mvt"),
            ("300", "0", "0.mvt"),
            ("1", "99999999999", "0.mvt"),
        ] {
            assert_eq!(coord(z, x, tile), None, "{z}/{x}/{tile}");
        }
    }
}
