//! `/styles/citytwin`: a MapLibre style made from the catalogue. Only this server's tiles; no fonts or pictures, so
//! nothing is fetched from anywhere else.

use super::params::Params;
use super::reply::{Etag, JSON, base_url, bytes};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_model::class::Form;
use citytwin_model::{City, Class, GeometryKind};
use serde_json::{Value as Json, json as object};

const SOURCE: &str = "city";
const BACKGROUND: &str = "#f3f1ec";
/// A building whose height nobody recorded is drawn this high, so that it is seen.
const UNKNOWN_HEIGHT_M: f64 = 3.0;

/// The map's style.
pub async fn style(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    params.take_json()?;
    params.done()?;
    if name != "citytwin" {
        return Err(ApiError::new(Kind::NotFound).with("path", format!("/styles/{name}")));
    }
    let view = app.view();
    let base = base_url(&headers);
    let mut drawn: Vec<_> = view.city.classes().iter().filter(|class| class.geometry != GeometryKind::None).collect();
    drawn.sort_by_key(|class| (order(class), class.no));
    let config = app.store.config();
    let mut layers = vec![object!({"id": "background", "type": "background", "paint": {"background-color": BACKGROUND}})];
    for class in drawn {
        layers.extend(class_layers(class, config.origin[1]));
    }
    // Without `bounds`: a map would never ask for what is built beyond them while its page is open. An empty tile is cheap.
    let mut source = object!({
        "type": "vector",
        "tiles": [format!("{base}/xyz/all/{{z}}/{{x}}/{{y}}.mvt")],
        "minzoom": 0,
        "maxzoom": super::tiles::MAX_DATA_ZOOM,
    });
    if let Some(attribution) = attribution(&app).await? {
        source["attribution"] = attribution.into();
    }
    let style = object!({
        "version": 8,
        "name": format!("{} {}", config.name.zh, config.name.en),
        "center": config.origin,
        "zoom": 14,
        "sources": {SOURCE: source},
        "layers": layers,
    });
    // Names, colours and codes are in it, so only the bytes say whether it is still the same. It is small.
    let body = serde_json::to_vec(&style).map_err(ApiError::internal)?;
    let tag = Etag::of_bytes(&app.city_tag, &body);
    Ok(tag.unchanged(&headers).unwrap_or_else(|| tag.on(bytes(JSON, body))))
}

/// Whom a map has to name: the sources' credits, and that the city is made up. Maps take it for HTML, so that texts which
/// came with files are escaped.
pub(super) async fn attribution(app: &App) -> ApiResult<Option<String>> {
    let store = app.store.clone();
    let sources = app.compute.run(move || store.sources()).await?.map_err(ApiError::internal)?;
    let mut parts: Vec<String> = if app.store.config().simulated { vec!["模拟数据 simulated data".to_owned()] } else { Vec::new() };
    for stated in sources.iter().filter_map(crate::export::credits::stated).map(|text| super::pages::escape(&text)) {
        // Two loads of one publisher name it once.
        if !parts.contains(&stated) {
            parts.push(stated);
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join(" | ")))
}

/// From the ground up: areas, then lines from wide to thin, buildings, then points.
fn order(class: &Class) -> u8 {
    match (class.geometry, &class.form) {
        (GeometryKind::Area, Form::Prism { .. }) => 6,
        (GeometryKind::Area, Form::None) => 1,
        (GeometryKind::Area, _) => 0,
        (GeometryKind::Line, Form::Ribbon { .. }) => 2,
        (GeometryKind::Line, Form::Bore { .. }) => 3,
        (GeometryKind::Line, Form::Deck { .. }) => 4,
        (GeometryKind::Line, _) => 5,
        (GeometryKind::Point, _) => 7,
        (GeometryKind::None, _) => 8,
    }
}

