//! `city.toml`: what a city is called, where its frame stands, what its heights mean.

use crate::error::{Result, StoreError};
use crate::files;
use citytwin_model::{Frame, LonLat};
use serde::{Deserialize, Serialize};
use std::path::Path;

pub const FILE: &str = "city.toml";

/// ```toml
/// name = { zh = "示范市", en = "Shifan" }
/// division = "990100"
/// origin = [116.0, 30.0]          # longitude, latitude in degrees; never moves by itself
/// height_datum = "1985"
/// geoid_offset_m = -12.5          # ellipsoid height = height + this
/// simulated = true
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CityConfig {
    pub name: CityName,
    /// Code of the administrative division (GB/T 2260).
    #[serde(default)]
    pub division: String,
    /// How far local time is ahead of UTC: `+08:00`.
    #[serde(default = "beijing_time")]
    pub time_zone: String,
    /// Longitude and latitude of the frame's origin, degrees CGCS2000.
    pub origin: [f64; 2],
    /// What heights are measured from.
    #[serde(default = "height_datum_1985")]
    pub height_datum: String,
    /// Ellipsoid height = height + this.
    #[serde(default)]
    pub geoid_offset_m: f64,
    /// The whole city is made up, and says so wherever it is shown.
    #[serde(default)]
    pub simulated: bool,
    /// Refuse changes that do not name the revision they change.
    #[serde(default)]
    pub require_if_match: bool,
}

/// A name in both languages; `name = "示范市"` stands for both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "NameForm")]
pub struct CityName {
    pub zh: String,
    pub en: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NameForm {
    Same(String),
    Both { zh: String, en: String },
}

impl From<NameForm> for CityName {
    fn from(form: NameForm) -> Self {
        match form {
            NameForm::Same(name) => Self { zh: name.clone(), en: name },
            NameForm::Both { zh, en } => Self { zh, en },
        }
    }
}

fn beijing_time() -> String {
    "+08:00".into()
}

fn height_datum_1985() -> String {
    "1985".into()
}

impl CityConfig {
    pub fn new(name: &str, origin: LonLat) -> Self {
        Self {
            name: NameForm::Same(name.to_owned()).into(),
            division: String::new(),
            time_zone: beijing_time(),
            origin: [origin.lon, origin.lat],
            height_datum: height_datum_1985(),
            geoid_offset_m: 0.0,
            simulated: false,
            require_if_match: false,
        }
    }

    pub fn origin(&self) -> LonLat {
        LonLat { lon: self.origin[0], lat: self.origin[1] }
    }

    /// The plane that the city is drawn in.
    pub fn frame(&self) -> Frame {
        Frame::at(self.origin())
    }

    /// Reads the text of a `city.toml`; the error names line and key.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        config.check()?;
        Ok(config)
    }

    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a city's configuration has only what TOML can hold")
    }

    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(StoreError::io(&path))?;
        Self::from_toml(&text).map_err(|detail| StoreError::Config { path, detail })
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        self.check().map_err(|detail| StoreError::Config { path: path.clone(), detail })?;
        files::write_text(&path, &self.to_toml())
    }

    fn check(&self) -> Result<(), String> {
        let [lon, lat] = self.origin;
        if !((-180.0..=180.0).contains(&lon) && (-85.0..=85.0).contains(&lat)) {
            return Err(format!("origin = [{lon}, {lat}] is not longitude, latitude in degrees (latitude within ±85)"));
        }
        if !(-200.0..=200.0).contains(&self.geoid_offset_m) {
            return Err(format!("geoid_offset_m = {} is not between -200 and 200 m", self.geoid_offset_m));
        }
        if utc_offset_minutes(&self.time_zone).is_none() {
            return Err(format!("time_zone = {:?} is not an offset such as +08:00", self.time_zone));
        }
        if self.name.zh.trim().is_empty() || self.name.en.trim().is_empty() {
            return Err("name is empty".into());
        }
        Ok(())
    }
}

/// Minutes ahead of UTC of an offset such as `+08:00`.
pub fn utc_offset_minutes(text: &str) -> Option<i32> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (h, m) = rest.split_once(':')?;
    if h.len() != 2 || m.len() != 2 || !rest.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let (h, m): (i32, i32) = (h.parse().ok()?, m.parse().ok()?);
    (h <= 14 && m < 60).then_some(sign * (h * 60 + m))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_its_text() {
        let mut config = CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 });
        config.name.en = "Shifan".into();
        config.geoid_offset_m = -12.5;
        config.simulated = true;
        assert_eq!(CityConfig::from_toml(&config.to_toml()), Ok(config));
    }

    #[test]
    fn what_is_missing_has_a_default_and_what_is_unknown_is_named() {
        let config = CityConfig::from_toml("name = \"甲市\"\norigin = [116.0, 30.0]").unwrap();
        assert_eq!((config.name.en.as_str(), config.time_zone.as_str(), config.require_if_match), ("甲市", "+08:00", false));
        let error = CityConfig::from_toml("name = \"a\"\norigin = [1.0, 2.0]\ngeoid = 3").unwrap_err();
        assert!(error.contains("geoid"), "{error}");
        for bad in [
            "origin = [30.0, 116.0]",
            "origin = [116.0, 30.0]\ntime_zone = \"Asia/Shanghai\"",
            "origin = [116.0, 30.0]\ngeoid_offset_m = 2000",
        ] {
            assert!(CityConfig::from_toml(&format!("name = \"a\"\n{bad}")).is_err(), "{bad}");
        }
    }
}
