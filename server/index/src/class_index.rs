//! The features of one class: a packed base, and what changed since it was packed.
//!
//! The change is a second, small packed tree of *new* rows and one bit per base row that is *gone*. An edit makes a
//! new value that shares the base; readers hold what they hold. When the change has grown large, base and change are
//! merged: both are in paging order, so nothing is sorted but the table of fids.
//!
//! The plan was `rstar` for both. Measured (`make bench`, a million rows, a busy 2-core machine): a box query takes half of
//! `rstar`'s time and gives its rows in paging order; making the change anew at an edit takes 0.2 ms with 8 000 edits pending,
//! where copying an `rstar` tree of them takes 0.1 ms, without order, ids or counts.

use crate::meets::meets;
use crate::packed::{Found, Packed, Row};
use crate::page::{Page, PageKey};
use citytwin_model::{Bounds, Feature, Fid, Geometry};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A change is merged into the base when it is larger than a sixteenth of it, within these limits: small classes are
/// not packed at every edit, and large ones never carry a change that is slow to copy.
const CHANGE_AT_LEAST: usize = 1_024;
const CHANGE_AT_MOST: usize = 16_384;

pub type Filter<'a> = dyn Fn(&Feature) -> bool + 'a;

pub struct ClassIndex {
    base: Arc<Packed>,
    new: Packed,
    /// For each new row, the base row that it stands before in paging order.
    ranks: Vec<u32>,
    gone: Gone,
    /// Worked out when it is first asked for.
    extent: OnceLock<Bounds>,
}

/// What a page is asked by.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// A feature matches that meets one of these boxes; `None` asks for all, those without a place too.
    pub window: Option<&'a [Bounds]>,
    pub filter: Option<&'a Filter<'a>>,
}

impl ClassIndex {
    pub fn build(features: impl IntoIterator<Item = Arc<Feature>>) -> Self {
        Self::of_base(Packed::of_ordered(ordered(features).into_iter()))
    }

    fn of_base(base: Packed) -> Self {
        let none = Packed::of_ordered(std::iter::empty());
        Self { base: Arc::new(base), new: none, ranks: Vec::new(), gone: Gone::none(), extent: OnceLock::new() }
    }