fn class_layers(class: &Class, lat: f64) -> Vec<Json> {
    let [r, g, b] = class.symbol.colour;
    let colour = format!("#{r:02x}{g:02x}{b:02x}");
    let layer = |id: String, kind: &str, paint: Json| {
        object!({
            "id": id,
            "type": kind,
            "source": SOURCE,
            "source-layer": class.id,
            "minzoom": class.symbol.min_zoom,
            "paint": paint,
        })
    };
    let id = class.id.clone();
    match (class.geometry, &class.form) {
        (GeometryKind::Area, Form::Prism { height_m }) => {
            let height = object!(["coalesce", ["get", height_m], UNKNOWN_HEIGHT_M]);
            vec![layer(
                id,
                "fill-extrusion",
                object!({"fill-extrusion-color": colour, "fill-extrusion-height": height, "fill-extrusion-opacity": 0.85}),
            )]
        }
        // Areas of which only the border says something: districts.
        (GeometryKind::Area, Form::None) => {
            vec![layer(id, "line", object!({"line-color": colour, "line-width": 1.2, "line-dasharray": [4, 3]}))]
        }
        (GeometryKind::Area, _) => vec![layer(id, "fill", object!({"fill-color": colour, "fill-opacity": 0.8}))],
        (GeometryKind::Line, form) => line_layers(class, form, lat, &layer),
        (GeometryKind::Point, _) => {
            // Small where a class begins to be drawn: manholes stand close.
            let from = class.symbol.min_zoom;
            let paint = object!({
                "circle-color": colour,
                "circle-radius": ["interpolate", ["linear"], ["zoom"], from, 1.8, from + 2, 4, from + 5, 8],
                "circle-stroke-color": "#ffffff",
                "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], from, 0, from + 2, 1],
            });
            vec![layer(id, "circle", paint)]
        }
        (GeometryKind::None, _) => Vec::new(),
    }
}

/// Roads, bridges and tunnels as wide as they are; pipes as hair lines that gain weight as one comes near. Planned lines
/// are dashed, where the class says what is planned.
fn line_layers(class: &Class, form: &Form, lat: f64, layer: &dyn Fn(String, &str, Json) -> Json) -> Vec<Json> {
    let [r, g, b] = class.symbol.colour;
    let colour = format!("#{r:02x}{g:02x}{b:02x}");
    let (width, opacity) = match form {
        Form::Ribbon { width_m } | Form::Deck { width_m } | Form::Bore { width_m } => (true_width(width_m, lat, 0.0), object!(1)),
        _ => (
            object!(["interpolate", ["linear"], ["zoom"], 13, 0.6, 16, 1.8, 19, 5]),
            object!(["interpolate", ["linear"], ["zoom"], 13, 0.45, 15.5, 1]),
        ),
    };
    let line = |id: &str, colour: &str, width: &Json, dashes: Option<Json>| {
        let mut paint = object!({"line-color": colour, "line-width": width, "line-opacity": opacity});
        match dashes {
            Some(dashes) => {
                paint["line-dasharray"] = dashes;
                layer(id.to_owned(), "line", paint)
            }
            // Round ends would close the gaps between dashes.
            None => {
                let mut line = layer(id.to_owned(), "line", paint);
                line["layout"] = object!({"line-cap": "round", "line-join": "round"});
                line
            }
        }
    };
    let mut main = match form {
        // The edge in the class's colour, the carriageway in a tint of it, so that pipes below it can be told apart.
        Form::Ribbon { width_m } => {
            let tint = |channel: u8| 255 - (255 - channel) / 4;
            let inside = format!("#{:02x}{:02x}{:02x}", tint(r), tint(g), tint(b));
            vec![line(&format!("{}-edge", class.id), &colour, &true_width(width_m, lat, 1.2), None), line(&class.id, &inside, &width, None)]
        }
        Form::Bore { .. } => vec![line(&class.id, &colour, &width, Some(object!([1.2, 0.6])))],
        _ => vec![line(&class.id, &colour, &width, None)],
    };
    if class.attribute("state").is_some_and(|state| state.in_tiles) {
        for layer in &mut main {
            layer["filter"] = object!(["!=", ["get", "state"], "planned"]);
        }
        let mut planned = line(&format!("{}-planned", class.id), &colour, &width, Some(object!([1.5, 1.5])));
        planned["filter"] = object!(["==", ["get", "state"], "planned"]);
        main.push(planned);
    }
    main
}

/// A width in metres as pixels at every zoom, never thinner than can be seen; `edge` pixels more on both sides together.
fn true_width(width_m: &str, lat: f64, edge: f64) -> Json {
    const EQUATOR_M: f64 = 40_075_016.686;
    const TILE_PX: f64 = 512.0;
    const UNKNOWN_WIDTH_M: f64 = 6.0;
    let pixels = |zoom: i32| {
        let per_metre = TILE_PX * f64::from(zoom).exp2() / (EQUATOR_M * lat.to_radians().cos());
        object!(["+", ["max", 0.8, ["*", ["coalesce", ["get", width_m], UNKNOWN_WIDTH_M], per_metre]], edge])
    };
    object!(["interpolate", ["exponential", 2], ["zoom"], 10, pixels(10), 22, pixels(22)])
}
