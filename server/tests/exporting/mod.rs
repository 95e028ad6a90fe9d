//! A city, its files, and the programs that make one of the other.
#![allow(dead_code, reason = "each test file uses some of it")]

use citytwin_catalogue::Catalogue;
use citytwin_model::{Class, FeatureId, LonLat, Value, wkb};
use citytwin_store::{CityConfig, Store};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

/// The helper, built if it is not there: it is another package, so cargo does not bring it along.
pub fn helper() -> &'static Path {
    static HELPER: OnceLock<PathBuf> = OnceLock::new();
    HELPER.get_or_init(|| {
        let beside = Path::new(env!("CARGO_BIN_EXE_citytwin")).with_file_name("citytwin-gdal");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "-q", "-p", "citytwin-gdal"]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        build.env("CARGO_TARGET_DIR", beside.parent().and_then(Path::parent).expect("target/debug"));
        assert!(build.status().expect("cargo runs").success(), "citytwin-gdal does not build");
        beside
    })
}

pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn create(&self, name: &str) -> Store {
        let config = CityConfig { simulated: true, ..CityConfig::new("示范市", LonLat { lon: 116.0, lat: 30.0 }) };
        Store::create(&self.path(name), &config, &Catalogue::builtin().classes).unwrap()
    }

    pub fn open(&self, name: &str) -> Store {
        Store::open(&self.path(name), &Catalogue::builtin().classes).unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
        command.args(args).current_dir(self.folder.path()).env("LANG", "en_US.UTF-8").env_remove("LC_ALL").env("CITYTWIN_GDAL", helper());
        command
    }

    /// Runs and demands an exit code; what was said.
    pub fn run(&self, code: i32, args: &[&str]) -> String {
        let output: Output = self.command(args).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// All that counts as the same city: by class, what each feature is, references by code, coordinates to the last bit.
pub fn contents(store: &Store) -> BTreeMap<String, Vec<String>> {
    let classes = store.classes();
    let by_no: HashMap<_, &Arc<Class>> = classes.iter().map(|class| (class.no, class)).collect();
    let mut features = Vec::new();
    store.read_all(&mut |feature| features.push(feature)).unwrap();
    let codes: HashMap<FeatureId, String> = features
        .iter()
        .filter_map(|f| Some((f.id, format!("{}:{}", by_no[&f.id.class].id, f.text(by_no[&f.id.class], "code")?))))
        .collect();
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for feature in &features {
        let class = by_no[&feature.id.class];
        let mut text = String::new();
        if let Some(geometry) = &feature.geometry {
            let mut bytes = Vec::new();
            wkb::write(geometry, &mut bytes);
            text.extend(bytes.iter().map(|b| format!("{b:02x}")));
        }
        for (attribute, value) in class.attributes.iter().zip(&feature.attributes) {
            let named = match (&attribute.ty, value) {
                (citytwin_model::AttributeType::Ref(_), Value::Int(wire)) => {
                    format!("-> {}", codes[&FeatureId::from_wire(*wire as u64).unwrap()])
                }
                (_, Value::Real(x)) => format!("{:016x}", x.to_bits()),
                (_, value) => format!("{value:?}"),
            };
            if !value.is_null() {
                text.push_str(&format!("\n  {}: {named}", attribute.id));
            }
        }
        // As JSON: the order of members and the blanks between them say nothing.
        if let Some(other) = &feature.other {
            let json: serde_json::Value = serde_json::from_str(other).unwrap();
            text.push_str(&format!("\n  other: {json}"));
        }
        all.entry(class.id.clone()).or_default().push(text);
    }
    all.values_mut().for_each(|features| features.sort());
    all
}

/// Fails with the first features that differ, not with two cities.
pub fn assert_same(before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "classes that hold something");
    for (class, features) in before {
        let (a, b) = (features, &after[class]);
        let lost: Vec<_> = a.iter().filter(|f| b.binary_search(f).is_err()).take(3).collect();
        let new: Vec<_> = b.iter().filter(|f| a.binary_search(f).is_err()).take(3).collect();
        assert!(
            lost.is_empty() && new.is_empty() && a.len() == b.len(),
            "{class}: {} and {}\nlost {lost:#?}\nnew {new:#?}",
            a.len(),
            b.len()
        );
    }
}
