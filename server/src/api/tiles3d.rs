//! `/3dtiles`: 3D Tiles 1.1 of the city, one implicit tileset per layer group, and the overlays' bytes for each tile.

use super::params::Params;
use super::reply::{Etag, bytes, json};
use crate::app::App;
use crate::overlays::{COVERAGE, RISK};
use crate::problem::{ApiError, ApiResult, Kind};
use crate::view::View;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_model::class::Group;
use citytwin_model::{Bounds, City, FeatureId, LocalPoint, Revision};
use citytwin_tiles::grid::TileId;
use citytwin_tiles::tiles3d::Leaf;
use citytwin_tiles::tileset::Tileset;
use serde_json::json as object;

/// Grows when the same features become other bytes.
const ENCODER: u32 = 2;
const GLB: &str = "model/gltf-binary";
const BYTES: &str = "application/octet-stream";
/// What lies outside a leaf and still reaches into it: the widest road, and the ground's skirt.
const REACH_M: f64 = 60.0;
/// A leaf's overlay ids stand before its glb on the shelf.
type Numbers = u32;

/// On the shelf: group, leaf, revision.
pub type LeafKey = (Group, TileId, Revision);

/// The city's tileset.
pub async fn tileset(State(app): State<App>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    params.done()?;
    let at = app.scenes.at(app.view().revision()).await?;
    let tag = Etag::new(&app.city_tag, format_args!("s{ENCODER}-{}", at.revision));
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    Ok(tag.on(tileset_json(&app, &at.scene.tileset())?))
}

/// One layer group's tileset.
pub async fn group_tileset(State(app): State<App>, Path(group): Path<String>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    params.done()?;
    let group = Group::from_id(&group).ok_or_else(|| ApiError::new(Kind::LayerUnknown).with("layer", &group))?;
    let at = app.scenes.at(app.view().revision()).await?;
    let tag = Etag::new(&app.city_tag, format_args!("s{ENCODER}-{}", at.revision));
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    Ok(tag.on(tileset_json(&app, &at.scene.group_tileset(group))?))
}

/// A made-up city says so to whoever takes the tileset elsewhere.
fn tileset_json(app: &App, tileset: &Tileset) -> ApiResult<Response> {
    let mut made = serde_json::to_value(tileset).map_err(ApiError::internal)?;
    if app.store.config().simulated {
        made["asset"]["extras"] = object!({"simulated": true, "label": "模拟数据 simulated data"});
    }
    json(&made)
}

