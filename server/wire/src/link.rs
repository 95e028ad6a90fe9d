//! Links between console and viewer: `/viewer/?lon=116&lat=30&height=900&selection=hydrant.12&underground=1`.
//! One grammar for console, web and native.

use citytwin_model::ids::parse_public_id;
use std::fmt::Write;

/// What a link opens. Everything is optional; what is absent is the viewer's to choose.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Link {
    /// Degrees.
    pub lon: Option<f64>,
    pub lat: Option<f64>,
    /// Of the eye, metres in the city's height datum.
    pub height: Option<f64>,
    /// Degrees clockwise from north.
    pub heading: Option<f64>,
    /// Degrees; 0 is level, −90 straight down.
    pub pitch: Option<f64>,
    pub overlay: Option<String>,
    /// Public id, `class.fid`.
    pub selection: Option<String>,
    /// Layer groups or classes to show; all where absent.
    pub layers: Option<Vec<String>>,
    pub underground: bool,
    /// `zh` or `en`.
    pub lang: Option<String>,
}

impl Link {
    /// Reads a query string (without `?`). Unknown and unreadable parts are left out: an old link still opens.
    pub fn parse(query: &str) -> Self {
        let mut link = Self::default();
        for pair in query.split('&') {
            let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(value) = percent_decode(raw) else { continue };
            let number = |low: f64, high: f64| value.parse::<f64>().ok().filter(|x| (low..=high).contains(x));
            match name {
                "lon" => link.lon = number(-180.0, 180.0),
                "lat" => link.lat = number(-90.0, 90.0),
                "height" => link.height = number(-20_000.0, 10_000_000.0),
                "heading" => link.heading = number(-360.0, 360.0),
                "pitch" => link.pitch = number(-90.0, 90.0),
                "overlay" => link.overlay = is_word(&value).then_some(value),
                "selection" => link.selection = parse_public_id(&value).is_some_and(|(class, _)| is_word(class)).then_some(value),
                "layers" => link.layers = Some(value.split(',').filter(|word| is_word(word)).map(str::to_owned).collect()),
                "underground" => link.underground = value == "1",
                "lang" => link.lang = matches!(value.as_str(), "zh" | "en").then_some(value),
                _ => {}
            }
        }
        link
    }

    /// The query string, without `?`.
    pub fn query(&self) -> String {
        let mut out = String::new();
        let mut add = |name: &str, value: &dyn std::fmt::Display| {
            let separator = if out.is_empty() { "" } else { "&" };
            write!(out, "{separator}{name}={value}").expect("writing to a String");
        };
        for (name, value) in
            [("lon", self.lon), ("lat", self.lat), ("height", self.height), ("heading", self.heading), ("pitch", self.pitch)]
        {
            if let Some(value) = value {
                add(name, &value);
            }
        }
        for (name, value) in [("overlay", &self.overlay), ("selection", &self.selection)] {
            if let Some(value) = value {
                add(name, value);
            }
        }
        if let Some(layers) = &self.layers {
            add("layers", &layers.join(","));
        }
        if self.underground {
            add("underground", &1);
        }
        if let Some(lang) = &self.lang {
            add("lang", lang);
        }
        out
    }
}

/// Ids are plain words, so that no link needs escaping.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// `None` for a broken escape or bytes that are no UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                (high * 16 + low) as u8
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_link_is_read_and_written_alike() {
        let text =
            "lon=116.00123456789&lat=30&height=900&heading=-45.5&pitch=-30&overlay=risk&selection=water_pipe.12&underground=1&lang=zh";
        let link = Link::parse(text);
        assert_eq!(link.query(), text);
        assert_eq!(link.selection.as_deref(), Some("water_pipe.12"));
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        let link =
            Link::parse("lon=abc&lat=91&selection=%3Cscript%3E.1&overlay=a%20b&lang=fr&underground=yes&future=1&layers=a,%3C,b&height=NaN");
        assert_eq!(link, Link { layers: Some(vec!["a".into(), "b".into()]), ..Link::default() });
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let again = Link::parse(&text).query();
            prop_assert_eq!(Link::parse(&again).query(), again);
        }
    }
}
