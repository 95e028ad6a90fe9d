//! Who decides what a feature looks like: selection over alarm over live value over overlay over class.
//!
//! Start at [`Looks`]. Tiles come and go; what is known about features stays, so a tile that arrives during an alarm
//! is red from its first frame. A feature cut over several tiles has several texels, and a write goes to all of them.

use crate::overlay::Overlay;
use crate::style::{Flags, Rgba, Style};
use crate::texels::{Full, Run, Texels};
use citytwin_model::{ClassNo, FeatureId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A loaded tile, numbered by whoever loads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileNo(pub u32);

/// What lies in a tile beside features (terrain without a feature of its own) takes this class's style.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassLook {
    pub style: Style,
    /// Id of the layer group it is switched with.
    pub group: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub colour: [u8; 3],
    /// Acknowledged alarms stay coloured but are quiet.
    pub flashing: bool,
}

#[derive(Debug)]
struct Tile {
    run: Run,
    group: String,
    features: Arc<[FeatureId]>,
    /// One byte per feature of the overlay that is on; empty until it has come.
    values: Vec<u8>,
    /// The values were asked for and there are none.
    without_values: bool,
    /// The values are of a computation before the newest.
    outdated: bool,
}

#[derive(Debug, Default)]
pub struct Looks {
    pub texels: Texels,
    classes: HashMap<ClassNo, ClassLook>,
    tiles: HashMap<TileNo, Tile>,
    places: HashMap<FeatureId, Vec<(TileNo, u32)>>,
    overlay: Option<Overlay>,
    live: HashMap<FeatureId, Rgba>,
    alarms: HashMap<FeatureId, Alarm>,
    selection: Option<FeatureId>,
    hidden_groups: HashSet<String>,
    hidden_classes: HashSet<ClassNo>,
    hidden_features: HashSet<FeatureId>,
    ground: [u8; 3],
    hidden_version: u64,
}

/// Where no data is known: grey, never a colour of the legend.
pub const NO_DATA: [u8; 3] = [142, 148, 154];
/// What an overlay says nothing about steps back.
const CONTEXT: [u8; 3] = [214, 216, 218];

impl Looks {
    pub fn set_classes(&mut self, classes: impl IntoIterator<Item = (ClassNo, ClassLook)>) {
        self.classes = classes.into_iter().collect();
        self.rewrite_all();
    }

    /// The colour of what is no feature: bare terrain.
    pub fn set_ground(&mut self, colour: [u8; 3]) {
        self.ground = colour;
        self.rewrite_all();
    }

    pub fn class(&self, no: ClassNo) -> Option<&ClassLook> {
        self.classes.get(&no)
    }

    /// Gives the tile its run. Texel `run.base + row` is feature `row`; the last one is for what is no feature.
    pub fn add_tile(&mut self, tile: TileNo, group: &str, features: Arc<[FeatureId]>) -> Result<Run, Full> {
        let run = self.texels.allocate(features.len() as u32 + 1)?;
        for (row, id) in features.iter().enumerate() {
            self.places.entry(*id).or_default().push((tile, row as u32));
        }
        self.tiles
            .insert(tile, Tile { run, group: group.to_owned(), features, values: Vec::new(), outdated: false, without_values: false });
        self.rewrite_tile(tile);
        Ok(run)
    }

    pub fn remove_tile(&mut self, tile: TileNo) {
        let Some(gone) = self.tiles.remove(&tile) else { return };
        for id in gone.features.iter() {
            if let Some(places) = self.places.get_mut(id) {
                places.retain(|(at, _)| *at != tile);
                if places.is_empty() {
                    self.places.remove(id);
                }
            }
        }
        self.texels.release(gone.run);
    }

    pub fn feature_at(&self, tile: TileNo, row: u32) -> Option<FeatureId> {
        self.tiles.get(&tile)?.features.get(row as usize).copied()
    }

    /// Whose texel it is; `None` for what is no feature. Looks at every tile: for tests.
    pub fn feature_of_texel(&self, texel: u32) -> Option<FeatureId> {
        let tile = self.tiles.values().find(|tile| (tile.run.base..tile.run.base + tile.run.len).contains(&texel))?;
        tile.features.get((texel - tile.run.base) as usize).copied()
    }

