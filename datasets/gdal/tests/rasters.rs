//! Grids of heights through the real helper.

mod common;

use citytwin_datasets::pipe::{CrsWay, Event, GridHeader};
use citytwin_datasets::{HelperError, Request};
use common::{data, helper};
use std::path::Path;

fn grid(file: &Path, crs: Option<&str>) -> Result<(GridHeader, Vec<f32>), HelperError> {
    let mut stream = helper().raster(file, &Request { crs: crs.map(str::to_owned), ..Request::default() })?;
    let (mut header, mut cells) = (None, Vec::new());
    while let Some(event) = stream.next_event()? {
        match event {
            Event::Grid(grid) => header = Some(grid),
            Event::Rows(rows) => cells.extend(rows.cells),
            _ => {}
        }
    }
    Ok((header.expect("a grid before its end"), cells))
}

/// An ASCII grid: the one format that needs no library to write.
fn ascii(folder: &Path, west: f64, south: f64, cell: f64, rows: &[&[f64]]) -> std::path::PathBuf {
    let file = folder.join("heights.asc");
    let text: Vec<String> = rows.iter().map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")).collect();
    let head = format!(
        "ncols {}\nnrows {}\nxllcorner {west}\nyllcorner {south}\ncellsize {cell}\nNODATA_value -9999\n",
        rows[0].len(),
        rows.len()
    );
    std::fs::write(&file, head + &text.join("\n") + "\n").unwrap();
    file
}

#[test]
fn degrees_go_out_cell_for_cell() {
    let folder = tempfile::tempdir().unwrap();
    let file = ascii(folder.path(), 116.0, 30.0, 0.5, &[&[1.0, 2.0, 3.0], &[4.0, -9999.0, 6.5]]);
    let (header, cells) = grid(&file, Some("EPSG:4490")).unwrap();
    assert_eq!((header.columns, header.rows, header.crs.way.clone()), (3, 2, CrsWay::Same));
    assert_eq!((header.west, header.north, header.cell_lon, header.cell_lat), (116.0, 31.0, 0.5, 0.5));
    assert_eq!([cells[0], cells[1], cells[2], cells[3], cells[5]], [1.0, 2.0, 3.0, 4.0, 6.5]);
    assert!(cells[4].is_nan(), "what is not known is not a height");
}

#[test]
fn a_grid_without_a_system_wants_it_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = ascii(folder.path(), 116.0, 30.0, 0.5, &[&[1.0, 2.0]]);
    assert!(
        matches!(grid(&file, None), Err(HelperError::Refused(fail)) if fail.key == "crs_missing_offer" && fail.detail == "--crs EPSG:4490")
    );
}

/// A plane that rises to the east, in metres of a CGCS2000 zone: warped to degrees, each cell still tells its easting.
#[test]
fn a_projected_grid_is_warped_onto_the_right_places() {
    let folder = tempfile::tempdir().unwrap();
    let row: Vec<f64> = (0..60).map(|i| 500_000.0 + 50.0 + 100.0 * f64::from(i)).collect();
    let rows: Vec<&[f64]> = (0..40).map(|_| &row[..]).collect();
    let file = ascii(folder.path(), 500_000.0, 3_320_000.0, 100.0, &rows);
    let (header, cells) = grid(&file, Some("EPSG:4547")).unwrap();
    assert!(matches!(header.crs.way, CrsWay::Unprojected { .. }));
    let mut compared = 0;
    for r in 2..header.rows - 2 {
        for c in 2..header.columns - 2 {
            let height = cells[(r * header.columns + c) as usize];
            if height.is_nan() {
                continue;
            }
            let (lon, lat) = (header.west + (f64::from(c) + 0.5) * header.cell_lon, header.north - (f64::from(r) + 0.5) * header.cell_lat);
            // Near the central meridian an easting is the length of the parallel, to a metre.
            let (sin, n) = (lat.to_radians().sin(), 6_378_137.0);
            let easting = 500_000.0 + (lon - 114.0).to_radians() * lat.to_radians().cos() * n / (1.0 - 0.006_694_38 * sin * sin).sqrt();
            assert!((f64::from(height) - easting).abs() < 2.0, "{lon} {lat}: {height} is not {easting}");
            compared += 1;
        }
    }
    assert!(compared > 1500, "{compared}");
}

#[test]
fn a_real_grid_arrives() {
    let Some(file) = data("dem/float_raster_with_nodata.tif") else { return };
    // Its own system names no datum, so that nobody can say where it lies; the operator can (it is Europe's LAEA).
    assert!(matches!(grid(&file, None), Err(HelperError::Refused(fail)) if fail.key == "crs_no_operation"));
    let (header, cells) = grid(&file, Some("EPSG:3035")).unwrap();
    assert!(matches!(header.crs.way, CrsWay::Transformed { accuracy_m: Some(a), .. } if a <= 2.0), "{:?}", header.crs);
    // Corners as gdalinfo gives them: 38°04'26" to 38°11'20" E, 49°23'32" to 49°27'49" N.
    let east = header.west + header.cell_lon * f64::from(header.columns);
    assert!((header.west - 38.0740).abs() < 0.01 && (east - 38.1888).abs() < 0.01 && (header.north - 49.4636).abs() < 0.01, "{header:?}");
    assert_eq!(cells.len(), header.columns as usize * header.rows as usize);
    let known: Vec<f32> = cells.iter().copied().filter(|c| c.is_finite()).collect();
    assert!(!known.is_empty() && known.len() < cells.len(), "{} of {}", known.len(), cells.len());
}

#[test]
fn hostile_grids_get_an_answer() {
    let Some(folder) = data("hostile/raster") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        match grid(&file, Some("EPSG:4326")) {
            Ok(_) | Err(HelperError::Refused(_)) => {}
            Err(other) => panic!("{}: {other}", file.display()),
        }
    }
}
