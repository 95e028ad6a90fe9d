//! Writes the tests' hand-made village (模拟数据) as a folder of 3D tiles, with places whose ids are known.
//!
//!     cargo run -p citytwin-tiles --example write_tileset -- DIR

#[path = "../tests/support/mod.rs"]
mod support;

use citytwin_model::class::{Form, Group};
use citytwin_model::{City, Feature, Position};
use citytwin_tiles::grid::TileId;
use citytwin_tiles::tiles3d::{self, Scene};
use std::path::Path;
use support::{GEOID_OFFSET_M, Village};

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: write_tileset DIR");
        std::process::exit(2);
    };
    let folder = Path::new(&folder);
    let city = Village::village();
    let started = std::time::Instant::now();
    let scene = Scene::of(&city);
    println!("scene: {:.3} s", started.elapsed().as_secs_f64());
    write(folder, "tileset.json", &scene.tileset().to_json())?;
    let (mut files, mut bytes) = (0, 0);
    let started = std::time::Instant::now();
    for group in Group::ALL {
        write(folder, &format!("{}/tileset.json", group.id()), &scene.group_tileset(group).to_json())?;
        let mut roots = std::collections::BTreeSet::from([TileId::ROOT]);
        for tile in scene.leaves(group).keys() {
            roots.insert(tile.subtree_root());
            let glb = tiles3d::content(&city, group, *tile).expect("a leaf of the scene");
            write(folder, &format!("{}/8/{}/{}.glb", group.id(), tile.x(), tile.y()), &glb)?;
            files += 1;
            bytes += glb.len();
        }
        for root in roots {
            if let Some(subtree) = scene.subtree(group, root) {
                write(folder, &format!("{}/{}/{}/{}.subtree", group.id(), root.level(), root.x(), root.y()), &subtree)?;
            }
        }
    }
    println!("{files} glb files, {bytes} bytes: {:.3} s", started.elapsed().as_secs_f64());
    write(folder, "known.json", serde_json::to_string_pretty(&known(&city)).expect("numbers and texts only").as_bytes())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a file in the folder"))?;
    std::fs::write(path, bytes)
}

/// Places where a look must meet a certain feature: roofs in the whole city, pipe axes in their own networks.
fn known(city: &Village) -> serde_json::Value {
    let place = |tileset: &str, feature: &Feature, p: Position| {
        serde_json::json!({
            "tileset": tileset, "class": feature.id.class.0, "fid": feature.id.fid, "code": feature.text(city.class_of(feature), "code"),
            "lon": p.lon, "lat": p.lat, "ellipsoid_m": p.z + GEOID_OFFSET_M,
        })
    };
    let mut places = Vec::new();
    for feature in city.everything() {
        let class = city.class_of(feature);
        let geometry = feature.geometry.as_ref().expect("each of the village has one");
        match class.form {
            Form::Prism { .. } if [40, 80, 120].contains(&feature.id.fid) => {
                let at = geometry.bounds().centre();
                let roof = city.ground_height(at).expect("ground is known there") + feature.number(class, "height_m").expect("given");
                places.push(place("tileset.json", feature, Position::new(at.lon, at.lat, roof)));
            }
            Form::Tube { .. } if geometry.has_z && feature.id.fid < 4 => {
                let line = &geometry.lines()[0];
                let (a, b) = (line[0], line[1]);
                let middle = Position::new((a.lon + b.lon) / 2.0, (a.lat + b.lat) / 2.0, (a.z + b.z) / 2.0);
                let group = class.group.expect("pipes are drawn").id();
                if a != b {
                    places.push(place(&format!("{group}/tileset.json"), feature, middle));
                }
            }
            _ => {}
        }
    }
    serde_json::json!(places)
}
