//! Facility classes, codes and symbols: one source for all doors.
#![doc = include_str!("../README.md")]

mod entry;
mod error;

pub use error::CatalogueError;

use citytwin_model::class::{Class, ClassNo, ObservedProperty};
use std::sync::{Arc, OnceLock};

/// The files that are built in, by name. Code lists come first: the others lean on them.
const FILES: [(&str, &str); 10] = [
    ("codes.toml", include_str!("../codes.toml")),
    ("base.toml", include_str!("../base.toml")),
    ("road.toml", include_str!("../road.toml")),
    ("pipe.toml", include_str!("../pipe.toml")),
    ("waste.toml", include_str!("../waste.toml")),
    ("water.toml", include_str!("../water.toml")),
    ("fire.toml", include_str!("../fire.toml")),
    ("operation.toml", include_str!("../operation.toml")),
    ("community.toml", include_str!("../community.toml")),
    ("observed.toml", include_str!("../observed.toml")),
];

/// Every class and observed property that a city knows.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// In order of their numbers.
    pub classes: Vec<Arc<Class>>,
    /// In the order in which they are shown.
    pub properties: Vec<ObservedProperty>,
    /// What entries of a city's own file may lean on.
    shared: entry::Shared,
}

impl Catalogue {
    /// The catalogue that is part of the program, parsed once.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        BUILTIN.get_or_init(|| Self::from_files(&FILES).expect("the built-in catalogue is held by its own tests"))
    }

    pub fn class(&self, id: &str) -> Option<&Arc<Class>> {
        self.classes.iter().find(|class| class.id == id)
    }

    pub fn class_no(&self, no: ClassNo) -> Option<&Arc<Class>> {
        let at = self.classes.binary_search_by_key(&no, |class| class.no).ok()?;
        self.classes.get(at)
    }

    pub fn property(&self, id: &str) -> Option<&ObservedProperty> {
        self.properties.iter().find(|property| property.id == id)
    }

    /// This catalogue and a city's own classes (numbers from 10 000), code lists and observed properties.
    ///
    /// ```
    /// let own = r##"
    /// [[class]]
    /// id = "statue"
    /// no = 10001
    /// zh = "雕像"
    /// en = "statue"
    /// domain = "base"
    /// geometry = "point"
    /// symbol = { colour = "#808080", min_zoom = 15 }
    /// shared = ["code", "name"]
    /// "##;
    /// let city = citytwin_catalogue::Catalogue::builtin().with_own(own).unwrap();
    /// assert_eq!(city.class("statue").unwrap().no.0, 10_001);
    /// ```
    pub fn with_own(&self, toml: &str) -> Result<Self, CatalogueError> {
        let mut catalogue = self.clone();
        entry::add_file(&mut catalogue, "the city's own classes", toml, entry::Origin::City)?;
        entry::check_references(&catalogue)?;
        Ok(catalogue)
    }

    fn from_files(files: &[(&str, &str)]) -> Result<Self, CatalogueError> {
        let mut catalogue = Self { classes: Vec::new(), properties: Vec::new(), shared: entry::Shared::default() };
        for (name, text) in files {
            entry::add_file(&mut catalogue, name, text, entry::Origin::BuiltIn)?;
        }
        entry::check_references(&catalogue)?;
        Ok(catalogue)
    }
}

#[cfg(test)]
mod tests;
