//! The door: every request passes here before anything else looks at it.

use super::{Caller, is_own_host, is_own_origin};
use crate::app::App;
use crate::problem::{ApiError, ApiResult, Kind};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Headers by which a proxy speaks for somebody else, or puts another address in the place of the one that was asked. None
/// is configured, so none is believed or ignored: it is refused. So is every `x-forwarded-…`.
const PROXY_HEADERS: [&str; 9] =
    ["forwarded", "via", "x-real-ip", "x-client-ip", "x-original-url", "x-original-host", "x-rewrite-url", "x-host", "true-client-ip"];

/// The first header that a proxy has put on.
fn proxy_header(headers: &HeaderMap) -> Option<&str> {
    headers.keys().map(|name| name.as_str()).find(|name| name.starts_with("x-forwarded") || PROXY_HEADERS.contains(name))
}

pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match admit(&app, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            tracing::info!(target: "audit", method = %request.method(), path = request.uri().path(), code = error.kind.code(), "refused");
            error.into_response()
        }
    }
}

fn admit(app: &App, request: &Request) -> ApiResult<Caller> {
    let headers = request.headers();
    let host = own_host(request)?;
    if let Some(name) = proxy_header(headers) {
        return Err(ApiError::new(Kind::ProxyRefused).with("header", name));
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let upgrades = headers.contains_key(header::UPGRADE);
    refuse_foreign_origin(headers, host, changes)?;
    if changes || upgrades {
        refuse_foreign_page(headers)?;
    }
    let caller = app.security.caller(headers).map_err(|()| ApiError::new(Kind::KeyWrong))?;
    let signs_in = request.uri().path() == "/session";
    if changes && caller != Caller::Admin && !signs_in {
        return Err(Kind::KeyMissing.into());
    }
    Ok(caller)
}

/// The one name by which the client calls us; refused unless it means this machine. A page of another name that was
/// pointed at this address (DNS rebinding) ends here.
fn own_host(request: &Request) -> ApiResult<&str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let foreign = |host: &str| ApiError::new(Kind::HostForeign).with("host", host);
    let host = hosts.next().and_then(|host| host.to_str().ok()).ok_or_else(|| foreign(""))?;
    if hosts.next().is_some() || !is_own_host(host) {
        return Err(foreign(host));
    }
    match request.uri().authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(host) => Err(foreign(authority.as_str())),
        _ => Ok(host),
    }
}

/// Browsers name the page that a change, or a reading by a script of another page, comes from. Programs send no Origin;
/// they come with the key.
fn refuse_foreign_origin(headers: &HeaderMap, host: &str, changes: bool) -> ApiResult<()> {
    for origin in headers.get_all(header::ORIGIN) {
        match origin.to_str() {
            Ok(origin) if is_own_origin(origin, host) => {}
            other => {
                let error = ApiError::new(Kind::OriginForeign).with("origin", other.unwrap_or("?"));
                return Err(if changes { error } else { error.case("reads") });
            }
        }
    }
    Ok(())
}

/// A change that says it was set off by another site's page. (A link from there may still be followed: that only reads.)
fn refuse_foreign_page(headers: &HeaderMap) -> ApiResult<()> {
    match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(ApiError::new(Kind::OriginForeign).with("origin", "sec-fetch-site")),
    }
}
