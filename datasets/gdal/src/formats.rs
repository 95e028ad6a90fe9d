//! Which formats are read at all, and how each is opened.
//!
//! GDAL knows two hundred; these are the ones whose drivers read nothing but the named file and its own siblings.
//! No VRT or MRF (they point at other files), nothing that speaks to a network, no plug-ins. Every other driver is
//! taken out of GDAL before a file is looked at.
//!
//! Left out on purpose: spreadsheets (GDAL guesses their types, and `0012` becomes 12: as CSV a table stays as it was
//! written), SQLite other than GeoPackage (its views and virtual tables may name other files), the old KML driver
//! (it drops every attribute but name and description).

use crate::osm;
use gdal::DriverManager;
use std::path::Path;

/// In the order in which they are tried.
pub const VECTOR: [&str; 14] = [
    "GPKG",
    "ESRI Shapefile",
    "FlatGeobuf",
    "OpenFileGDB",
    "MapInfo File",
    "GeoJSON",
    "GeoJSONSeq",
    "TopoJSON",
    "ESRIJSON",
    "OSM",
    "GPX",
    "LIBKML",
    "GML",
    "CSV",
];
pub const RASTER: [&str; 3] = ["GTiff", "AAIGrid", "SRTMHGT"];
/// The formats whose data set is a folder.
pub const FOLDERS: [&str; 1] = ["OpenFileGDB"];

/// Formats that are written for us.
pub const WRITTEN: [&str; 2] = ["FlatGeobuf", "ESRI Shapefile"];

