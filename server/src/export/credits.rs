//! Whom the data are to be credited to: it goes with every file, as the licences of sources ask for (ODbL does).

use citytwin_model::Revision;
use citytwin_store::{CityConfig, Source};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The city, the state of it, and the sources of what was written.
pub struct Credits {
    city: String,
    revision: Revision,
    simulated: bool,
    sources: Vec<Source>,
}

impl Credits {
    /// `used`: numbers of the sources that some feature came from.
    pub fn of(config: &CityConfig, revision: Revision, all: &[Source], used: &BTreeSet<i64>) -> Self {
        let name = &config.name;
        Self {
            city: if name.zh == name.en { name.zh.clone() } else { format!("{} ({})", name.zh, name.en) },
            revision,
            simulated: config.simulated,
            sources: all.iter().filter(|source| used.contains(&source.no)).cloned().collect(),
        }
    }

    /// Of these sources only: what stands in one layer or file.
    pub fn only(&self, used: &BTreeSet<i64>) -> Self {
        let sources = self.sources.iter().filter(|source| used.contains(&source.no)).cloned().collect();
        Self { city: self.city.clone(), sources, ..*self }
    }

    /// One line for people, without what is not known.
    pub fn line(&self) -> String {
        let mut parts: Vec<String> = self.sources.iter().filter_map(stated).collect();
        if self.simulated {
            parts.insert(0, "模拟数据 / simulated data".to_owned());
        }
        parts.join("; ")
    }

    /// The side file: the city, its revision, every source, in both languages.
    pub fn text(&self) -> String {
        let mut text = format!("{}, 修订 / revision {}\n", self.city, self.revision);
        if self.simulated {
            text.push_str("模拟数据 / simulated data\n");
        }
        if !self.sources.is_empty() {
            text.push_str("数据来源 / sources:\n");
        }
        for source in &self.sources {
            let said = stated(source).unwrap_or_else(|| "未注明 / not stated".to_owned());
            writeln!(text, "- {}: {said}", source.name).expect("writing to a String");
        }
        text
    }

    /// Members for the top of a GeoJSON object.
    pub fn members(&self) -> Vec<(&'static str, Json)> {
        let mut members = vec![("city", json!(self.city)), ("revision", json!(self.revision))];
        if self.simulated {
            members.push(("simulated", json!(true)));
        }
        let line = self.line();
        if !line.is_empty() {
            members.push(("attribution", json!(line)));
        }
        if !self.sources.is_empty() {
            let source = |s: &Source| json!({ "source": s.name, "credit": s.credit, "licence": s.licence });
            members.push(("credits", self.sources.iter().map(source).collect()));
        }
        members
    }
}

/// What is known of whom to credit, and under which licence.
pub fn stated(source: &Source) -> Option<String> {
    match (&source.credit, &source.licence) {
        (Some(credit), Some(licence)) => Some(format!("{credit} ({licence})")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::LonLat;

    #[test]
    fn credits_name_the_sources_that_were_used_and_no_others() {
        let config = CityConfig { simulated: true, ..CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 }) };
        let source = |no, name: &str, credit: Option<&str>| Source {
            no,
            name: name.into(),
            credit: credit.map(String::from),
            licence: credit.map(|_| "ODbL 1.0".into()),
            crs: None,
        };
        let all = [source(1, "osm", Some("© OpenStreetMap contributors")), source(2, "survey", None), source(3, "unused", Some("nobody"))];
        let credits = Credits::of(&config, 7, &all, &[1, 2].into());
        assert_eq!(credits.line(), "模拟数据 / simulated data; © OpenStreetMap contributors (ODbL 1.0)");
        let text = credits.text();
        assert!(text.contains("revision 7") && text.contains("- survey: 未注明") && !text.contains("nobody"), "{text}");
        assert!(credits.only(&[2].into()).line() == "模拟数据 / simulated data");
        let members = credits.members();
        assert!(members.iter().any(|(name, value)| *name == "credits" && value[0]["licence"] == "ODbL 1.0"));
    }
}
