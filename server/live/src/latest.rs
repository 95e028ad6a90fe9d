//! The latest value of every datastream, and the memory by which a reading that comes twice is known.

use citytwin_model::FeatureId;
use citytwin_model::sensor::{MeasuredAt, Reading};
use std::collections::HashMap;

/// Times remembered per datastream: a broker's second delivery is told without asking the disk.
const REMEMBERED: usize = 16;

#[derive(Default)]
pub(crate) struct Latest(HashMap<FeatureId, Stream>);

struct Stream {
    latest: Reading,
    /// The largest times on disk, rising, the latest last.
    recent: Vec<MeasuredAt>,
    /// Every time on disk is in `recent`.
    all: bool,
}

/// What memory knows about a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Newer than everything.
    Newest,
    /// Not there, but late.
    Late,
    Duplicate,
    /// Older than memory goes: the disk knows.
    Ask,
}

impl Latest {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, datastream: FeatureId) -> Option<&Reading> {
        self.0.get(&datastream).map(|stream| &stream.latest)
    }

    pub fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.0.values().map(|stream| &stream.latest)
    }

    pub fn knows(&self, datastream: FeatureId, at: MeasuredAt) -> Known {
        let Some(stream) = self.0.get(&datastream) else { return Known::Newest };
        if at > stream.latest.measured_at {
            Known::Newest
        } else if stream.recent.binary_search(&at).is_ok() {
            Known::Duplicate
        } else if stream.all || at > stream.recent[0] {
            Known::Late
        } else {
            Known::Ask
        }
    }

    /// Takes in a reading that is on disk. `first`: it is known to be the only one of its datastream if that is new here.
    pub fn take(&mut self, reading: &Reading, first: bool) {
        let at = reading.measured_at;
        let stream = self.0.entry(reading.datastream).or_insert_with(|| Stream { latest: *reading, recent: vec![at], all: first });
        if at > stream.latest.measured_at {
            stream.latest = *reading;
        }
        let Err(place) = stream.recent.binary_search(&at) else { return };
        // Below what is remembered there may be others that are not: the list stays without gaps.
        if place == 0 && !stream.all {
            return;
        }
        stream.recent.insert(place, at);
        if stream.recent.len() > REMEMBERED {
            stream.recent.remove(0);
            stream.all = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::reading;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Memory never says anything that the set of all times does not.
        #[test]
        fn what_memory_says_is_true(times in prop::collection::vec(0i64..60, 1..120), forgets in 0usize..120) {
            let mut latest = Latest::default();
            let mut all = BTreeSet::new();
            for (i, t) in times.into_iter().enumerate() {
                if i == forgets {
                    // As after a restart: only the latest value is known.
                    let last = latest.readings().next().copied();
                    latest = Latest::default();
                    if let Some(last) = last {
                        latest.take(&last, false);
                    }
                }
                let r = reading(1, t, 1.0);
                let (there, newest) = (all.contains(&t), all.last().is_none_or(|last| t > *last));
                match latest.knows(r.datastream, r.measured_at) {
                    Known::Newest => prop_assert!(newest),
                    Known::Late => prop_assert!(!there && !newest),
                    Known::Duplicate => prop_assert!(there),
                    Known::Ask => prop_assert!(!newest),
                }
                if all.insert(t) {
                    latest.take(&r, true);
                }
                prop_assert_eq!(latest.get(r.datastream).map(|r| r.measured_at), all.last().map(|t| reading(1, *t, 1.0).measured_at));
            }
        }
    }
}
