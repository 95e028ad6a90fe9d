//! The 3D scene's colours and light, from `scene.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    pub day: Day,
    pub underground: Underground,
    pub colours: Colours,
    /// By class id.
    #[serde(default)]
    pub class: BTreeMap<String, ClassLook>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    pub zenith: Colour,
    pub horizon: Colour,
    pub haze: Colour,
    pub haze_half_m: f32,
    pub sun: Colour,
    pub sun_heading: f32,
    pub sun_height: f32,
    pub sun_strength: f32,
    pub sky_light: Colour,
    pub ground_light: Colour,
    pub ambient: f32,
    pub land: Colour,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Underground {
    pub zenith: Colour,
    pub horizon: Colour,
    pub haze: Colour,
    pub haze_half_m: f32,
    pub land: Colour,
    pub ground_opacity: f32,
    pub building_opacity: f32,
    pub tint: Colour,
    pub ground_tint: Colour,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Colours {
    pub terrain: Colour,
    pub selection: Colour,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassLook {
    pub colour: Option<Colour>,
    pub kind: Option<Kind>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Facade,
    Paved,
    Water,
}

/// `#rrggbb`
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Colour(pub [u8; 3]);

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).ok_or(format!("{text} is no colour like #0a80ff"))?;
        Ok(Self([(number >> 16) as u8, (number >> 8) as u8, number as u8]))
    }
}

impl Colour {
    /// As light adds up: each part from 0 to 1.
    pub fn linear(self) -> [f32; 3] {
        self.0.map(|byte| {
            let c = f32::from(byte) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    }
}

pub fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| toml::from_str(include_str!("../scene.toml")).expect("scene.toml is checked by a test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scene_is_readable_and_its_measures_are_possible() {
        let scene = scene();
        assert!((10.0..90.0).contains(&scene.day.sun_height) && scene.day.haze_half_m > 0.0);
        assert!((0.0..1.0).contains(&scene.underground.ground_opacity));
        assert_eq!(scene.class["building"].kind, Some(Kind::Facade));
    }

    #[test]
    fn colours_become_light() {
        assert_eq!(Colour::try_from("#0a80ff".to_owned()), Ok(Colour([10, 128, 255])));
        let [black, half, white] = Colour([0, 188, 255]).linear();
        assert!(black == 0.0 && (half - 0.5).abs() < 0.01 && white == 1.0);
        assert!(Colour::try_from("red".to_owned()).is_err() && Colour::try_from("#+1+1+1".to_owned()).is_err());
    }
}
