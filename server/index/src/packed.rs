//! An R-tree without pointers: rows in paging order, and above them the boxes of sixteen, of 256, and so on.
//!
//! The paging order is a Hilbert order, so neighbours in the list are neighbours in the city and the tree needs no
//! order of its own: a query finds its rows already in the order in which pages list them, and a node that lies
//! wholly in the box is counted by arithmetic, without looking at its rows. 33 bytes a row.

use crate::cells::{Cells, Relation};
use crate::hilbert;
use crate::page::PageKey;
use citytwin_model::{Bounds, Feature, Fid, Geometry};
use std::ops::Range;
use std::sync::Arc;

const FAN: usize = 16;
const SHIFT: usize = 4;

pub struct Packed {
    fids: Vec<Fid>,
    boxes: Vec<Cells>,
    features: Vec<Arc<Feature>>,
    /// Rows with a place; the others stand behind them.
    placed: usize,
    /// `levels[0]` holds the boxes of 16 rows each; the last level is one box.
    levels: Vec<Vec<Cells>>,
    /// Rows, by their fids.
    by_fid: Vec<u32>,
}

/// A feature with what the index computes of it.
#[derive(Clone)]
pub struct Row {
    cells: Cells,
    feature: Arc<Feature>,
}

impl Row {
    pub fn of(feature: Arc<Feature>) -> Self {
        let bounds = feature.geometry.as_ref().map_or(Bounds::EMPTY, Geometry::bounds);
        let cells = if bounds.is_empty() { Cells::EMPTY } else { Cells::of(&bounds) };
        Self { cells, feature }
    }

    pub fn key(&self) -> PageKey {
        key(&self.cells, self.feature.id.fid)
    }
}

fn key(cells: &Cells, fid: Fid) -> PageKey {
    PageKey { hilbert: if *cells == Cells::EMPTY { hilbert::NOWHERE } else { hilbert::code_of(cells) }, fid }
}

/// What a walk over the tree meets, in row order.
pub enum Found {
    /// Rows that meet the window, whatever their geometry.
    Sure(Range<usize>),
    /// A row that the geometry must decide about.
    Maybe(usize),
}

impl Packed {
    /// Rows must come in paging order, each fid once.
    pub fn of_ordered(rows: impl Iterator<Item = Row>) -> Self {
        let expected = rows.size_hint().0;
        let (mut fids, mut boxes, mut features) =
            (Vec::with_capacity(expected), Vec::with_capacity(expected), Vec::with_capacity(expected));
        let mut placed = 0;
        for row in rows {
            placed += usize::from(row.cells != Cells::EMPTY);
            fids.push(row.feature.id.fid);
            boxes.push(row.cells);
            features.push(row.feature);
        }
        let mut levels: Vec<Vec<Cells>> = Vec::new();
        let mut below = &boxes[..placed];
        while below.len() > 1 || (levels.is_empty() && placed > 0) {
            levels.push(below.chunks(FAN).map(|chunk| chunk.iter().fold(Cells::EMPTY, Cells::union)).collect());
            below = levels.last().expect("just pushed");
        }
        // Sorted as one number, fid above row: several times faster than looking each fid up.
        let mut by_fid: Vec<u64> = (0..).zip(&fids).map(|(row, fid): (u64, _)| u64::from(*fid) << 32 | row).collect();
        by_fid.sort_unstable();
        let by_fid = by_fid.into_iter().map(|both| both as u32).collect();
        Self { fids, boxes, features, placed, levels, by_fid }
    }

    pub fn len(&self) -> usize {
        self.fids.len()
    }

    pub fn feature(&self, row: usize) -> &Arc<Feature> {
        &self.features[row]
    }

    pub fn fid(&self, row: usize) -> Fid {
        self.fids[row]
    }

    /// Worked out again when it is asked for: eight bytes less for every row.
    pub fn key(&self, row: usize) -> PageKey {
        key(&self.boxes[row], self.fids[row])
    }

    pub fn row(&self, row: usize) -> Row {
        Row { cells: self.boxes[row], feature: self.features[row].clone() }
    }

