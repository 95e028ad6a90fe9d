//! The city that is loaded into: found, or made by the first load.

use super::Args;
use super::patience::patiently;
use crate::classes::catalogue_of;
use anyhow::{Context, bail};
use citytwin_assets::{Lang, say};
use citytwin_catalogue::Catalogue;
use citytwin_model::{Bounds, Class, Kept, LonLat};
use citytwin_store::{CityConfig, STORE_FILE, Store, StoreError, utc_offset_minutes};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) struct City {
    dir: PathBuf,
    store: Option<Store>,
    catalogue: Catalogue,
    lang: Lang,
    /// What the command line says of a new city.
    name: Option<String>,
    division: Option<String>,
    origin: Option<[f64; 2]>,
}

impl City {
    pub fn at(dir: &Path, args: &Args, lang: Lang) -> anyhow::Result<Self> {
        let catalogue = catalogue_of(dir)?;
        let store = if dir.join(STORE_FILE).exists() { Some(patiently(lang, dir, || Store::open(dir, &catalogue.classes))?) } else { None };
        Ok(Self {
            dir: dir.to_owned(),
            store,
            catalogue,
            lang,
            name: args.name.clone(),
            division: args.division.clone(),
            origin: args.origin,
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn exists(&self) -> bool {
        self.store.is_some()
    }

    /// Whether the origin of the city that `file` would make has to be found from its data.
    pub fn wants_extent(&self, file: &Path) -> bool {
        !self.exists() && self.origin.is_none() && !described(file).is_file()
    }

    /// The store, where there is one.
    pub fn opened(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The classes that a layer may name.
    pub fn classes(&self) -> Vec<Arc<Class>> {
        match &self.store {
            Some(store) => store.classes(),
            None => self.catalogue.classes.iter().filter(|class| class.kept == Kept::City).cloned().collect(),
        }
    }

    /// The catalogue's classes, those too that are kept elsewhere.
    pub fn catalogue(&self) -> &[Arc<Class>] {
        &self.catalogue.classes
    }

    /// How far the city's clock is ahead of UTC.
    pub fn zone_minutes(&self) -> i32 {
        self.store.as_ref().and_then(|store| utc_offset_minutes(&store.config().time_zone)).unwrap_or(480)
    }

    /// The store; made now if there is none. `extent` holds the data whose centre a new city's frame touches.
    pub fn store(&mut self, file: &Path, extent: Option<Bounds>) -> anyhow::Result<&Store> {
        if self.store.is_none() {
            let config = self.new_config(file, extent)?;
            let classes = &self.catalogue.classes;
            self.store = Some(match patiently(self.lang, &self.dir, || Store::create(&self.dir, &config, classes)) {
                // Another load has made it in the meantime.
                Err(StoreError::AlreadyThere { .. }) => patiently(self.lang, &self.dir, || Store::open(&self.dir, classes))?,
                made => made?,
            });
        }
        Ok(self.store.as_ref().expect("just made"))
    }

    fn new_config(&self, file: &Path, extent: Option<Bounds>) -> anyhow::Result<CityConfig> {
        let beside = described(file);
        let mut config = if beside.is_file() {
            let text = std::fs::read_to_string(&beside).with_context(|| beside.display().to_string())?;
            CityConfig::from_toml(&text).map_err(|e| anyhow::anyhow!("{}: {e}", beside.display()))?
        } else {
            let dir = std::path::absolute(&self.dir)?;
            let name = self.name.clone().or_else(|| Some(dir.file_name()?.to_string_lossy().into_owned())).unwrap_or_else(|| "city".into());
            CityConfig::new(&name, self.new_origin(extent)?)
        };
        if let Some(name) = &self.name {
            (config.name.zh, config.name.en) = (name.clone(), name.clone());
        }
        if let Some(division) = &self.division {
            config.division = division.clone();
        }
        if let Some(origin) = self.origin {
            config.origin = origin;
        }
        Ok(config)
    }

    fn new_origin(&self, extent: Option<Bounds>) -> anyhow::Result<LonLat> {
        if let Some([lon, lat]) = self.origin {
            return Ok(LonLat { lon, lat });
        }
        match extent.filter(|e| !e.is_empty() && Bounds::WORLD.contains(e)) {
            Some(extent) => {
                let centre = extent.centre();
                Ok(LonLat { lon: hundredths(centre.lon), lat: hundredths(centre.lat).clamp(-85.0, 85.0) })
            }
            None => bail!(say(self.lang, "load.no_origin", &[])),
        }
    }

    /// What lies beside a demo city's file and belongs into the city's folder: the simulator's script. Whether it was news.
    pub fn take_script(&self, file: &Path) -> anyhow::Result<bool> {
        let from = file.with_extension("script.json");
        if !from.is_file() {
            return Ok(false);
        }
        let to = self.dir.join("script.json");
        let text = std::fs::read(&from).with_context(|| from.display().to_string())?;
        if std::fs::read(&to).is_ok_and(|there| there == text) {
            return Ok(false);
        }
        let part = self.dir.join("script.json.part");
        std::fs::write(&part, &text).with_context(|| part.display().to_string())?;
        std::fs::rename(&part, &to).with_context(|| to.display().to_string())?;
        Ok(true)
    }
}

/// A description of the city beside a file: `demo.city.toml` beside `demo.gpkg` and `demo.dem.tif`.
fn described(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    file.with_file_name(format!("{stem}.city.toml"))
}

fn hundredths(degrees: f64) -> f64 {
    (degrees * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_lies_beside_the_file() {
        assert_eq!(described(Path::new("a/demo.gpkg")), Path::new("a/demo.city.toml"));
        assert_eq!(described(Path::new("a/demo.dem.tif")), Path::new("a/demo.city.toml"));
    }

    #[test]
    fn a_new_origin_is_the_centre_rounded_to_a_hundredth() {
        let city = City {
            dir: "x".into(),
            store: None,
            catalogue: Catalogue::builtin().clone(),
            lang: Lang::En,
            name: None,
            division: None,
            origin: None,
        };
        let origin = city.new_origin(Some(Bounds::new(7.055656, 51.201105, 7.494430, 51.500864))).unwrap();
        assert_eq!((origin.lon, origin.lat), (7.28, 51.35));
        assert!(city.new_origin(None).is_err());
        assert!(city.new_origin(Some(Bounds::EMPTY)).is_err());
    }
}
