//! A view as a link: the grammar that console, web viewer and native viewer share.
//!
//! `lon= lat= height= heading= pitch= overlay= selection= underground= lang=`: the eye's place in degrees and metres
//! above the city's height datum, heading clockwise from north, pitch above the horizon (down is negative).

use std::fmt::Write;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    pub eye: Option<Eye>,
    pub overlay: Option<String>,
    /// Public id: `hydrant.12`.
    pub selection: Option<String>,
    pub underground: bool,
    pub lang: Option<String>,
    /// Groups to show; `None` is the viewer's own choice.
    pub layers: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eye {
    pub lon: f64,
    pub lat: f64,
    pub height: f64,
    pub heading: f64,
    pub pitch: f64,
}

impl Link {
    /// Reads a query, with or without `?`. What cannot be read is left out: a link must open something.
    pub fn parse(query: &str) -> Self {
        let mut link = Self::default();
        let mut eye = [None; 5];
        for pair in query.trim_start_matches(['?', '#']).split('&') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let Some(value) = decode(value) else { continue };
            let number = || value.parse::<f64>().ok().filter(|n| n.is_finite());
            match key {
                "lon" => eye[0] = number().filter(|n| n.abs() <= 180.0),
                "lat" => eye[1] = number().filter(|n| n.abs() <= 90.0),
                "height" => eye[2] = number(),
                "heading" => eye[3] = number().map(|n| n.rem_euclid(360.0)),
                "pitch" => eye[4] = number().map(|n| n.clamp(-90.0, 90.0)),
                "overlay" => link.overlay = plain(value),
                "selection" => link.selection = plain(value),
                "underground" => link.underground = value == "1" || value == "true",
                "lang" => link.lang = Some(value).filter(|l| l == "zh" || l == "en"),
                "layers" => link.layers = Some(value.split(',').filter(|l| !l.is_empty()).map(str::to_owned).collect()),
                _ => {}
            }
        }
        if let [Some(lon), Some(lat), height, heading, pitch] = eye {
            let pitch = pitch.unwrap_or(-35.0);
            link.eye = Some(Eye { lon, lat, height: height.unwrap_or(600.0), heading: heading.unwrap_or(0.0), pitch });
        }
        link
    }

    /// The query that [`Link::parse`] reads as this link. Centimetres and hundredths of a degree of angle.
    pub fn query(&self) -> String {
        let mut parts = Vec::new();
        if let Some(e) = &self.eye {
            parts.push(format!("lon={:.7}&lat={:.7}&height={:.2}&heading={:.2}&pitch={:.2}", e.lon, e.lat, e.height, e.heading, e.pitch));
        }
        let mut text = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                parts.push(format!("{key}={}", encode(value)));
            }
        };
        text("overlay", self.overlay.as_deref());
        text("selection", self.selection.as_deref());
        text("underground", self.underground.then_some("1"));
        text("layers", self.layers.as_ref().map(|l| l.join(",")).as_deref());
        text("lang", self.lang.as_deref());
        parts.join("&")
    }
}

/// Ids only: what goes into a path later must not carry anything else.
fn plain(value: String) -> Option<String> {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (!value.is_empty() && value.chars().all(ok)).then_some(value)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'+' => b' ',
            b'%' => {
                let hex = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
            }
            _ => b,
        });
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b',' => out.push(char::from(b)),
            _ => _ = write!(out, "%{b:02X}"),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_the_view_it_was_taken_from() {
        let link = Link {
            eye: Some(Eye { lon: 116.0012345, lat: 29.9987654, height: -3.5, heading: 271.25, pitch: -12.5 }),
            overlay: Some("risk".into()),
            selection: Some("water_pipe.12".into()),
            underground: true,
            lang: Some("zh".into()),
            layers: Some(vec!["buildings".into(), "net_water".into()]),
        };
        assert_eq!(Link::parse(&link.query()), link);
        assert_eq!(Link::parse(&format!("?{}", link.query())), link);
        assert_eq!(Link::default().query(), "");
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_the_rest_still_opens() {
        let link = Link::parse("?lon=abc&lat=30&overlay=../x&selection=a%20b&underground=yes&lang=fr&pitch=-100&x&=&y=%zz");
        assert_eq!(link, Link::default());
        let link = Link::parse("lon=116&lat=30&height=inf&heading=-90&pitch=-100");
        assert_eq!(link.eye, Some(Eye { lon: 116.0, lat: 30.0, height: 600.0, heading: 270.0, pitch: -90.0 }));
    }
}