    pub fn row_of(&self, fid: Fid) -> Option<usize> {
        let at = self.by_fid.binary_search_by_key(&fid, |row| self.fids[*row as usize]).ok()?;
        Some(self.by_fid[at] as usize)
    }

    /// First row behind a key.
    pub fn behind(&self, after: PageKey) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle) <= after { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Walks the rows whose boxes may meet any of `window`, in row order.
    pub fn visit(&self, window: &[Bounds], found: &mut impl FnMut(Found)) {
        let Some(top) = self.levels.len().checked_sub(1) else { return };
        let all = 0..self.levels[top].len();
        match window {
            [one] => {
                let one = Cells::of(one);
                self.descend(top, all, &|node| node.node_relation(&one), &|row| row.row_relation(&one), found);
            }
            any => {
                let any: Vec<Cells> = any.iter().map(Cells::of).collect();
                let best = |relation: fn(&Cells, &Cells) -> Relation| {
                    let any = &any;
                    move |own: &Cells| any.iter().map(|one| relation(own, one)).max().unwrap_or(Relation::Apart)
                };
                self.descend(top, all, &best(Cells::node_relation), &best(Cells::row_relation), found);
            }
        }
    }

    fn descend(
        &self,
        level: usize,
        nodes: Range<usize>,
        node_relation: &impl Fn(&Cells) -> Relation,
        row_relation: &impl Fn(&Cells) -> Relation,
        found: &mut impl FnMut(Found),
    ) {
        for node in nodes {
            match node_relation(&self.levels[level][node]) {
                Relation::Apart => {}
                Relation::Sure => found(Found::Sure(self.rows_under(level, node))),
                Relation::Maybe if level > 0 => self.descend(level - 1, self.nodes_under(level, node), node_relation, row_relation, found),
                Relation::Maybe => {
                    let rows = self.rows_under(0, node);
                    // First all relations, without a branch; then what is left of the sixteen.
                    let (mut meet, mut sure) = (0u32, 0u32);
                    for (i, cells) in self.boxes[rows.clone()].iter().enumerate() {
                        let relation = row_relation(cells);
                        meet |= u32::from(relation != Relation::Apart) << i;
                        sure |= u32::from(relation == Relation::Sure) << i;
                    }
                    while meet != 0 {
                        let i = meet.trailing_zeros();
                        let row = rows.start + i as usize;
                        found(if sure & (1 << i) != 0 { Found::Sure(row..row + 1) } else { Found::Maybe(row) });
                        meet &= meet - 1;
                    }
                }
            }
        }
    }

    fn rows_under(&self, level: usize, node: usize) -> Range<usize> {
        let shift = SHIFT * (level + 1);
        node << shift..((node + 1) << shift).min(self.placed)
    }

    fn nodes_under(&self, level: usize, node: usize) -> Range<usize> {
        node * FAN..((node + 1) * FAN).min(self.levels[level - 1].len())
    }

    /// Widens `extent` to the smallest box around it and the rows that are kept. Only what could widen it is looked at.
    pub fn widen(&self, extent: &mut Bounds, kept: &impl Fn(usize) -> bool) {
        if let Some(top) = self.levels.len().checked_sub(1) {
            self.widen_from(top, 0..self.levels[top].len(), kept, extent);
        }
    }

    fn widen_from(&self, level: usize, nodes: Range<usize>, kept: &impl Fn(usize) -> bool, extent: &mut Bounds) {
        let wider = |cells: &Cells, extent: &Bounds| extent.is_empty() || cells.could_widen(&Cells::of(extent));
        for node in nodes {
            if !wider(&self.levels[level][node], extent) {
                continue;
            }
            if level > 0 {
                self.widen_from(level - 1, self.nodes_under(level, node), kept, extent);
                continue;
            }
            for row in self.rows_under(0, node) {
                if wider(&self.boxes[row], extent) && kept(row) {
                    *extent = extent.union(&self.features[row].geometry.as_ref().map_or(Bounds::EMPTY, Geometry::bounds));
                }
            }
        }
    }
}
