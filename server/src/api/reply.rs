//! How answers are made: JSON, and the ETag that spares sending what the client has.

use crate::problem::{ApiError, ApiResult};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::hash::{DefaultHasher, Hash, Hasher};

pub const JSON: &str = "application/json";
pub const GEOJSON: &str = "application/geo+json";

pub fn json<T: Serialize>(value: &T) -> ApiResult<Response> {
    typed_json(JSON, value)
}

pub fn typed_json<T: Serialize>(media_type: &'static str, value: &T) -> ApiResult<Response> {
    let body = serde_json::to_vec(value).map_err(ApiError::internal)?;
    Ok(bytes(media_type, body))
}

pub fn bytes(media_type: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], body.into()).into_response()
}

/// What the client has is compared before anything is computed. Clients ask again each time (`no-cache`) and mostly get
/// 304: an edit is seen at once, and nothing is sent twice.
pub struct Etag(String);

impl Etag {
    /// `city` and revision, and whatever else the bytes depend on.
    pub fn new(city: &str, what: impl std::fmt::Display) -> Self {
        Self(format!("W/\"{city}-{what}\""))
    }

    /// For what is put together from many things and is small: the tag of the body itself.
    pub fn of_bytes(city: &str, body: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        Self::new(city, format_args!("b{:016x}", hasher.finish()))
    }

    /// The 304, if the client's copy is still right.
    pub fn unchanged(&self, headers: &HeaderMap) -> Option<Response> {
        let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let same = known.flat_map(|list| list.split(',')).any(|tag| tag.trim() == "*" || weak(tag) == weak(&self.0));
        same.then(|| self.on(StatusCode::NOT_MODIFIED.into_response()))
    }

    pub fn on(&self, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        response
    }
}

fn weak(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The address by which the client reaches us, for links. The guard has checked the name.
pub fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("http://{host}")
}

/// Whether the client would rather have a page than JSON: a browser's address bar.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| range.trim().split(';').next() == Some("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_recognised_weak_or_strong() {
        let tag = Etag::new("c", 7);
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            tag.unchanged(&headers).map(|response| response.status().as_u16())
        };
        assert_eq!(asked("W/\"c-7\""), Some(304));
        assert_eq!(asked("\"x\", \"c-7\""), Some(304));
        assert_eq!(asked("*"), Some(304));
        assert_eq!(asked("W/\"c-8\""), None);
    }
}
