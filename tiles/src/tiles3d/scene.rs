//! Which leaves exist and how far they reach: the tileset's own files come from here.
//!
//! Made once for a revision by walking the city, then kept in step leaf by leaf ([`Scene::update`]).

use super::leaf::{Leaf, is_drawn};
use super::stage::Stage;
use super::subtree_file;
use crate::grid::{Box3, LEAF_LEVEL, SIDE_M, SUBTREE_LEVELS, TileId};
use crate::tileset::{Asset, BoundingVolume, Content, ImplicitTiling, Refine, SubdivisionScheme, Tile, TileExtras, Tileset};
use citytwin_model::class::Group;
use citytwin_model::{Bounds, City, Frame, Kept, LocalPoint};
use std::collections::{BTreeMap, BTreeSet};

/// Error in metres of drawing nothing of a group at the root; it halves with each level. With 16 pixels of a screen 720
/// high allowed, leaves come in at about 40 km for ground, buildings and structures, 10 km for pipes, 5 km for posts.
const fn root_error_m(group: Group) -> f64 {
    match group {
        Group::Ground | Group::Buildings | Group::Structures => 131_072.0,
        Group::NetWater | Group::NetGas | Group::NetDrainage | Group::NetOther => 32_768.0,
        Group::Furniture => 16_384.0,
    }
}

/// What each layer group shows where.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    frame: Frame,
    /// In the order of [`Group::ALL`].
    groups: Vec<BTreeMap<TileId, Box3>>,
}

impl Scene {
    /// Walks the whole city.
    pub fn of(city: &dyn City) -> Self {
        let mut scene = Self { frame: *city.frame(), groups: vec![BTreeMap::new(); Group::ALL.len()] };
        let stage = Stage::new(city);
        for group in Group::ALL {
            let leaves = if group == Group::Ground { ground_leaves(&stage) } else { touched_leaves(&stage, group) };
            for tile in leaves {
                scene.look(city, group, tile);
            }
        }
        scene
    }

    /// Looks again at the leaves that an edit's boxes, old and new, touch. The ground is drawn as far as the city
    /// reaches, so it may grow by this.
    pub fn update(&mut self, city: &dyn City, changed: &[Bounds]) {
        let stage = Stage::new(city);
        let tiles: BTreeSet<TileId> =
            changed.iter().filter(|bounds| !bounds.is_empty()).flat_map(|bounds| leaves_over(&stage, bounds, 52.0)).collect();
        for group in Group::ALL {
            for tile in &tiles {
                self.look(city, group, *tile);
            }
        }
    }

    fn look(&mut self, city: &dyn City, group: Group, tile: TileId) {
        let leaves = &mut self.groups[group as usize];
        match Leaf::of(city, group, tile) {
            Some(leaf) => leaves.insert(tile, leaf.bounds),
            None => leaves.remove(&tile),
        };
    }

    /// Leaves with content, and their boxes in the city frame.
    pub fn leaves(&self, group: Group) -> &BTreeMap<TileId, Box3> {
        &self.groups[group as usize]
    }

    /// The box about everything of a group; `None` when there is nothing.
    pub fn bounds(&self, group: Group) -> Option<Box3> {
        let all = self.leaves(group).values().fold(Box3::EMPTY, |all, leaf| all.union(leaf));
        (!all.is_empty()).then_some(all)
    }

    /// `/3dtiles/tileset.json`: an explicit root over one implicit tileset for each group that shows something.
    pub fn tileset(&self) -> Tileset {
        let groups: Vec<Group> = Group::ALL.into_iter().filter(|group| !self.leaves(*group).is_empty()).collect();
        let children = groups.iter().map(|group| self.implicit(*group, &format!("{}/", group.id()))).collect();
        self.file(&groups, Tile { children, implicit_tiling: None, content: None, extras: None, ..self.root(&groups) })
    }

    /// `/3dtiles/{group}/tileset.json`: one group by itself.
    pub fn group_tileset(&self, group: Group) -> Tileset {
        let groups = [group];
        if self.leaves(group).is_empty() {
            return self.file(&groups, self.root(&groups));
        }
        let root = Tile { transform: Some(self.frame.ecef_from_local()), ..self.implicit(group, "") };
        self.file(&groups, root)
    }

    /// `/3dtiles/{group}/{level}/{x}/{y}.subtree`; `None` when `root` begins no subtree or nothing stands in it.
    pub fn subtree(&self, group: Group, root: TileId) -> Option<Vec<u8>> {
        subtree_file::write(self.leaves(group), root)
    }

    fn file(&self, groups: &[Group], root: Tile) -> Tileset {
        Tileset {
            asset: Asset { version: "1.1".into(), tileset_version: None },
            schema: Some(subtree_file::schema()),
            geometric_error: groups.iter().map(|group| root_error_m(*group)).fold(0.0, f64::max),
            root,
        }
    }

