//! Errors of the HTTP side: a kind with a stable code, and values; the sentence is put together in the reader's language.

use crate::app::App;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use citytwin_assets::{Lang, say};
use citytwin_wire::{Problem, problem::MEDIA_TYPE};
use std::fmt::Display;

macro_rules! kinds {
    ($($kind:ident = $status:literal $code:literal,)*) => {
        /// Everything that can be wrong with a request. Its sentences stand in messages.toml under `problem.{code}`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($kind,)* }

        impl Kind {
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            pub const fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }

            pub const fn status(self) -> u16 {
                match self { $(Self::$kind => $status,)* }
            }
        }
    };
}

kinds! {
    BadRequest = 400 "bad_request",
    ParameterUnknown = 400 "parameter_unknown",
    ParameterInvalid = 400 "parameter_invalid",
    BboxInvalid = 400 "bbox_invalid",
    TileOutside = 400 "tile_outside",
    LayerTwice = 400 "layer_twice",
    BodyInvalid = 400 "body_invalid",
    GeometryInvalid = 400 "geometry_invalid",
    GeometryKindWrong = 400 "geometry_kind_wrong",
    PropertyUnknown = 400 "property_unknown",
    PropertyInvalid = 400 "property_invalid",
    ReferenceUnknown = 400 "reference_unknown",
    ProxyRefused = 400 "proxy_refused",
    KeyMissing = 401 "key_missing",
    KeyWrong = 401 "key_wrong",
    LinkSpent = 403 "link_spent",
    OriginForeign = 403 "origin_foreign",
    NotFound = 404 "not_found",
    CollectionUnknown = 404 "collection_unknown",
    FeatureUnknown = 404 "feature_unknown",
    LayerUnknown = 404 "layer_unknown",
    OverlayUnknown = 404 "overlay_unknown",
    DatastreamUnknown = 404 "datastream_unknown",
    AlarmUnknown = 404 "alarm_unknown",
    MethodNotAllowed = 405 "method_not_allowed",
    CollectionComputed = 405 "collection_computed",
    Timeout = 408 "timeout",
    AlarmCleared = 409 "alarm_cleared",
    RevisionChanged = 412 "revision_changed",
    TooLarge = 413 "too_large",
    MediaTypeUnknown = 415 "media_type_unknown",
    HostForeign = 421 "host_foreign",
    ConditionRequired = 428 "condition_required",
    Internal = 500 "internal",
    Busy = 503 "busy",
    StoreLocked = 503 "store_locked",
    NotReady = 503 "not_ready",
    DiskFull = 507 "disk_full",
    TooManySubscribers = 503 "too_many_subscribers",
}

/// What went wrong, before it is said in a language.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub kind: Kind,
    values: Vec<(&'static str, String)>,
    /// For programs of ours: which sentence of a kind that has several, `problem.{code}.{case}`.
    case: Option<&'static str>,
}

pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub fn new(kind: Kind) -> Self {
        Self { kind, values: Vec::new(), case: None }
    }

    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.values.push((name, clip(&value.to_string())));
        self
    }

    pub fn case(mut self, case: &'static str) -> Self {
        self.case = Some(case);
        self
    }

    /// Something that is our fault: logged with its reason, answered without it.
    pub fn internal(reason: impl Display) -> Self {
        tracing::error!(%reason, "request failed inside");
        Self::new(Kind::Internal)
    }

    pub fn detail(&self, lang: Lang) -> String {
        let values: Vec<(&str, &dyn Display)> = self.values.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
        let key = format!("problem.{}.{}", self.kind.code(), self.case.unwrap_or("detail"));
        say(lang, &key, &values)
    }

    pub fn title(&self, lang: Lang) -> String {
        say(lang, &format!("problem.{}.title", self.kind.code()), &[])
    }
}

impl From<Kind> for ApiError {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl IntoResponse for ApiError {
    /// Without a body yet: [`speak`] knows the reader's language and the request.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// What a client sent is repeated only in part: a message is not a mirror.
fn clip(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The error as it is sent.
pub fn document(error: &ApiError, lang: Lang, instance: &str) -> Problem {
    Problem {
        kind: format!("/problems/{}", error.kind.code()),
        title: error.title(lang),
        status: error.kind.status(),
        detail: error.detail(lang),
        code: error.kind.code().to_owned(),
        instance: instance.to_owned(),
    }
}

pub fn lang_of(headers: &HeaderMap) -> Lang {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.and_then(Lang::of_accept_language).unwrap_or_default()
}

/// Gives every answer from 400 on its problem document, those that axum refused before a handler saw them too.
pub async fn speak(State(app): State<App>, request: Request, next: Next) -> Response {
    let lang = lang_of(request.headers());
    let browser = request.headers().contains_key("sec-fetch-mode");
    let instance = request.uri().path().to_owned();
    let response = next.run(request).await;
    let status = response.status();
    let error = match response.extensions().get::<ApiError>() {
        Some(error) => error.clone(),
        None if status.as_u16() >= 400 && !is_spoken(&response) => foreign(response.status(), &instance),
        None => return response,
    };
    app.metrics.problem(error.kind.code());
    let problem = Problem { status: status.as_u16(), ..document(&error, lang, &instance) };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    parts.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(lang.tag()));
    if status == StatusCode::UNAUTHORIZED {
        // A browser would ask for a password by itself; our page says it better.
        let challenge = if browser { "Bearer realm=\"CityTwin\"" } else { "Basic realm=\"CityTwin\", charset=\"UTF-8\"" };
        parts.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    Response::from_parts(parts, Body::from(body))
}

/// Says itself what is wrong: a problem document, or a page of ours for people.
fn is_spoken(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    [MEDIA_TYPE, "text/html"].iter().any(|spoken| media_type.starts_with(spoken.as_bytes()))
}

/// A refusal by the framework: only its status is known.
fn foreign(status: StatusCode, path: &str) -> ApiError {
    let kind = match status.as_u16() {
        404 => return ApiError::new(Kind::NotFound).with("path", path),
        405 => Kind::MethodNotAllowed,
        408 => Kind::Timeout,
        413 => Kind::TooLarge,
        415 => Kind::MediaTypeUnknown,
        503 => Kind::Busy,
        400..500 => Kind::BadRequest,
        _ => Kind::Internal,
    };
    ApiError::new(kind).with("path", path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_assets::messages;

    #[test]
    fn every_kind_has_its_sentences() {
        for kind in Kind::ALL {
            for part in ["title", "detail"] {
                let key = format!("problem.{}.{part}", kind.code());
                assert!(messages::find(&key).is_some(), "messages.toml lacks {key}");
            }
        }
    }

    #[test]
    fn every_sentence_has_its_kind() {
        for key in messages::all().keys().filter_map(|key| key.strip_prefix("problem.")) {
            let code = key.split('.').next().unwrap();
            assert!(Kind::ALL.iter().any(|kind| kind.code() == code), "messages.toml has problem.{key}, which no kind says");
        }
    }

    #[test]
    fn a_long_value_is_not_mirrored() {
        let error = ApiError::new(Kind::NotFound).with("path", "城".repeat(10_000));
        assert!(error.detail(Lang::Zh).chars().count() < 400);
    }
}
