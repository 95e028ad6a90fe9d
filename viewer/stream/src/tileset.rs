//! The tileset's own files: an explicit root over one implicit quadtree per layer group.

use crate::view::Aabb;
use serde::Deserialize;

/// A layer group's quadtree, as its `tileset.json` describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub id: String,
    pub root: Aabb,
    /// Metres of error when only the root is shown; halves with each level.
    pub error_m: f64,
    pub subtree_levels: u32,
    pub available_levels: u32,
    content: Option<String>,
    subtree: String,
}

/// A cell of a quadtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    pub level: u32,
    pub x: u32,
    pub y: u32,
}

impl Cell {
    pub const ROOT: Self = Self { level: 0, x: 0, y: 0 };

    pub fn children(self) -> [Self; 4] {
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| Self { level: self.level + 1, x: self.x * 2 + x, y: self.y * 2 + y })
    }

    /// The root of the subtree that the cell belongs to.
    pub fn subtree_root(self, levels: u32) -> Self {
        let up = self.level % levels;
        Self { level: self.level - up, x: self.x >> up, y: self.y >> up }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TilesetError {
    #[error("the tileset is not JSON that 3D Tiles 1.1 describes: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the tileset says version {0}; this viewer reads 1.1")]
    Version(String),
    #[error("tile {0} has neither an implicit quadtree nor a tileset to follow")]
    Shape(String),
    #[error("the address {0} leaves the tileset's own folder")]
    Address(String),
}

/// What a tileset file says: groups that it holds, other tileset files, and where it stands on the earth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tileset {
    pub groups: Vec<Group>,
    pub tilesets: Vec<String>,
    pub transform: Option<[f64; 16]>,
}

impl Tileset {
    /// `url` is where the file came from: addresses in it are relative to that.
    pub fn parse(bytes: &[u8], url: &str) -> Result<Self, TilesetError> {
        let file: File = serde_json::from_slice(bytes)?;
        if file.asset.version != "1.1" {
            return Err(TilesetError::Version(file.asset.version));
        }
        let mut found = Self { transform: file.root.transform, ..Self::default() };
        found.walk(&file.root, url, 0)?;
        Ok(found)
    }

    fn walk(&mut self, tile: &Tile, url: &str, depth: u32) -> Result<(), TilesetError> {
        // Our own files are two deep; a file that is not ours must not take the stack with it.
        if depth > 32 {
            return Err(TilesetError::Shape(url.to_owned()));
        }
        let contents: Vec<&Content> = tile.content.iter().chain(tile.contents.iter().flatten()).collect();
        if let Some(implicit) = &tile.implicit_tiling {
            let Some(root) = &tile.bounding_volume.r#box else { return Err(TilesetError::Shape(url.to_owned())) };
            if implicit.subdivision_scheme != "QUADTREE" || !(1..=16).contains(&implicit.subtree_levels) || implicit.available_levels > 24 {
                return Err(TilesetError::Shape(url.to_owned()));
            }
            self.groups.push(Group {
                id: group_id(contents.first().map_or(url, |c| &c.uri), url),
                root: Aabb::from_box(root),
                error_m: tile.geometric_error,
                subtree_levels: implicit.subtree_levels,
                available_levels: implicit.available_levels,
                content: contents.first().map(|c| resolve(url, &c.uri)).transpose()?,
                subtree: resolve(url, &implicit.subtrees.uri)?,
            });
            return Ok(());
        }
        for content in contents {
            if !content.uri.split('?').next().is_some_and(|path| path.ends_with(".json")) {
                return Err(TilesetError::Shape(content.uri.clone()));
            }
            self.tilesets.push(resolve(url, &content.uri)?);
        }
        tile.children.iter().try_for_each(|child| self.walk(child, url, depth + 1))
    }
}

impl Group {
    pub fn content_url(&self, cell: Cell) -> Option<String> {
        self.content.as_ref().map(|template| fill(template, cell))
    }

    pub fn subtree_url(&self, cell: Cell) -> String {
        fill(&self.subtree, cell)
    }

    /// The cell by division of the root, used where a subtree says nothing tighter.
    pub fn cell_box(&self, cell: Cell) -> Aabb {
        (0..cell.level).rev().fold(self.root, |b, bit| b.quarter((cell.x >> bit) & 1, (cell.y >> bit) & 1))
    }

    pub fn error_at(&self, level: u32) -> f64 {
        self.error_m / f64::from(1u32 << level.min(31))
    }
}

fn fill(template: &str, cell: Cell) -> String {
    template.replace("{level}", &cell.level.to_string()).replace("{x}", &cell.x.to_string()).replace("{y}", &cell.y.to_string())
}

/// The folder that a group's tiles lie in is its name.
fn group_id(uri: &str, url: &str) -> String {
    let whole = resolve(url, uri).unwrap_or_else(|_| url.to_owned());
    let folder = whole.split("/{level}").next().unwrap_or(&whole).trim_end_matches("/tileset.json");
    folder.rsplit('/').next().unwrap_or_default().to_owned()
}

