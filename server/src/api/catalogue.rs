//! `/catalogue`: what console and viewer draw and fill forms by. A browser gets it as a page.

use super::catalogue_page;
use super::pages::CATALOGUE;
use super::params::Params;
use super::reply::{Etag, bytes, json, wants_page};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind, lang_of};
use crate::view::View;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use citytwin_model::class::Kept;
use citytwin_model::{City, Class as ModelClass};
use citytwin_wire::Label;
use citytwin_wire::catalogue::{Catalogue, City as CityJson, Class, ObservedProperty};
use std::sync::Arc;

/// Classes, attributes, codes, symbols, and the city itself; for people with `f=html` or where the client would rather have
/// a page.
pub async fn catalogue(State(app): State<App>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    let as_page = match params.take("f").as_deref() {
        None | Some("") => wants_page(&headers),
        Some("html") => true,
        Some("json") => false,
        Some(other) => return Err(ApiError::new(Kind::ParameterInvalid).with("name", "f").with("value", other)),
    };
    params.done()?;
    let view = app.view();
    let lang = lang_of(&headers);
    let form = if as_page { lang.tag() } else { "json" };
    let tag = Etag::new(&app.city_tag, format_args!("catalogue-{form}-{}", view.revision()));
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(vary(unchanged));
    }
    let classes = all_classes(&app, &view);
    let config = app.store.config();
    if as_page {
        let name = if lang == citytwin_assets::Lang::Zh { &config.name.zh } else { &config.name.en };
        let html = catalogue_page::page(CATALOGUE, lang, name, &classes, &app.catalogue.properties);
        return Ok(vary(tag.on(bytes("text/html; charset=utf-8", html))));
    }
    let city = CityJson {
        name: Label { zh: config.name.zh.clone(), en: config.name.en.clone() },
        origin: config.origin,
        bounds: view.city.bounds().map(|b| [b.west, b.south, b.east, b.north]),
        height_datum: config.height_datum.clone(),
        geoid_offset_m: config.geoid_offset_m,
        simulated: config.simulated,
        revision: view.revision(),
    };
    let classes = classes.iter().map(|(class, count)| Class::new(class, *count)).collect();
    let properties = app.catalogue.properties.iter().map(ObservedProperty::from).collect();
    Ok(vary(tag.on(json(&Catalogue { classes, properties, city })?)))
}

/// The city's classes with how many features it has of each, and those that are kept elsewhere, which have none.
fn all_classes(app: &App, view: &View) -> Vec<(Arc<ModelClass>, u64)> {
    let elsewhere = app.catalogue.classes.iter().filter(|class| class.kept != Kept::City).map(|class| (class.clone(), 0));
    let mut all: Vec<_> =
        view.city.classes().iter().map(|class| (class.clone(), view.city.count(class.no) as u64)).chain(elsewhere).collect();
    all.sort_by_key(|(class, _)| class.no);
    all
}

fn vary(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept, accept-language"));
    response
}
