//! A query's parameters. Each is taken by name; what is left over is refused by name, as OGC API asks.

use crate::problem::{ApiError, ApiResult, Kind};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use citytwin_model::Bounds;
use citytwin_wire::link::percent_decode;
use std::str::FromStr;

/// More pairs than any door takes.
const MAX_PAIRS: usize = 64;

#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Params {
    pub fn parse(query: &str) -> ApiResult<Self> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let broken = || ApiError::new(Kind::ParameterInvalid).with("name", name).with("value", value);
            let (name, value) = (percent_decode(name).ok_or_else(broken)?, percent_decode(value).ok_or_else(broken)?);
            if pairs.len() == MAX_PAIRS || pairs.iter().any(|(known, _)| *known == name) {
                return Err(ApiError::new(Kind::ParameterInvalid).case("twice").with("name", name));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// A parameter as a value; absent and empty count alike.
    pub fn take_as<T: FromStr>(&mut self, name: &'static str) -> ApiResult<Option<T>> {
        match self.take(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(ApiError::new(Kind::ParameterInvalid).with("name", name).with("value", text)),
            },
        }
    }

    /// `limit`: at least 1; more than the most is taken as the most, as OGC API asks.
    pub fn take_limit(&mut self, default: usize, most: usize) -> ApiResult<usize> {
        match self.take_as::<u64>("limit")? {
            None => Ok(default),
            Some(0) => Err(ApiError::new(Kind::ParameterInvalid).with("name", "limit").with("value", 0)),
            Some(limit) => Ok(usize::try_from(limit).unwrap_or(most).min(most)),
        }
    }

    /// `bbox`: four numbers (of six, the heights are left out). One that crosses the antimeridian becomes two boxes.
    pub fn take_bbox(&mut self) -> ApiResult<Option<Vec<Bounds>>> {
        let Some(text) = self.take("bbox").filter(|text| !text.is_empty()) else { return Ok(None) };
        let refused = || ApiError::new(Kind::BboxInvalid).with("value", &text);
        let numbers: Vec<f64> = text
            .split(',')
            .map(|part| part.trim().parse().ok().filter(|x: &f64| x.is_finite()))
            .collect::<Option<_>>()
            .ok_or_else(refused)?;
        let [west, south, east, north] = match numbers[..] {
            [west, south, east, north] => [west, south, east, north],
            [west, south, low, east, north, high] if low <= high => [west, south, east, north],
            _ => return Err(refused()),
        };
        let in_range = |lon: f64, lat: f64| (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat);
        if !in_range(west, south) || !in_range(east, north) || south > north {
            return Err(refused());
        }
        Ok(Some(if west <= east {
            vec![Bounds::new(west, south, east, north)]
        } else {
            vec![Bounds::new(west, south, 180.0, north), Bounds::new(-180.0, south, east, north)]
        }))
    }

    /// `f`, where a table may be had as CSV too: whether it is.
    pub fn take_csv(&mut self, headers: &HeaderMap) -> ApiResult<bool> {
        match self.take("f") {
            None => {
                let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
                Ok(accept.trim_start().starts_with("text/csv"))
            }
            Some(f) if f == "csv" => Ok(true),
            Some(f) => {
                self.0.push(("f".to_owned(), f));
                self.take_json().map(|()| false)
            }
        }
    }

    /// `f`: the only format here is JSON.
    pub fn take_json(&mut self) -> ApiResult<()> {
        match self.take("f") {
            None => Ok(()),
            Some(f) if matches!(f.as_str(), "" | "json" | "geojson" | "application/json" | "application/geo+json") => Ok(()),
            Some(f) => Err(ApiError::new(Kind::ParameterInvalid).with("name", "f").with("value", f)),
        }
    }

    /// What has not been taken.
    pub fn rest(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0)
    }

    /// Refuses what has not been taken.
    pub fn done(self) -> ApiResult<()> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::new(Kind::ParameterUnknown).with("name", name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbox(text: &str) -> ApiResult<Option<Vec<Bounds>>> {
        Params::parse(&format!("bbox={text}"))?.take_bbox()
    }

    #[test]
    fn a_box_has_four_numbers_or_six() {
        assert_eq!(bbox("1,2,3,4").unwrap(), Some(vec![Bounds::new(1.0, 2.0, 3.0, 4.0)]));
        assert_eq!(bbox("1,2,-5,3,4,9").unwrap(), Some(vec![Bounds::new(1.0, 2.0, 3.0, 4.0)]));
        assert_eq!(bbox("170,-10,-170,10").unwrap().unwrap().len(), 2);
        for bad in ["1,2,3", "1,2,3,x", "1,4,3,2", "1,2,3,4,5", "1,2,9,3,4,5", "1,2,3,91", "NaN,0,1,1", "-181,0,1,1", "1,2,3,inf"] {
            assert_eq!(bbox(bad).unwrap_err().kind, Kind::BboxInvalid, "{bad}");
        }
    }

    #[test]
    fn unknown_repeated_and_broken_parameters_are_refused() {
        let mut params = Params::parse("a=1&b=%E4%B8%AD").unwrap();
        assert_eq!(params.take("b").as_deref(), Some("中"));
        assert_eq!(params.done().unwrap_err().kind, Kind::ParameterUnknown);
        for bad in ["a=1&a=2", "a=%zz", "a=%ff", &"a=1&".repeat(MAX_PAIRS + 1)] {
            assert_eq!(Params::parse(bad).unwrap_err().kind, Kind::ParameterInvalid, "{bad}");
        }
    }

    #[test]
    fn a_limit_is_clipped_and_never_zero() {
        let limit = |text: &str| Params::parse(&format!("limit={text}")).unwrap().take_limit(100, 10_000);
        assert_eq!((limit("").unwrap(), limit("7").unwrap(), limit("99999999999").unwrap()), (100, 7, 10_000));
        for bad in ["0", "-1", "x", "1.5"] {
            assert_eq!(limit(bad).unwrap_err().kind, Kind::ParameterInvalid, "{bad}");
        }
    }
}
