//! The height pyramid: what goes in comes out, damage is seen.

use crate::{Terrain, TerrainGrid, TerrainWriter};
use citytwin_model::LonLat;

const GRID: TerrainGrid = TerrainGrid { west: 116.0, north: 30.0, lon_step: 0.001, lat_step: 0.001, columns: 700, rows: 530 };

/// A plane that rises to the east and the north, with a hole.
fn height(column: usize, row: usize) -> f32 {
    if (300..320).contains(&column) && (100..120).contains(&row) { f32::NAN } else { column as f32 * 0.5 - row as f32 * 0.25 + 50.0 }
}

fn write(dir: &std::path::Path) {
    let mut writer = TerrainWriter::create(dir, GRID).unwrap();
    for row in 0..530 {
        writer.row(&(0..700).map(|column| height(column, row)).collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn heights_come_back_exactly_at_samples_and_evenly_between() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Terrain::open(dir.path()).unwrap().is_none());
    write(dir.path());
    let terrain = Terrain::open(dir.path()).unwrap().unwrap();
    assert_eq!((terrain.levels(), terrain.verify().unwrap()), (3, 0));
    let at = |x: f64, y: f64| terrain.height(LonLat { lon: 116.0 + x * 0.001, lat: 30.0 - y * 0.001 });
    for (column, row) in [(0, 0), (699, 0), (0, 529), (255, 255), (256, 256), (511, 300), (699, 529)] {
        let found = at(column as f64 + 0.5, row as f64 + 0.5).unwrap();
        assert!((found - f64::from(height(column, row))).abs() < 1e-6, "{column} {row} {found}");
    }
    let between = at(256.0, 256.0).unwrap();
    assert!((between - (255.5 * 0.5 - 255.5 * 0.25 + 50.0)).abs() < 1e-6, "{between}");
    assert_eq!(at(310.0, 110.0), None, "in the hole");
    assert_eq!(at(-1.0, 10.0), None, "outside");
    assert!(at(0.0, 0.0).is_some(), "on the edge");
}

#[test]
fn coarser_levels_are_means() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let terrain = Terrain::open(dir.path()).unwrap().unwrap();
    for level in 0..3 {
        let found = terrain.height_at_level(LonLat { lon: 116.2, lat: 29.8 }, level).unwrap();
        assert!((found - (199.5 * 0.5 - 199.5 * 0.25 + 50.0)).abs() < 1e-3, "{level} {found}");
    }
    assert_eq!(terrain.height_at_level(LonLat { lon: 116.2, lat: 29.8 }, 3), None);
}

#[test]
fn damage_is_no_data_or_a_refusal_never_a_wrong_height() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let path = dir.path().join("terrain/heights.ctt");
    let good = std::fs::read(&path).unwrap();
    for at in [3, 20, 50, 111, good.len() - 5] {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).unwrap();
        assert!(Terrain::open(dir.path()).is_err(), "byte {at}");
    }
    let mut bad = good.clone();
    bad[5000] ^= 0x10; // in the first tile
    std::fs::write(&path, &bad).unwrap();
    let terrain = Terrain::open(dir.path()).unwrap().unwrap();
    assert_eq!((terrain.verify().unwrap(), terrain.height(LonLat { lon: 116.0005, lat: 29.9995 })), (1, None));
    std::fs::write(&path, &good[..2000]).unwrap();
    assert!(Terrain::open(dir.path()).is_err());
}

#[test]
fn rasters_that_cannot_be_terrain_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for bad in [
        TerrainGrid { columns: 0, ..GRID },
        TerrainGrid { lat_step: -0.001, ..GRID },
        TerrainGrid { west: 500.0, ..GRID },
        TerrainGrid { lon_step: f64::NAN, ..GRID },
    ] {
        assert!(TerrainWriter::create(dir.path(), bad).is_err(), "{bad:?}");
    }
    let mut writer = TerrainWriter::create(dir.path(), GRID).unwrap();
    assert!(writer.row(&[1.0; 3]).is_err());
    assert!(writer.finish().is_err(), "rows are missing");
}
