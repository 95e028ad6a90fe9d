//! Signing a browser in: by the one-time link that `serve` prints, or with the key. The session is an HttpOnly cookie
//! that holds for pages, tiles and WebSocket alike, and is never sent by a page of another origin.

use super::pages::page;
use super::params::Params;
use super::reply::{json, wants_page};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind, lang_of};
use crate::security::{Caller, sessions::LIFETIME};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use citytwin_assets::say;
use serde::Deserialize;
use serde_json::json as object;
use std::time::Instant;

/// May this browser write?
pub async fn look(Extension(caller): Extension<Caller>) -> ApiResult<Response> {
    json(&object!({"signed_in": caller == Caller::Admin}))
}

#[derive(Deserialize)]
struct KeyIn {
    key: String,
}

/// Sign in with the key.
pub async fn sign_in(State(app): State<App>, body: Bytes) -> ApiResult<Response> {
    let sent: KeyIn = serde_json::from_slice(&body).map_err(|error| ApiError::new(Kind::BodyInvalid).with("reason", error))?;
    if !app.security.is_key(sent.key.trim()) {
        tracing::info!(target: "audit", "a wrong key was offered");
        return Err(Kind::KeyWrong.into());
    }
    let mut response = json(&object!({"signed_in": true}))?;
    open(&app, &mut response)?;
    Ok(response)
}

/// Sign out.
pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> ApiResult<Response> {
    if let Some(token) = app.security.session_token(&headers) {
        app.security.sessions.end(token);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&app, &mut response, "", 0)?;
    Ok(response)
}

/// The one-time link: signs this browser in and goes on to the console.
pub async fn link(State(app): State<App>, headers: HeaderMap, mut params: Params) -> ApiResult<Response> {
    let once = params.take("once").unwrap_or_default();
    params.done()?;
    if !app.security.sessions.spend_once(&once) {
        tracing::info!(target: "audit", "a sign-in link was refused");
        if wants_page(&headers) {
            let text = say(lang_of(&headers), "page.link_spent.text", &[("file", &crate::security::key::FILE_NAME)]);
            return Ok(page(&headers, StatusCode::FORBIDDEN, "link_spent", &format!("<p>{text}</p><p><a href=\"/\">CityTwin</a></p>")));
        }
        return Err(Kind::LinkSpent.into());
    }
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/"))]).into_response();
    open(&app, &mut response)?;
    Ok(response)
}

fn open(app: &App, response: &mut Response) -> ApiResult<()> {
    let token = app.security.sessions.start(Instant::now()).map_err(ApiError::internal)?;
    tracing::info!(target: "audit", "a browser signed in");
    set_cookie(app, response, &token, LIFETIME.as_secs())
}

fn set_cookie(app: &App, response: &mut Response, token: &str, max_age_secs: u64) -> ApiResult<()> {
    let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_secs}", app.security.cookie_name);
    let value = HeaderValue::from_str(&cookie).map_err(ApiError::internal)?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(())
}