/// Settings that hold before the first driver is registered.
pub fn prepare() -> anyhow::Result<()> {
    for (key, value) in [
        ("GDAL_DRIVER_PATH", "disable"),
        ("GDAL_PAM_ENABLED", "NO"),
        ("GDAL_HTTP_TIMEOUT", "1"),
        ("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".none"),
        ("OGR_GEOJSON_MAX_OBJ_SIZE", "512"),
        ("GDAL_CACHEMAX", "256"),
        ("SHAPE_RESTORE_SHX", "NO"),
        ("OGR_ORGANIZE_POLYGONS", "DEFAULT"),
        ("OGR_SQLITE_LOAD_EXTENSIONS", ""),
        // GML: links are left as they stand, schemas come from beside the file or not at all; 0012 is a code, not twelve.
        ("GML_SKIP_RESOLVE_ELEMS", "ALL"),
        ("GML_FIELDTYPES", "ALWAYS_STRING"),
        ("GML_SKIP_CORRUPTED_FEATURES", "NO"),
        // KML: styles and links name other documents.
        ("LIBKML_RESOLVE_STYLE", "NO"),
        ("LIBKML_EXTERNAL_STYLE", "NO"),
        ("LIBKML_READ_GROUND_OVERLAY", "NO"),
        ("GPX_ELE_AS_25D", "YES"),
    ] {
        gdal::config::set_config_option(key, value)?;
    }
    DriverManager::register_all();
    for index in (0..DriverManager::count()).rev() {
        let driver = DriverManager::get_driver(index)?;
        let name = driver.short_name();
        if !VECTOR.contains(&name.as_str()) && !RASTER.contains(&name.as_str()) {
            DriverManager::deregister_driver(&driver);
        }
    }
    osm::describe_columns();
    Ok(())
}

/// Options that keep a format's values as they were written. Only the format's own, so that GDAL has nothing to warn of.
pub fn open_options(format: &str, path: &Path, encoding: Option<&str>) -> Vec<String> {
    let fixed: &[&str] = match format {
        "GPKG" => &["PRELUDE_STATEMENTS=PRAGMA temp_store=MEMORY"],
        // Dates and lists as the text they are; the record itself, for its id.
        "GeoJSON" => &["NATIVE_DATA=YES", "DATE_AS_STRING=YES", "ARRAY_AS_STRING=YES", "FEATURE_SERVER_PAGING=NO"],
        "ESRIJSON" => &["FEATURE_SERVER_PAGING=NO"],
        "FlatGeobuf" => &["VERIFY_BUFFERS=YES"],
        // A real number stays one even where a whole file happens to hold whole ones.
        "ESRI Shapefile" => &["ADJUST_TYPE=NO", "ADJUST_GEOM_TYPE=FIRST_SHAPE"],
        // Tables and temporary files stay in memory, which is bounded; nothing is written to disk.
        "OSM" => &["MAX_TMPFILE_SIZE=1536", "COMPRESS_NODES=YES", "INTERLEAVED_READING=NO"],
        "GML" => &["WRITE_GFS=NO", "DOWNLOAD_SCHEMA=NO", "EMPTY_AS_NULL=NO", "EXPOSE_GML_ID=YES"],
        // Columns stay text: 0012 is a code, not twelve.
        "CSV" => &[
            "X_POSSIBLE_NAMES=lon,lng,long,longitude,x,经度,东坐标",
            "Y_POSSIBLE_NAMES=lat,latitude,y,纬度,北坐标",
            "Z_POSSIBLE_NAMES=z,height,elevation,高程",
            "GEOM_POSSIBLE_NAMES=wkt,geom,geometry",
            "KEEP_GEOM_COLUMNS=NO",
            "AUTODETECT_TYPE=NO",
            // An empty cell is no data: which of the two it was, a table does not say.
            "EMPTY_STRING_AS_NULL=YES",
        ],
        _ => &[],
    };
    let mut options: Vec<String> = fixed.iter().map(|o| (*o).to_owned()).collect();
    match format {
        "OSM" => {
            // The quick index wants nodes in order of their numbers: extracts have them so, what an editor saved has not.
            let sorted = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pbf"));
            options.push(format!("USE_CUSTOM_INDEXING={}", if sorted { "YES" } else { "NO" }));
            options.push(format!("CONFIG_FILE={}", osm::COLUMNS_FILE));
        }
        "ESRI Shapefile" => options.extend(encoding.map(|name| format!("ENCODING={name}"))),
        _ => {}
    }
    options
}

/// What a file that nobody could open is by its name: the key of a sentence that says what to do with it.
pub fn known_but_not_read(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let ending = name.rsplit_once('.')?.1;
    Some(match ending {
        "xlsx" | "xls" | "ods" | "et" => "format_table",
        "dxf" | "dwg" | "dgn" => "format_drawing",
        "zip" | "7z" | "rar" | "gz" | "tgz" | "tar" | "shz" => "format_packed",
        "vrt" | "mrf" | "wms" | "qgs" | "qgz" | "mxd" | "aprx" | "lyr" | "lyrx" => "format_pointer",
        "mdb" | "accdb" | "db" | "sqlite" => "format_database",
        "inp" | "ifc" | "skp" | "rvt" | "obj" | "fbx" | "b3dm" | "pbf" | "mvt" | "parquet" => "format_other",
        _ if name.ends_with(".city.json") => "format_other",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_drivers_are_left() {
        prepare().unwrap();
        let left: Vec<_> = (0..DriverManager::count()).map(|i| DriverManager::get_driver(i).unwrap().short_name()).collect();
        for name in VECTOR.iter().chain(&RASTER) {
            assert!(left.iter().any(|l| l == name), "{name} is missing; is this GDAL built without it?");
        }
        assert_eq!(left.len(), VECTOR.len() + RASTER.len(), "{left:?}");
    }

    #[test]
    fn no_format_is_opened_with_an_option_that_it_does_not_have() {
        prepare().unwrap();
        for format in VECTOR {
            let driver = DriverManager::get_driver_by_name(format).unwrap();
            let list = gdal::Metadata::metadata_item(&driver, "DMD_OPENOPTIONLIST", "").unwrap_or_default();
            for option in open_options(format, Path::new("a.pbf"), Some("GBK")) {
                let name = option.split_once('=').unwrap().0.to_owned();
                assert!(list.contains(&format!("name='{name}'")), "{format} knows no {name}");
            }
        }
    }

    #[test]
    fn a_drawing_a_spreadsheet_and_a_pointer_are_told_apart() {
        for (name, key) in [
            ("管线.DXF", Some("format_drawing")),
            ("表.xlsx", Some("format_table")),
            ("a.vrt", Some("format_pointer")),
            ("delft.city.json", Some("format_other")),
            ("a.geojson", None),
            ("noending", None),
        ] {
            assert_eq!(known_but_not_read(Path::new(name)), key, "{name}");
        }
    }
}