    fn root(&self, groups: &[Group]) -> Tile {
        Tile {
            bounding_volume: BoundingVolume { volume: self.square(groups).to_volume() },
            geometric_error: groups.iter().map(|group| root_error_m(*group)).fold(0.0, f64::max),
            refine: Some(Refine::Add),
            transform: Some(self.frame.ecef_from_local()),
            content: None,
            implicit_tiling: None,
            children: Vec::new(),
            extras: None,
        }
    }

    fn implicit(&self, group: Group, folder: &str) -> Tile {
        Tile {
            bounding_volume: BoundingVolume { volume: self.square(&[group]).to_volume() },
            geometric_error: root_error_m(group),
            refine: Some(Refine::Replace),
            transform: None,
            content: Some(Content { uri: format!("{folder}{{level}}/{{x}}/{{y}}.glb") }),
            implicit_tiling: Some(ImplicitTiling {
                subdivision_scheme: SubdivisionScheme::Quadtree,
                subtree_levels: SUBTREE_LEVELS,
                available_levels: LEAF_LEVEL + 1,
                subtrees: Content { uri: format!("{folder}{{level}}/{{x}}/{{y}}.subtree") },
            }),
            children: Vec::new(),
            extras: Some(TileExtras { group: group.id().to_owned() }),
        }
    }

    /// The square that is divided, as high as what stands in it. What overhangs the leaves at its rim is inside too.
    fn square(&self, groups: &[Group]) -> Box3 {
        let half = SIDE_M / 2.0;
        let z = groups
            .iter()
            .filter_map(|group| self.bounds(*group))
            .fold((0.0f64, 1.0f64), |z, bounds| (z.0.min(bounds.min[2]), z.1.max(bounds.max[2])));
        Box3 { min: [-half, -half, z.0], max: [half, half, z.1] }
    }
}

/// Leaves that a group's features may touch.
fn touched_leaves(stage: &Stage<'_>, group: Group) -> BTreeSet<TileId> {
    let mut tiles = BTreeSet::new();
    for class in stage.city.classes().iter().filter(|class| is_drawn(class, group)) {
        for feature in stage.city.all(class.no) {
            if let Some(geometry) = &feature.geometry {
                tiles.extend(leaves_over(stage, &geometry.bounds(), 1.0));
            }
        }
    }
    tiles
}

/// The ground is drawn as far as the city's features reach, and one leaf further.
fn ground_leaves(stage: &Stage<'_>) -> BTreeSet<TileId> {
    let mut city = Bounds::EMPTY;
    for class in stage.city.classes().iter().filter(|class| class.kept == Kept::City) {
        for feature in stage.city.all(class.no) {
            if let Some(geometry) = &feature.geometry {
                city = city.union(&geometry.bounds());
            }
        }
    }
    if city.is_empty() { BTreeSet::new() } else { leaves_over(stage, &city, crate::grid::leaf_side_m()).into_iter().collect() }
}

/// Leaves of the square that a box may touch, `margin_m` wider than it is.
fn leaves_over(stage: &Stage<'_>, bounds: &Bounds, margin_m: f64) -> Vec<TileId> {
    // Beyond this the square ends anyhow, and the far side of the earth would fold onto the plane.
    let origin = stage.frame.origin();
    let near = Bounds::new(origin.lon - 3.0, origin.lat - 1.0, origin.lon + 3.0, origin.lat + 1.0);
    let clipped =
        Bounds::new(bounds.west.max(near.west), bounds.south.max(near.south), bounds.east.min(near.east), bounds.north.min(near.north));
    if clipped.is_empty() {
        return Vec::new();
    }
    // A box in degrees is a little crooked in the plane: its corners and the middles of its sides show how much.
    let middle = clipped.centre();
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for lon in [clipped.west, middle.lon, clipped.east] {
        for lat in [clipped.south, middle.lat, clipped.north] {
            // The plane leans by its distance from the origin: what stands high or lies deep is shifted by metres.
            for height in [-500.0, 9000.0] {
                let LocalPoint { east, north, .. } = stage.local(citytwin_model::LonLat { lon, lat }, height);
                (low[0], low[1]) = (low[0].min(east), low[1].min(north));
                (high[0], high[1]) = (high[0].max(east), high[1].max(north));
            }
        }
    }
    let half = SIDE_M / 2.0;
    let last = (1u32 << LEAF_LEVEL) - 1;
    let range = |axis: usize| {
        let (from, to) = (low[axis] - margin_m, high[axis] + margin_m);
        let column = |x: f64| (((x + half) / crate::grid::leaf_side_m()).floor().clamp(0.0, f64::from(last))) as u32;
        (to >= -half && from < half).then(|| column(from)..=column(to))
    };
    let (Some(columns), Some(rows)) = (range(0), range(1)) else { return Vec::new() };
    columns.flat_map(|x| rows.clone().filter_map(move |y| TileId::new(LEAF_LEVEL, x, y))).collect()
}
