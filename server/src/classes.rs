//! The classes of a city: those of the catalogue, and those that the city adds in its own `classes.toml`. Every command
//! takes them from here: what is served can be loaded, and the other way round.

use crate::load::patience::patiently;
use anyhow::Context;
use citytwin_assets::Lang;
use citytwin_catalogue::Catalogue;
use citytwin_store::{Store, StoreError};
use std::path::{Path, PathBuf};

/// In the city's folder.
pub const FILE_NAME: &str = "classes.toml";

/// The city's own classes cannot be taken as they are written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", path.display())]
pub struct BadClasses {
    pub path: PathBuf,
    /// Line and key, as the reader of the file says it.
    pub detail: String,
}

/// A folder that is not there yet has no classes of its own.
pub fn catalogue_of(city: &Path) -> anyhow::Result<Catalogue> {
    let own = city.join(FILE_NAME);
    match std::fs::read_to_string(&own) {
        Ok(text) => Ok(Catalogue::builtin().with_own(&text).map_err(|error| BadClasses { path: own, detail: error.to_string() })?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Catalogue::builtin().clone()),
        Err(error) => Err(error).with_context(|| own.display().to_string()),
    }
}

/// Opens a city for a command; a lock that another program holds is waited for.
pub fn open(city: &Path, lang: Lang) -> anyhow::Result<Store> {
    let classes = catalogue_of(city)?.classes;
    Ok(patiently(lang, city, || Store::open(city, &classes))?)
}

/// The same for a command that only reads: a backup is read too, and stays as it is.
pub fn open_to_read(city: &Path, lang: Lang) -> anyhow::Result<Store> {
    let classes = catalogue_of(city)?.classes;
    Ok(patiently(lang, city, || Store::open_to_read(city, &classes))?)
}

/// Why a class that was named is not served though the city has it: another program has replaced its table.
pub fn estranged(store: &Store, name: &str) -> Option<StoreError> {
    let labelled =
        |id: &str| Catalogue::builtin().class(id).is_some_and(|class| class.label.zh == name || class.label.en.eq_ignore_ascii_case(name));
    let found = store.estranged().into_iter().find(|id| id.eq_ignore_ascii_case(name) || labelled(id));
    found.map(StoreError::Estranged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_store::{CityConfig, CollectionSchema, Kind};

    fn statue(no: u32) -> String {
        format!(
            "[[class]]\nid = \"statue\"\nno = {no}\nzh = \"雕塑\"\nen = \"statue\"\ndomain = \"base\"\ngeometry = \"point\"\n\
             symbol = {{ colour = \"#808080\", min_zoom = 15 }}\nform = {{ kind = \"post\", height_m = 3.0, radius_m = 0.5 }}\nshared = [\"code\"]\nattributes = []\n"
        )
    }

    /// An operator keeps a layer with `load --as` first and writes the file later, with the first number that it may have.
    #[test]
    fn a_number_of_the_file_never_meets_that_of_a_collection() {
        let city = tempfile::tempdir().unwrap();
        let config = CityConfig::new("甲市", citytwin_model::LonLat { lon: 116.0, lat: 30.0 });
        let store = Store::create(city.path(), &config, &catalogue_of(city.path()).unwrap().classes).unwrap();
        let schema = CollectionSchema { label: "trees".into(), geometry: Kind::Point, attributes: vec![] };
        let trees = store.own_collection("trees", &schema).unwrap();
        drop(store);
        for (no, good) in [(10_000, true), (19_999, true), (9_999, false), (trees.no.0.into(), false)] {
            std::fs::write(city.path().join(FILE_NAME), statue(no)).unwrap();
            assert_eq!(catalogue_of(city.path()).is_ok(), good, "{no}");
        }
        std::fs::write(city.path().join(FILE_NAME), statue(10_000)).unwrap();
        let store = Store::open(city.path(), &catalogue_of(city.path()).unwrap().classes).unwrap();
        let names: Vec<String> = store.classes().iter().map(|class| class.id.clone()).collect();
        assert!(["statue", "trees", "hydrant"].iter().all(|name| names.iter().any(|known| known == name)), "{names:?}");
    }
}