    /// The same class after an edit: `Some` is what a feature is now, `None` one that is no more.
    pub fn apply(&self, edits: &BTreeMap<Fid, Option<Arc<Feature>>>) -> Self {
        let mut gone = self.gone.clone();
        for row in edits.keys().filter_map(|fid| self.base.row_of(*fid)) {
            gone.mark(row);
        }
        // Old and fresh rows by rank, then by key: keys are worked out only where ranks are equal.
        let mut rows: Vec<(u32, Row)> = (0..self.new.len())
            .filter(|row| !edits.contains_key(&self.new.fid(*row)))
            .map(|row| (self.ranks[row], self.new.row(row)))
            .collect();
        rows.extend(edits.values().flatten().map(|feature| {
            let row = Row::of(feature.clone());
            (self.base.behind(row.key()) as u32, row)
        }));
        rows.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.key().cmp(&b.1.key())));
        let ranks = rows.iter().map(|row| row.0).collect();
        let new = Packed::of_ordered(rows.into_iter().map(|row| row.1));
        let changed = Self { base: self.base.clone(), new, ranks, gone, extent: OnceLock::new() };
        if changed.new.len() + changed.gone.count > (changed.base.len() / 16).clamp(CHANGE_AT_LEAST, CHANGE_AT_MOST) {
            let rows = changed.places(None).map(|place| match place {
                Place::Base(row) => changed.base.row(row),
                Place::New(row) => changed.new.row(row),
            });
            Self::of_base(Packed::of_ordered(rows))
        } else {
            changed
        }
    }

    pub fn len(&self) -> usize {
        self.base.len() - self.gone.count + self.new.len()
    }

    pub fn get(&self, fid: Fid) -> Option<&Arc<Feature>> {
        if let Some(row) = self.new.row_of(fid) {
            return Some(self.new.feature(row));
        }
        self.base.row_of(fid).filter(|row| !self.gone.has(*row)).map(|row| self.base.feature(row))
    }

    /// The smallest box around all features; empty if none has a place.
    pub fn extent(&self) -> Bounds {
        *self.extent.get_or_init(|| {
            let mut extent = Bounds::EMPTY;
            self.base.widen(&mut extent, &|row| !self.gone.has(row));
            self.new.widen(&mut extent, &|_| true);
            extent
        })
    }

    /// All features in paging order.
    pub fn features(&self) -> impl Iterator<Item = &Arc<Feature>> {
        self.places(None).map(|place| self.at(place))
    }

    fn places(&self, after: Option<PageKey>) -> impl Iterator<Item = Place> {
        let first = |rows: &Packed| after.map_or(0, |after| rows.behind(after));
        let base = (first(&self.base)..self.base.len()).filter(|row| !self.gone.has(*row));
        self.merged(base, first(&self.new)..self.new.len())
    }

    /// Rows of base and change, both rising, as one list in paging order.
    fn merged(&self, base: impl Iterator<Item = usize>, new: impl Iterator<Item = usize>) -> impl Iterator<Item = Place> {
        let (mut base, mut new) = (base.peekable(), new.peekable());
        std::iter::from_fn(move || match (base.peek(), new.peek()) {
            (Some(row), Some(new_row)) if self.ranks[*new_row] as usize <= *row => new.next().map(Place::New),
            (Some(_), _) => base.next().map(Place::Base),
            (None, _) => new.next().map(Place::New),
        })
    }

    fn key(&self, place: Place) -> PageKey {
        match place {
            Place::Base(row) => self.base.key(row),
            Place::New(row) => self.new.key(row),
        }
    }

    fn at(&self, place: Place) -> &Arc<Feature> {
        match place {
            Place::Base(row) => self.base.feature(row),
            Place::New(row) => self.new.feature(row),
        }
    }

    /// Every feature whose box meets the window, in paging order; `exact`: whose geometry does.
    pub fn hits<'a>(&'a self, window: &[Bounds], exact: bool, hit: &mut impl FnMut(&'a Arc<Feature>)) {
        self.hit_places(window, exact, &mut |place| hit(self.at(place)));
    }

    /// Numbers of the features that meet the window exactly; most features are not even touched.
    pub fn hit_fids(&self, window: &[Bounds], hit: &mut impl FnMut(Fid)) {
        self.hit_places(window, true, &mut |place| {
            hit(match place {
                Place::Base(row) => self.base.fid(row),
                Place::New(row) => self.new.fid(row),
            });
        });
    }

    fn hit_places(&self, window: &[Bounds], exact: bool, hit: &mut impl FnMut(Place)) {
        let mut new = Vec::new();
        rows_hit(&self.new, window, exact, &mut |row| new.push(row));
        let mut new = new.into_iter().peekable();
        rows_hit(&self.base, window, exact, &mut |row| {
            while let Some(new_row) = new.next_if(|new_row| self.ranks[*new_row] as usize <= row) {
                hit(Place::New(new_row));
            }
            if !self.gone.has(row) {
                hit(Place::Base(row));
            }
        });
        new.for_each(|row| hit(Place::New(row)));
    }

    /// One page and the exact number of matches on all pages.
    pub fn page(&self, query: Query, after: Option<PageKey>, limit: usize) -> Page {
        let (matched, places) = match (query.window, query.filter) {
            (None, None) => (self.len() as u64, self.places(after).take(limit.saturating_add(1)).collect()),
            (None, Some(filter)) => {
                let matched = self.features().filter(|feature| filter(feature)).count() as u64;
                (matched, self.places(after).filter(|place| filter(self.at(*place))).take(limit.saturating_add(1)).collect())
            }
            (Some(window), filter) => {
                let base = self.matches(&self.base, Some(&self.gone), window, filter, after, limit);
                let new = self.matches(&self.new, None, window, filter, after, limit);
                let places = self.merged(base.rows.into_iter(), new.rows.into_iter()).take(limit.saturating_add(1));
                (base.matched + new.matched, places.collect::<Vec<_>>())
            }
        };
        let next = if places.len() > limit && limit > 0 { Some(self.key(places[limit - 1])) } else { None };
        let features = places.iter().take(limit).map(|place| self.at(*place).clone()).collect();
        Page { features, matched, next }
    }

    fn matches(
        &self,
        rows: &Packed,
        gone: Option<&Gone>,
        window: &[Bounds],
        filter: Option<&Filter>,
        after: Option<PageKey>,
        limit: usize,
    ) -> Matches {
        let gone = gone.filter(|gone| gone.count > 0);
        let first = after.map_or(0, |after| rows.behind(after));
        let mut matches = Matches { matched: 0, rows: Vec::new() };
        rows.visit(window, &mut |found| {
            let (range, sure) = match found {
                Found::Sure(range) => (range, true),
                Found::Maybe(row) => (row..row + 1, false),
            };
            if sure && filter.is_none() && (range.end <= first || matches.rows.len() > limit) {
                // Counted by arithmetic: the page has not begun, or is full.
                matches.matched += (range.len() - gone.map_or(0, |gone| gone.count_in(range))) as u64;
                return;
            }
            for row in range {
                let feature = rows.feature(row);
                if gone.is_some_and(|gone| gone.has(row))
                    || !(sure || meets_any(feature, window))
                    || filter.is_some_and(|filter| !filter(feature))
                {
                    continue;
                }
                matches.matched += 1;
                if row >= first && matches.rows.len() <= limit {
                    matches.rows.push(row);
                }
            }
        });
        matches
    }
}

