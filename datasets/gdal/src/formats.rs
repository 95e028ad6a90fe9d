//! Which formats are read at all, and how each is opened.
//!
//! GDAL knows two hundred; these are the ones whose drivers read nothing but the named file and its own siblings.
//! No VRT or MRF (they point at other files), nothing that speaks to a network, no plug-ins. Every other driver is
//! taken out of GDAL before a file is looked at.

use gdal::DriverManager;

pub const VECTOR: [&str; 7] = ["GPKG", "GeoJSON", "GeoJSONSeq", "FlatGeobuf", "ESRI Shapefile", "MapInfo File", "CSV"];
pub const RASTER: [&str; 3] = ["GTiff", "AAIGrid", "SRTMHGT"];

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
    Ok(())
}

/// Options that keep a format's values as they were written. Only the format's own, so that GDAL has nothing to warn of.
pub fn open_options(format: &str) -> &'static [&'static str] {
    match format {
        // Dates and lists as the text they are; the record itself, for its id.
        "GeoJSON" => &["NATIVE_DATA=YES", "DATE_AS_STRING=YES", "ARRAY_AS_STRING=YES"],
        // Columns stay text: 0012 is a code, not twelve.
        "CSV" => &[
            "X_POSSIBLE_NAMES=lon,lng,long,longitude,x,经度,东坐标",
            "Y_POSSIBLE_NAMES=lat,latitude,y,纬度,北坐标",
            "Z_POSSIBLE_NAMES=z,height,elevation,高程",
            "GEOM_POSSIBLE_NAMES=wkt,geom,geometry",
            "KEEP_GEOM_COLUMNS=NO",
        ],
        _ => &[],
    }
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
}
