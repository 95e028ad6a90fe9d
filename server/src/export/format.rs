//! The formats, how their files are called, and what each can hold.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Gpkg,
    GeoJson,
    GeoJsonSeq,
    Fgb,
    Csv,
    Shp,
}

impl Format {
    pub const ALL: [Self; 6] = [Self::Gpkg, Self::GeoJson, Self::GeoJsonSeq, Self::Fgb, Self::Csv, Self::Shp];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpkg => "gpkg",
            Self::GeoJson => "geojson",
            Self::GeoJsonSeq => "geojsonseq",
            Self::Fgb => "fgb",
            Self::Csv => "csv",
            Self::Shp => "shp",
        }
    }

    /// Endings of such files; the first is the one that we give.
    pub const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Gpkg => &["gpkg"],
            Self::GeoJson => &["geojson", "json"],
            Self::GeoJsonSeq => &["geojsonl", "geojsons", "geojsonseq", "ndjson"],
            Self::Fgb => &["fgb"],
            Self::Csv => &["csv"],
            Self::Shp => &["shp"],
        }
    }

    /// The format that a file's name names.
    pub fn of_path(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.endings().contains(&ending.as_str()))
    }

    /// Several classes stand in one file, each as a layer.
    pub const fn has_layers(self) -> bool {
        matches!(self, Self::Gpkg)
    }

    /// Things without a place can be written too. GDAL writes none into a FlatGeobuf, and says nothing.
    pub const fn holds_placeless(self) -> bool {
        !matches!(self, Self::Fgb)
    }

    /// The file itself says what system its coordinates are in.
    pub const fn names_its_system(self) -> bool {
        !matches!(self, Self::GeoJsonSeq | Self::Csv)
    }

    /// What a shapefile's or a GeoPackage's other files are called: taken away with a file that is overwritten, because
    /// an old index beside a new file leads to wrong answers.
    pub const fn companions(self) -> &'static [&'static str] {
        match self {
            Self::Shp => &["shx", "dbf", "prj", "cpg", "qix", "sbn", "sbx", "idm", "ind", "qmd"],
            _ => &[],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let said = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.name() == said || format.endings().contains(&said.as_str())).ok_or_else(|| {
            let formats = Self::ALL.map(Self::name).join(", ");
            citytwin_assets::say(crate::cli::lang(), "cli.no_format", &[("given", &text), ("formats", &formats)])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_name_and_by_a_files_ending() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            for ending in format.endings() {
                assert_eq!(Format::of_path(Path::new(&format!("a.b.{}", ending.to_uppercase()))), Some(format));
            }
        }
        assert_eq!(Format::of_path(Path::new("a/gpkg")), None);
        assert!("dwg".parse::<Format>().unwrap_err().contains("geojsonseq"));
    }
}
