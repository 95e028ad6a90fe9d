//! Which crate may lean on which (design: arrows point one way). Every Cargo.toml is read against the list below;
//! an upward arrow is a design question, so it fails here first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate and the workspace crates it may lean on.
const ARROWS: &[(&str, &[&str])] = &[
    ("citytwin-model", &[]),
    ("citytwin-catalogue", &["citytwin-model"]),
    ("citytwin-assets", &["citytwin-model"]),
    ("citytwin-wire", &["citytwin-model"]),
    ("citytwin-tiles", &["citytwin-model", "citytwin-catalogue"]),
    ("citytwin-datasets", &["citytwin-model", "citytwin-catalogue"]),
    ("citytwin-demo", &["citytwin-model", "citytwin-catalogue"]),
    ("citytwin-gdal", &["citytwin-model", "citytwin-catalogue", "citytwin-datasets"]),
    ("citytwin-index", &["citytwin-model", "citytwin-catalogue"]),
    ("citytwin-store", &["citytwin-model", "citytwin-catalogue", "citytwin-index"]),
    ("citytwin-live", &["citytwin-model", "citytwin-catalogue", "citytwin-index", "citytwin-store"]),
    ("citytwin-analysis", &["citytwin-model", "citytwin-catalogue", "citytwin-index"]),
    (
        "citytwin",
        &[
            "citytwin-model",
            "citytwin-catalogue",
            "citytwin-assets",
            "citytwin-wire",
            "citytwin-tiles",
            "citytwin-datasets",
            "citytwin-demo",
            "citytwin-index",
            "citytwin-store",
            "citytwin-live",
            "citytwin-analysis",
        ],
    ),
    ("citytwin-viewer-stream", &["citytwin-model", "citytwin-tiles", "citytwin-wire"]),
    ("citytwin-viewer-state", &["citytwin-model", "citytwin-tiles", "citytwin-wire"]),
    (
        "citytwin-viewer",
        &["citytwin-model", "citytwin-tiles", "citytwin-wire", "citytwin-assets", "citytwin-viewer-state", "citytwin-viewer-stream"],
    ),
    ("citytwin-viewer-pack", &[]),
    ("citytwin-tests", &[]),
    ("citytwin-faults", &["citytwin-model", "citytwin-store", "citytwin-live"]),
    ("citytwin-faults-disk", &[]),
    ("citytwin-peers", &["citytwin-model", "citytwin-catalogue", "citytwin-index", "citytwin-store", "citytwin-wire"]),
];

/// In one process they crash or drop each other's locks.
const NEVER_TOGETHER: [&[&str]; 2] = [&["gdal", "gdal-sys"], &["rusqlite", "libsqlite3-sys"]];

struct Manifest {
    ours: BTreeSet<String>,
    foreign: BTreeSet<String>,
    /// What its tests lean on besides: they are programs too.
    for_tests: BTreeSet<String>,
}

#[test]
fn every_crate_leans_only_on_what_it_may() {
    let found = manifests();
    let listed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        listed.keys().copied().collect::<Vec<_>>(),
        "crates in the workspace and in this list"
    );
    for (name, manifest) in &found {
        for used in &manifest.ours {
            assert!(listed[name.as_str()].contains(&used.as_str()), "{name} leans on {used}; design §2 does not draw that arrow");
        }
    }
}

#[test]
fn arrows_make_no_circle() {
    let may: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    for (name, _) in ARROWS {
        assert!(!reach(&may, name).contains(name), "{name} leans on itself by way of others");
    }
}

#[test]
fn gdal_and_sqlite_are_never_in_one_binary() {
    let found = manifests();
    let uses: BTreeMap<&str, Vec<&str>> =
        found.iter().map(|(name, m)| (name.as_str(), m.ours.iter().map(String::as_str).collect())).collect();
    for name in found.keys() {
        let mut all: BTreeSet<&str> = found[name].for_tests.iter().map(String::as_str).collect();
        let mut open = vec![name.as_str()];
        open.extend(found[name].for_tests.iter().map(String::as_str).filter(|used| found.contains_key(*used)));
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                all.extend(found[next].foreign.iter().map(String::as_str));
                open.extend(&uses[next]);
            }
        }
        let holds = |library: &[&str]| library.iter().any(|form| all.contains(form));
        assert!(!NEVER_TOGETHER.iter().all(|library| holds(library)), "{name} would hold both of {NEVER_TOGETHER:?}");
    }
}

/// The viewer reaches a server over HTTP like any client.
#[test]
fn the_viewer_knows_no_server_room() {
    for (name, manifest) in manifests().iter().filter(|(name, _)| name.starts_with("citytwin-viewer")) {
        for room in ["citytwin", "citytwin-store", "citytwin-live", "citytwin-index", "citytwin-analysis"] {
            assert!(!manifest.ours.contains(room), "{name} leans on {room}");
        }
    }
}

fn reach<'a>(may: &BTreeMap<&'a str, &'a [&'a str]>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = may[from].to_vec();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(may[next]);
        }
    }
    reached
}

/// Dependencies of every member of the workspace.
fn manifests() -> BTreeMap<String, Manifest> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace").to_path_buf();
    let workspace: toml::Table = read(&root.join("Cargo.toml"));
    let renamed = |name: &str| workspace["workspace"]["dependencies"].get(name).and_then(package_of);
    let members = workspace["workspace"]["members"].as_array().expect("members").iter();
    members
        .map(|member| {
            let table = read(&root.join(member.as_str().expect("a path")).join("Cargo.toml"));
            let mut manifest = Manifest { ours: BTreeSet::new(), foreign: BTreeSet::new(), for_tests: BTreeSet::new() };
            collect(&table, &renamed, &mut manifest);
            if let Some(targets) = table.get("target").and_then(toml::Value::as_table) {
                targets.values().filter_map(toml::Value::as_table).for_each(|target| collect(target, &renamed, &mut manifest));
            }
            (table["package"]["name"].as_str().expect("a name").to_owned(), manifest)
        })
        .collect()
}

/// The package behind a dependency that goes by another name.
fn package_of(entry: &toml::Value) -> Option<String> {
    entry.get("package").and_then(toml::Value::as_str).map(str::to_owned)
}

fn collect(table: &toml::Table, renamed: &impl Fn(&str) -> Option<String>, manifest: &mut Manifest) {
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for (name, entry) in table.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
            let package = package_of(entry).or_else(|| renamed(name)).unwrap_or_else(|| name.clone());
            let ours = package == "citytwin" || package.starts_with("citytwin-");
            match section {
                "dev-dependencies" => manifest.for_tests.insert(package),
                _ if ours => manifest.ours.insert(package),
                _ => manifest.foreign.insert(package),
            };
        }
    }
}

fn read(path: &PathBuf) -> toml::Table {
    fs::read_to_string(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .parse()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