    pub fn tiles_of(&self, id: FeatureId) -> impl Iterator<Item = (TileNo, u32)> + '_ {
        self.places.get(&id).into_iter().flatten().copied()
    }

    pub fn is_hidden(&self, tile: TileNo, row: u32) -> bool {
        self.tiles.get(&tile).is_some_and(|t| self.texels.get(t.run.base + row.min(t.run.len - 1)).flags.has(Flags::HIDDEN))
    }

    /// Switches the overlay. Values of the one before are forgotten: they come again per tile.
    pub fn set_overlay(&mut self, overlay: Option<Overlay>) {
        self.overlay = overlay;
        for tile in self.tiles.values_mut() {
            tile.values.clear();
            tile.without_values = false;
            tile.outdated = false;
        }
        self.rewrite_all();
    }

    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    /// One byte per feature in tile order. Values of another overlay, or of another version of the tile, are left out.
    pub fn set_values(&mut self, tile: TileNo, overlay: &str, values: Vec<u8>) -> bool {
        if self.overlay.as_ref().is_none_or(|on| on.id != overlay) {
            return false;
        }
        match self.tiles.get_mut(&tile) {
            Some(at) if at.features.len() == values.len() => {
                at.values = values;
                at.outdated = false;
            }
            _ => return false,
        }
        self.rewrite_tile(tile);
        true
    }

    /// Values were computed anew: what is shown stays until the new ones come.
    pub fn ask_values_again(&mut self) {
        for tile in self.tiles.values_mut() {
            tile.outdated = true;
            tile.without_values = false;
        }
    }

    /// There are no values to be had: the tile stays context.
    pub fn set_no_values(&mut self, tile: TileNo) {
        if let Some(at) = self.tiles.get_mut(&tile) {
            at.without_values = true;
        }
    }

    /// Nothing more is to be asked for.
    pub fn has_values(&self, tile: TileNo) -> bool {
        self.tiles.get(&tile).is_some_and(|tile| tile.without_values || !tile.outdated && tile.values.len() == tile.features.len())
    }

    pub fn value(&self, id: FeatureId) -> Option<u8> {
        let (tile, row) = self.tiles_of(id).next()?;
        self.tiles.get(&tile)?.values.get(row as usize).copied()
    }

    pub fn set_live(&mut self, id: FeatureId, colour: Option<Rgba>) {
        let before = match colour {
            Some(colour) => self.live.insert(id, colour),
            None => self.live.remove(&id),
        };
        if before != colour {
            self.rewrite(id);
        }
    }

    pub fn set_alarm(&mut self, id: FeatureId, alarm: Option<Alarm>) {
        let before = match alarm {
            Some(alarm) => self.alarms.insert(id, alarm),
            None => self.alarms.remove(&id),
        };
        if before != alarm {
            self.rewrite(id);
        }
    }

    pub fn alarmed(&self) -> impl Iterator<Item = FeatureId> + '_ {
        self.alarms.keys().copied()
    }

    /// Does anything pulse?
    pub fn flashes(&self) -> bool {
        self.alarms.values().any(|alarm| alarm.flashing)
    }

    pub fn select(&mut self, id: Option<FeatureId>) {
        let before = std::mem::replace(&mut self.selection, id);
        before.into_iter().chain(id).for_each(|id| self.rewrite(id));
    }

    pub fn selection(&self) -> Option<FeatureId> {
        self.selection
    }

    pub fn show_group(&mut self, group: &str, shown: bool) {
        let changed = if shown { self.hidden_groups.remove(group) } else { self.hidden_groups.insert(group.to_owned()) };
        if changed {
            self.hidden_version += 1;
            let tiles: Vec<TileNo> = self.tiles.iter().filter(|(_, tile)| tile.group == group).map(|(no, _)| *no).collect();
            tiles.into_iter().for_each(|tile| self.rewrite_tile(tile));
        }
    }

    pub fn shows_group(&self, group: &str) -> bool {
        !self.hidden_groups.contains(group)
    }

    pub fn show_class(&mut self, class: ClassNo, shown: bool) {
        let changed = if shown { self.hidden_classes.remove(&class) } else { self.hidden_classes.insert(class) };
        if changed {
            self.hidden_version += 1;
            self.rewrite_all();
        }
    }

    pub fn show_feature(&mut self, id: FeatureId, shown: bool) {
        let changed = if shown { self.hidden_features.remove(&id) } else { self.hidden_features.insert(id) };
        if changed {
            self.hidden_version += 1;
            self.rewrite(id);
        }
    }

    /// Changes whenever something is hidden or shown.
    pub fn hidden_version(&self) -> u64 {
        self.hidden_version
    }

    fn rewrite(&mut self, id: FeatureId) {
        let Some(places) = self.places.get(&id) else { return };
        for (tile, row) in places {
            let at = &self.tiles[tile];
            let style = self.resolve(at, *row as usize);
            self.texels.set(at.run.base + row, style);
        }
    }

    fn rewrite_tile(&mut self, tile: TileNo) {
        let Some(at) = self.tiles.get(&tile) else { return };
        for row in 0..at.features.len() {
            let style = self.resolve(at, row);
            self.texels.set(at.run.base + row as u32, style);
        }
        let mut rest = Style::plain(self.ground);
        if self.hidden_groups.contains(&at.group) {
            rest = rest.flagged(Flags::HIDDEN);
        }
        self.texels.set(at.run.base + at.features.len() as u32, rest);
    }

    fn rewrite_all(&mut self) {
        let tiles: Vec<TileNo> = self.tiles.keys().copied().collect();
        tiles.into_iter().for_each(|tile| self.rewrite_tile(tile));
    }

    fn resolve(&self, tile: &Tile, row: usize) -> Style {
        let id = tile.features[row];
        let mut style = self.classes.get(&id.class).map_or(Style::plain([200, 200, 200]), |class| class.style);
        if let Some(overlay) = &self.overlay {
            style = match overlay.says(id.class) {
                // Values not yet here: as context, so that a class colour is never taken for a value.
                true => match tile.values.get(row).map(|byte| overlay.colour(*byte)) {
                    Some(Some([r, g, b])) => Style { colour: [r, g, b, 255], ..style }.flagged(Flags::DATA),
                    Some(None) => Style { colour: with_alpha(NO_DATA), ..style }.flagged(Flags::DATA),
                    None => Style { colour: with_alpha(CONTEXT), ..style },
                },
                false if overlay.mutes => Style { colour: mute(style.colour), ..style },
                false => style,
            };
        }
        if let Some(colour) = self.live.get(&id) {
            style.colour = *colour;
        }
        if let Some(alarm) = self.alarms.get(&id) {
            style.colour = with_alpha(alarm.colour);
            style = style.flagged(Flags::DATA);
            if alarm.flashing {
                style = style.flagged(Flags::FLASH);
            }
        }
        if self.selection == Some(id) {
            style = style.flagged(Flags::SELECTED);
        }
        if self.hidden_groups.contains(&tile.group) || self.hidden_classes.contains(&id.class) || self.hidden_features.contains(&id) {
            style = style.flagged(Flags::HIDDEN);
        }
        style
    }
}