/// A relative address beside `base`. Another host or a step up out of the folder is refused: a tileset names its own files.
fn resolve(base: &str, uri: &str) -> Result<String, TilesetError> {
    let bad = || TilesetError::Address(uri.to_owned());
    if uri.is_empty() || uri.contains("..") || uri.contains("//") || uri.starts_with('/') || uri.contains(':') || uri.contains('\\') {
        return Err(bad());
    }
    let folder = base.split('?').next().and_then(|path| path.rfind('/').map(|i| &path[..=i])).ok_or_else(bad)?;
    Ok(format!("{folder}{}", uri.trim_start_matches("./")))
}

#[derive(Deserialize)]
struct File {
    asset: Asset,
    root: Tile,
}

#[derive(Deserialize)]
struct Asset {
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tile {
    #[serde(default)]
    bounding_volume: Volume,
    geometric_error: f64,
    content: Option<Content>,
    contents: Option<Vec<Content>>,
    #[serde(default)]
    children: Vec<Tile>,
    transform: Option<[f64; 16]>,
    implicit_tiling: Option<Implicit>,
}

#[derive(Deserialize, Default)]
struct Volume {
    r#box: Option<[f64; 12]>,
}

#[derive(Deserialize)]
struct Content {
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Implicit {
    subdivision_scheme: String,
    subtree_levels: u32,
    available_levels: u32,
    subtrees: Subtrees,
}

#[derive(Deserialize)]
struct Subtrees {
    uri: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = r#"{"asset":{"version":"1.1"},"geometricError":512,"root":{
        "boundingVolume":{"box":[0,0,50, 32768,0,0, 0,32768,0, 0,0,100]},"geometricError":512,"refine":"REPLACE",
        "content":{"uri":"{level}/{x}/{y}.glb"},
        "implicitTiling":{"subdivisionScheme":"QUADTREE","subtreeLevels":5,"availableLevels":9,"subtrees":{"uri":"{level}/{x}/{y}.subtree"}}}}"#;

    #[test]
    fn a_group_names_its_tiles_and_its_subtrees() {
        let tileset = Tileset::parse(GROUP.as_bytes(), "/3dtiles/net_water/tileset.json").unwrap();
        let group = &tileset.groups[0];
        let cell = Cell { level: 8, x: 130, y: 125 };
        assert_eq!(group.id, "net_water");
        assert_eq!(group.content_url(cell).unwrap(), "/3dtiles/net_water/8/130/125.glb");
        assert_eq!(group.subtree_url(cell.subtree_root(5)), "/3dtiles/net_water/5/16/15.subtree");
        assert_eq!(group.error_at(8), 2.0);
        let b = group.cell_box(cell);
        assert_eq!((b.min, b.max), ([512.0, -768.0, -50.0], [768.0, -512.0, 150.0]));
    }

    #[test]
    fn the_root_names_the_groups_files_or_holds_them() {
        let root = r#"{"asset":{"version":"1.1"},"geometricError":1000,"root":{"geometricError":1000,"boundingVolume":{},
            "transform":[1,0,0,0,0,1,0,0,0,0,1,0,5,6,7,1],
            "children":[{"geometricError":1,"content":{"uri":"buildings/tileset.json"}},{"geometricError":1,"content":{"uri":"./net_gas/tileset.json"}}]}}"#;
        let tileset = Tileset::parse(root.as_bytes(), "http://127.0.0.1:8080/3dtiles/tileset.json").unwrap();
        assert_eq!(
            tileset.tilesets,
            ["http://127.0.0.1:8080/3dtiles/buildings/tileset.json", "http://127.0.0.1:8080/3dtiles/net_gas/tileset.json"]
        );
        assert_eq!(tileset.transform.unwrap()[12..], [5.0, 6.0, 7.0, 1.0]);
    }

    #[test]
    fn strange_tilesets_are_refused() {
        for (file, why) in [
            ("{}", "asset"),
            (&GROUP.replace("1.1", "1.0"), "1.0"),
            (&GROUP.replace("QUADTREE", "OCTREE"), "neither"),
            (&GROUP.replace("\"subtreeLevels\":5", "\"subtreeLevels\":0"), "neither"),
            (&GROUP.replace("{level}/{x}/{y}.glb", "http://elsewhere/{x}.glb"), "leaves"),
            (&GROUP.replace("{level}/{x}/{y}.glb", "../../etc"), "leaves"),
        ] {
            let error = Tileset::parse(file.as_bytes(), "/3dtiles/a/tileset.json").unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let deep = format!(
            "{}{}{}",
            r#"{"asset":{"version":"1.1"},"root":"#,
            r#"{"geometricError":1,"children":["#.repeat(60),
            "]}".repeat(60) + "}"
        );
        assert!(Tileset::parse(deep.as_bytes(), "/a/tileset.json").is_err());
    }
}
