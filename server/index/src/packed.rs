//! An R-tree without pointers: rows in paging order, and above them the boxes of sixteen, of 256, and so on.
//!
//! The paging order is a Hilbert order, so neighbours in the list are neighbours in the city and the tree needs no
//! order of its own: a query finds its rows already in the order in which pages list them, and a node that lies
//! wholly in the box is counted by arithmetic, without looking at its rows.

use crate::hilbert;
use crate::page::PageKey;
use citytwin_model::{Bounds, Feature, Fid};
use std::ops::Range;
use std::sync::Arc;

const FAN: usize = 16;
const SHIFT: usize = 4;

pub struct Packed {
    keys: Vec<PageKey>,
    boxes: Vec<Bounds>,
    features: Vec<Arc<Feature>>,
    /// Rows with a geometry; the others stand behind them.
    placed: usize,
    /// `levels[0]` holds the boxes of 16 rows each; the last level is one box.
    levels: Vec<Vec<Bounds>>,
    /// (fid, row), by fid.
    by_fid: Vec<(Fid, u32)>,
}

/// A feature with the two things that the index computes of it.
#[derive(Clone)]
pub struct Row {
    pub key: PageKey,
    pub bounds: Bounds,
    pub feature: Arc<Feature>,
}

impl Row {
    pub fn of(feature: Arc<Feature>) -> Self {
        let bounds = feature.geometry.as_ref().map_or(Bounds::EMPTY, citytwin_model::Geometry::bounds);
        let key = PageKey { hilbert: hilbert::code_of(&bounds), fid: feature.id.fid };
        Self { key, bounds, feature }
    }
}

/// What a walk over the tree meets, in row order.
pub enum Found {
    /// Rows whose boxes lie wholly in the query's.
    Inside(Range<usize>),
    /// A row whose box crosses the query's border: its geometry decides.
    Across(usize),
}

impl Packed {
    /// Rows must come in paging order, each fid once.
    pub fn of_ordered(rows: impl Iterator<Item = Row>) -> Self {
        let expected = rows.size_hint().0;
        let (mut keys, mut boxes, mut features) =
            (Vec::with_capacity(expected), Vec::with_capacity(expected), Vec::with_capacity(expected));
        for row in rows {
            keys.push(row.key);
            boxes.push(row.bounds);
            features.push(row.feature);
        }
        debug_assert!(keys.is_sorted_by(|a, b| a < b));
        let placed = keys.partition_point(|key: &PageKey| key.hilbert != hilbert::NOWHERE);
        let mut levels: Vec<Vec<Bounds>> = Vec::new();
        let mut below = &boxes[..placed];
        while below.len() > 1 || (levels.is_empty() && placed > 0) {
            levels.push(below.chunks(FAN).map(|chunk| chunk.iter().fold(Bounds::EMPTY, |all, one| all.union(one))).collect());
            below = levels.last().expect("just pushed");
        }
        let mut by_fid: Vec<(Fid, u32)> = keys.iter().enumerate().map(|(row, key)| (key.fid, row as u32)).collect();
        by_fid.sort_unstable();
        Self { keys, boxes, features, placed, levels, by_fid }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn feature(&self, row: usize) -> &Arc<Feature> {
        &self.features[row]
    }

    pub fn fid(&self, row: usize) -> Fid {
        self.keys[row].fid
    }

    pub fn key(&self, row: usize) -> PageKey {
        self.keys[row]
    }

    pub fn row(&self, row: usize) -> Row {
        Row { key: self.keys[row], bounds: self.boxes[row], feature: self.features[row].clone() }
    }

    pub fn row_of(&self, fid: Fid) -> Option<usize> {
        let at = self.by_fid.binary_search_by_key(&fid, |entry| entry.0).ok()?;
        Some(self.by_fid[at].1 as usize)
    }

    /// First row behind a key.
    pub fn behind(&self, after: Option<PageKey>) -> usize {
        after.map_or(0, |after| self.keys.partition_point(|key| *key <= after))
    }

    /// Walks the rows whose boxes meet any of `window`, in row order.
    pub fn visit(&self, window: &[Bounds], found: &mut impl FnMut(Found)) {
        match window {
            [one] => self.visit_with(&|bounds: &Bounds| relation(bounds, one), found),
            any => self.visit_with(&|bounds: &Bounds| any.iter().map(|one| relation(bounds, one)).max().unwrap_or(Relation::Apart), found),
        }
    }

    fn visit_with(&self, relation: &impl Fn(&Bounds) -> Relation, found: &mut impl FnMut(Found)) {
        if let Some(top) = self.levels.len().checked_sub(1) {
            self.descend(top, 0..self.levels[top].len(), relation, found);
        }
    }

    fn descend(&self, level: usize, nodes: Range<usize>, relation: &impl Fn(&Bounds) -> Relation, found: &mut impl FnMut(Found)) {
        for node in nodes {
            match relation(&self.levels[level][node]) {
                Relation::Apart => {}
                Relation::Inside => {
                    let shift = SHIFT * (level + 1);
                    found(Found::Inside(node << shift..((node + 1) << shift).min(self.placed)));
                }
                Relation::Across if level > 0 => {
                    let below = node * FAN..((node + 1) * FAN).min(self.levels[level - 1].len());
                    self.descend(level - 1, below, relation, found);
                }
                Relation::Across => {
                    for row in node * FAN..((node + 1) * FAN).min(self.placed) {
                        match relation(&self.boxes[row]) {
                            Relation::Apart => {}
                            Relation::Inside => found(Found::Inside(row..row + 1)),
                            Relation::Across => found(Found::Across(row)),
                        }
                    }
                }
            }
        }
    }

    /// The box around the rows that are kept; `kept` says how many of a range are.
    pub fn extent(&self, kept: &impl Fn(Range<usize>) -> usize) -> Bounds {
        let mut extent = Bounds::EMPTY;
        if let Some(top) = self.levels.len().checked_sub(1) {
            self.extend(top, 0..self.levels[top].len(), kept, &mut extent);
        }
        extent
    }

    fn extend(&self, level: usize, nodes: Range<usize>, kept: &impl Fn(Range<usize>) -> usize, extent: &mut Bounds) {
        let shift = SHIFT * (level + 1);
        for node in nodes {
            if extent.contains(&self.levels[level][node]) {
                continue;
            }
            let rows = node << shift..((node + 1) << shift).min(self.placed);
            match kept(rows.clone()) {
                0 => {}
                all if all == rows.len() => *extent = extent.union(&self.levels[level][node]),
                _ if level > 0 => self.extend(level - 1, node * FAN..((node + 1) * FAN).min(self.levels[level - 1].len()), kept, extent),
                _ => rows.filter(|row| kept(*row..*row + 1) == 1).for_each(|row| *extent = extent.union(&self.boxes[row])),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Apart,
    Across,
    Inside,
}

/// Plain `&`, so that the comparisons stay without branches.
#[inline]
fn relation(own: &Bounds, window: &Bounds) -> Relation {
    let meet = (own.west <= window.east) & (window.west <= own.east) & (own.south <= window.north) & (window.south <= own.north);
    if !meet {
        return Relation::Apart;
    }
    let inside = (window.west <= own.west) & (own.east <= window.east) & (window.south <= own.south) & (own.north <= window.north);
    if inside { Relation::Inside } else { Relation::Across }
}