fn meets_any(feature: &Feature, window: &[Bounds]) -> bool {
    feature.geometry.as_ref().is_some_and(|geometry| window.iter().any(|bounds| meets(geometry, bounds)))
}

struct Matches {
    matched: u64,
    /// From the page's start on, one more than the page holds.
    rows: Vec<usize>,
}

fn rows_hit(rows: &Packed, window: &[Bounds], exact: bool, hit: &mut impl FnMut(usize)) {
    rows.visit(window, &mut |found| match found {
        Found::Sure(range) => range.for_each(&mut *hit),
        Found::Maybe(row) => {
            let feature = rows.feature(row);
            if if exact { meets_any(feature, window) } else { box_meets_any(feature, window) } {
                hit(row);
            }
        }
    });
}

fn box_meets_any(feature: &Feature, window: &[Bounds]) -> bool {
    let own = feature.geometry.as_ref().map_or(Bounds::EMPTY, Geometry::bounds);
    window.iter().any(|bounds| own.intersects(bounds))
}

#[derive(Clone, Copy)]
enum Place {
    Base(usize),
    New(usize),
}

fn ordered(features: impl IntoIterator<Item = Arc<Feature>>) -> Vec<Row> {
    let mut rows: Vec<Row> = features.into_iter().map(Row::of).collect();
    rows.sort_by_cached_key(Row::key);
    rows
}

/// One bit per row of the base.
#[derive(Clone)]
struct Gone {
    words: Vec<u64>,
    count: usize,
}

impl Gone {
    /// No words until the first row goes: a class that nobody edits carries none.
    fn none() -> Self {
        Self { words: Vec::new(), count: 0 }
    }

    fn mark(&mut self, row: usize) {
        let word = row / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (row % 64);
        self.count += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    fn has(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word & (1 << (row % 64)) != 0)
    }

    fn count_in(&self, rows: Range<usize>) -> usize {
        if rows.is_empty() || self.count == 0 {
            return 0;
        }
        let (first, last) = (rows.start / 64, (rows.end - 1) / 64);
        let mut count = 0;
        for (at, word) in self.words.iter().enumerate().take(last + 1).skip(first) {
            let mut word = *word;
            if at == first {
                word &= u64::MAX << (rows.start % 64);
            }
            if at == last {
                word &= u64::MAX >> (63 - (rows.end - 1) % 64);
            }
            count += word.count_ones() as usize;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gone_rows_are_counted_as_they_were_marked() {
        let marked = [0usize, 1, 63, 64, 127, 128, 500];
        let mut gone = Gone::none();
        marked.iter().chain(&marked).for_each(|row| gone.mark(*row));
        assert_eq!(gone.count, marked.len());
        for start in [0, 1, 62, 63, 64, 65, 127, 128, 129, 499, 500, 501, 999] {
            for end in [start, start + 1, start + 63, start + 64, start + 65, 501, 1000] {
                let end = end.max(start);
                assert_eq!(gone.count_in(start..end), marked.iter().filter(|row| (start..end).contains(row)).count(), "{start}..{end}");
            }
        }
    }
}