/// A subtree, a leaf's content, or an overlay's bytes for it.
pub async fn tile(
    State(app): State<App>,
    Path((group, level, x, tile)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    let outside = || ApiError::new(Kind::TileOutside).with("tile", format!("{group}/{level}/{x}/{tile}"));
    let of = Group::from_id(&group).ok_or_else(|| ApiError::new(Kind::LayerUnknown).with("layer", &group))?;
    let (y, kind) = tile.split_once('.').ok_or_else(outside)?;
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let id = number(&level).and_then(|level| TileId::new(u8::try_from(level).ok()?, number(&x)?, number(y)?)).ok_or_else(outside)?;
    match kind {
        "subtree" => subtree(&app, of, id, &headers, params).await,
        "glb" => content(&app, of, id, &headers, params).await,
        "values" => values(&app, of, id, &headers, params).await,
        _ => Err(outside()),
    }
}

fn nothing_there(group: Group, tile: TileId) -> ApiError {
    ApiError::new(Kind::NotFound).with("path", format!("/3dtiles/{}/{}/{}/{}", group.id(), tile.level(), tile.x(), tile.y()))
}

async fn subtree(app: &App, group: Group, tile: TileId, headers: &HeaderMap, params: Params) -> ApiResult<Response> {
    params.done()?;
    let at = app.scenes.at(app.view().revision()).await?;
    let tag = Etag::new(&app.city_tag, format_args!("s{ENCODER}-{}", at.revision));
    if let Some(unchanged) = tag.unchanged(headers) {
        return Ok(unchanged);
    }
    let subtree = app.compute.run(move || at.scene.subtree(group, tile)).await?;
    Ok(tag.on(bytes(BYTES, subtree.ok_or_else(|| nothing_there(group, tile))?)))
}

async fn content(app: &App, group: Group, tile: TileId, headers: &HeaderMap, params: Params) -> ApiResult<Response> {
    params.done()?;
    let view = app.view();
    let revision = leaf_revision(&view, group, tile);
    let tag = Etag::new(&app.city_tag, format_args!("g{ENCODER}-{revision}"));
    if let Some(unchanged) = tag.unchanged(headers) {
        return Ok(unchanged);
    }
    let made = leaf(app, view, group, tile, revision).await?;
    let (_, glb) = split(&made).ok_or_else(|| nothing_there(group, tile))?;
    Ok(tag.on(bytes(GLB, glb)))
}

/// One byte per feature in the leaf's order.
async fn values(app: &App, group: Group, tile: TileId, headers: &HeaderMap, mut params: Params) -> ApiResult<Response> {
    let name = params.take("overlay").unwrap_or_default();
    params.done()?;
    if name != RISK && name != COVERAGE {
        return Err(ApiError::new(Kind::OverlayUnknown).with("overlay", name));
    }
    let results = app.overlays.results().await?;
    let view = app.view();
    let revision = leaf_revision(&view, group, tile);
    let tag = Etag::new(&app.city_tag, format_args!("v{ENCODER}-{name}-{revision}-{}", results.edition()));
    if let Some(unchanged) = tag.unchanged(headers) {
        return Ok(unchanged);
    }
    let made = leaf(app, view, group, tile, revision).await?;
    let (ids, _) = split(&made).ok_or_else(|| nothing_there(group, tile))?;
    let overlay = results.overlay(&name).ok_or(Kind::NotReady)?;
    let values: Vec<u8> = ids.map(|id| overlay.byte(id)).collect();
    Ok(tag.on(bytes(BYTES, values)))
}

/// The ids of a leaf's features and its glb, as one piece; empty where there is nothing.
async fn leaf(app: &App, view: std::sync::Arc<View>, group: Group, tile: TileId, revision: Revision) -> ApiResult<Bytes> {
    let key = (group, tile, revision);
    if let Some(made) = app.leaves.get(&key) {
        return Ok(made);
    }
    let made = app
        .compute
        .run(move || Leaf::of(&view.city, group, tile).map(|leaf| joined(&leaf, &leaf.glb(&view.city))).unwrap_or_default())
        .await?;
    app.leaves.put(key, made.clone());
    Ok(made)
}

fn joined(leaf: &Leaf, glb: &[u8]) -> Bytes {
    let ids: Vec<u64> = leaf.ids().map(FeatureId::wire).collect();
    let mut made = Vec::with_capacity(4 + 8 * ids.len() + glb.len());
    made.extend_from_slice(&(ids.len() as Numbers).to_le_bytes());
    ids.iter().for_each(|id| made.extend_from_slice(&id.to_le_bytes()));
    made.extend_from_slice(glb);
    made.into()
}

fn split(made: &Bytes) -> Option<(impl Iterator<Item = FeatureId> + '_, Bytes)> {
    let count = Numbers::from_le_bytes(made.get(..4)?.try_into().ok()?) as usize;
    let ids = made.get(4..4 + 8 * count)?;
    let ids = ids.chunks_exact(8).filter_map(|id| FeatureId::from_wire(u64::from_le_bytes(id.try_into().ok()?)));
    Some((ids, made.slice(4 + 8 * count..)))
}

/// The last revision that touched what a leaf may show.
fn leaf_revision(view: &View, group: Group, tile: TileId) -> Revision {
    let rect = tile.rect();
    let mut bounds = Bounds::EMPTY;
    for east in [rect.west - REACH_M, rect.east + REACH_M] {
        for north in [rect.south - REACH_M, rect.north + REACH_M] {
            // Up and down the leaf leans by less than the reach.
            let p = view.city.frame().position(LocalPoint::new(east, north, 0.0));
            bounds.include(p.lon, p.lat);
        }
    }
    let classes = view.city.classes().iter().filter(|class| class.group == Some(group));
    classes.map(|class| view.fresh.within(class.no, &bounds)).max().unwrap_or_else(|| view.fresh.base())
}