const fn with_alpha([r, g, b]: [u8; 3]) -> Rgba {
    [r, g, b, 255]
}

/// Half way to a light grey of the same brightness, so that the overlay's colours are the only strong ones.
fn mute([r, g, b, a]: Rgba) -> Rgba {
    let grey = ((u16::from(r) * 54 + u16::from(g) * 183 + u16::from(b) * 19) / 256 + 230) / 2;
    let half = |c: u8| ((u16::from(c) + grey * 3) / 4) as u8;
    [half(r), half(g), half(b), a]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: ClassNo = ClassNo(40);
    const HOUSE: ClassNo = ClassNo(1);

    fn id(class: ClassNo, fid: u32) -> FeatureId {
        FeatureId::new(class, fid)
    }

    fn looks() -> Looks {
        let mut looks = Looks::default();
        let class = |style, group: &str| ClassLook { style, group: group.into() };
        looks.set_classes([
            (PIPE, class(Style::plain([0, 0, 200]), "net_water")),
            (HOUSE, class(Style::plain([230, 220, 200]), "buildings")),
        ]);
        looks
    }

    fn risk() -> Overlay {
        Overlay::new("risk", vec![(0, 127, [0, 160, 0]), (128, 254, [220, 0, 0])], vec![PIPE])
    }

    fn style(looks: &Looks, id: FeatureId) -> Style {
        let (tile, row) = looks.tiles_of(id).next().expect("a loaded feature");
        looks.texels.get(looks.tiles[&tile].run.base + row)
    }

    #[test]
    fn selection_wins_over_alarm_over_live_over_overlay_over_class() {
        let mut looks = looks();
        let pipe = id(PIPE, 7);
        looks.add_tile(TileNo(0), "net_water", vec![pipe].into()).unwrap();
        let colour = |looks: &Looks| style(looks, pipe).colour;
        assert_eq!(colour(&looks), [0, 0, 200, 255]);
        looks.set_overlay(Some(risk()));
        assert!(looks.set_values(TileNo(0), "risk", vec![200]));
        assert_eq!(colour(&looks), [220, 0, 0, 255]);
        looks.set_live(pipe, Some([1, 2, 3, 255]));
        assert_eq!(colour(&looks), [1, 2, 3, 255]);
        looks.set_alarm(pipe, Some(Alarm { colour: [255, 0, 0], flashing: true }));
        assert_eq!(colour(&looks), [255, 0, 0, 255]);
        assert!(style(&looks, pipe).flags.has(Flags::FLASH));
        looks.select(Some(pipe));
        assert!(style(&looks, pipe).flags.has(Flags::SELECTED));
        // And back again, one by one.
        looks.select(None);
        looks.set_alarm(pipe, None);
        looks.set_live(pipe, None);
        looks.set_overlay(None);
        assert_eq!(style(&looks, pipe), Style::plain([0, 0, 200]));
    }

    #[test]
    fn new_results_are_asked_for_while_the_old_ones_are_shown() {
        let mut looks = looks();
        let pipe = id(PIPE, 1);
        looks.add_tile(TileNo(0), "net_water", vec![pipe].into()).unwrap();
        looks.set_overlay(Some(risk()));
        assert!(looks.set_values(TileNo(0), "risk", vec![200]) && looks.has_values(TileNo(0)));
        looks.ask_values_again();
        assert_eq!((looks.has_values(TileNo(0)), looks.value(pipe)), (false, Some(200)));
        assert!(looks.set_values(TileNo(0), "risk", vec![10]) && looks.has_values(TileNo(0)));
        assert_eq!(looks.value(pipe), Some(10));
    }

    #[test]
    fn a_pipe_cut_over_two_tiles_is_written_in_both() {
        let mut looks = looks();
        let pipe = id(PIPE, 1);
        looks.add_tile(TileNo(0), "net_water", vec![id(PIPE, 9), pipe].into()).unwrap();
        looks.add_tile(TileNo(1), "net_water", vec![pipe].into()).unwrap();
        looks.set_alarm(pipe, Some(Alarm { colour: [255, 0, 0], flashing: true }));
        let places: Vec<_> = looks.tiles_of(pipe).collect();
        assert_eq!(places, [(TileNo(0), 1), (TileNo(1), 0)]);
        for (tile, row) in places {
            assert_eq!(looks.texels.get(looks.tiles[&tile].run.base + row).colour, [255, 0, 0, 255]);
        }
        looks.remove_tile(TileNo(0));
        assert_eq!(looks.tiles_of(pipe).collect::<Vec<_>>(), [(TileNo(1), 0)]);
    }

    #[test]
    fn an_alarm_that_came_before_its_tile_is_shown_with_it() {
        let mut looks = looks();
        looks.set_alarm(id(HOUSE, 3), Some(Alarm { colour: [255, 0, 0], flashing: true }));
        looks.add_tile(TileNo(4), "buildings", vec![id(HOUSE, 3)].into()).unwrap();
        assert_eq!(style(&looks, id(HOUSE, 3)).colour, [255, 0, 0, 255]);
    }

    #[test]
    fn no_data_is_grey_and_missing_values_are_not_shown_as_class_colours() {
        let mut looks = looks();
        let pipe = id(PIPE, 1);
        looks.add_tile(TileNo(0), "net_water", vec![pipe].into()).unwrap();
        looks.set_overlay(Some(risk()));
        assert_eq!(style(&looks, pipe).colour, with_alpha(CONTEXT));
        looks.set_values(TileNo(0), "risk", vec![255]);
        assert_eq!(style(&looks, pipe).colour, with_alpha(NO_DATA));
    }

    #[test]
    fn values_of_another_overlay_or_another_length_are_refused() {
        let mut looks = looks();
        looks.add_tile(TileNo(0), "net_water", vec![id(PIPE, 1)].into()).unwrap();
        assert!(!looks.set_values(TileNo(0), "risk", vec![1]), "no overlay is on");
        looks.set_overlay(Some(risk()));
        assert!(!looks.set_values(TileNo(0), "coverage", vec![1]));
        assert!(!looks.set_values(TileNo(0), "risk", vec![1, 2]));
        assert!(!looks.set_values(TileNo(9), "risk", vec![1]));
    }

    #[test]
    fn hiding_works_by_group_class_and_feature_and_is_undone() {
        let mut looks = looks();
        let house = id(HOUSE, 1);
        looks.add_tile(TileNo(0), "buildings", vec![house].into()).unwrap();
        let hidden = |looks: &Looks| looks.is_hidden(TileNo(0), 0);
        assert!(!hidden(&looks));
        looks.show_group("buildings", false);
        assert!(hidden(&looks));
        assert!(looks.is_hidden(TileNo(0), 1), "what is no feature goes with its group");
        looks.show_group("buildings", true);
        looks.show_class(HOUSE, false);
        assert!(hidden(&looks));
        looks.show_class(HOUSE, true);
        looks.show_feature(house, false);
        assert!(hidden(&looks));
        looks.show_feature(house, true);
        assert!(!hidden(&looks));
    }
}
