//! `/catalogue`: what console and viewer draw and fill forms by.

use super::params::Params;
use super::reply::{Etag, json};
use crate::app::App;
use crate::problem::ApiResult;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use citytwin_model::City;
use citytwin_wire::Label;
use citytwin_wire::catalogue::{Catalogue, City as CityJson, Class, ObservedProperty};

/// Classes, attributes, codes, symbols, and the city itself.
pub async fn catalogue(State(app): State<App>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    params.done()?;
    let view = app.view();
    let tag = Etag::new(&app.city_tag, format_args!("catalogue-{}", view.revision()));
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    let config = app.store.config();
    let city = CityJson {
        name: Label { zh: config.name.zh.clone(), en: config.name.en.clone() },
        origin: config.origin,
        bounds: view.city.bounds().map(|b| [b.west, b.south, b.east, b.north]),
        height_datum: config.height_datum.clone(),
        geoid_offset_m: config.geoid_offset_m,
        simulated: config.simulated,
        revision: view.revision(),
    };
    let classes = view.city.classes().iter().map(|class| Class::new(class, view.city.count(class.no) as u64)).collect();
    let properties = app.catalogue.properties.iter().map(ObservedProperty::from).collect();
    Ok(tag.on(json(&Catalogue { classes, properties, city })?))
}
