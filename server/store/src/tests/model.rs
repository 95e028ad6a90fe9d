//! Any sequence of writes, loads, outside edits and restarts, against a plain map of what every revision looked like.

use super::*;
use crate::gpkg::register_functions;
use crate::{LoadInfo, Record};
use citytwin_model::{Fid, Revision, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Create(i64),
    Replace(usize, i64),
    Delete(usize),
    OutsideInsert(i64),
    OutsideUpdate(usize, i64),
    OutsideReplace(usize, i64),
    OutsideDelete(usize),
    Look,
    Load(Vec<(u8, i64)>, bool),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let (which, dn) = (0usize..8, 0i64..50);
    prop_oneof![
        3 => dn.clone().prop_map(Step::Create),
        3 => (which.clone(), dn.clone()).prop_map(|(w, n)| Step::Replace(w, n)),
        2 => which.clone().prop_map(Step::Delete),
        1 => dn.clone().prop_map(Step::OutsideInsert),
        2 => (which.clone(), dn.clone()).prop_map(|(w, n)| Step::OutsideUpdate(w, n)),
        2 => (which.clone(), dn.clone()).prop_map(|(w, n)| Step::OutsideReplace(w, n)),
        2 => which.prop_map(Step::OutsideDelete),
        3 => Just(Step::Look),
        2 => (prop::collection::vec((0u8..6, dn), 1..6), any::<bool>()).prop_map(|(records, replace)| Step::Load(records, replace)),
        1 => Just(Step::Restart),
    ]
}

fn city(store: &Store) -> BTreeMap<Fid, Feature> {
    all(store).into_iter().map(|feature| (feature.id.fid, feature)).collect()
}

proptest! {
    // Each case waits for the disk and for the gaps of loads; PROPTEST_CASES asks for more.
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12)))]
    #[test]
    fn every_revision_can_be_seen_again_and_the_feed_leads_from_any_to_any(steps in prop::collection::vec(step(), 1..30), piece in 1usize..6) {
        let (dir, mut store) = new_city();
        let outside = rusqlite::Connection::open(dir.path().join("city.gpkg")).unwrap();
        register_functions(&outside).unwrap();
        let mut seen: BTreeMap<Revision, BTreeMap<Fid, Feature>> = BTreeMap::from([(0, BTreeMap::new())]);
        let mut clock = Timestamp::from_secs(1_795_000_000);
        for step in steps {
            let there = city(&store);
            let pick = |which: usize| there.values().nth(which % there.len().max(1)).cloned();
            match step {
                Step::Create(dn) => { store.write("a", "api", &[hydrant("", dn)]).unwrap(); }
                Step::Replace(which, dn) => if let Some(feature) = pick(which) {
                    // Gone meanwhile by an outside edit that is sealed first: refused, and nothing changes.
                    let _ = store.write("a", "api", &[replace(&feature, None, dn)]);
                },
                Step::Delete(which) => if let Some(feature) = pick(which) {
                    let _ = store.write("a", "api", &[Edit::Delete { id: feature.id, if_match: None }]);
                },
                Step::OutsideInsert(dn) => { outside.execute("INSERT INTO hydrant(dn) VALUES(?1)", [dn]).unwrap(); }
                Step::OutsideUpdate(which, dn) => if let Some(feature) = pick(which) {
                    outside.execute("UPDATE hydrant SET dn=?1 WHERE fid=?2", (dn, feature.id.fid)).unwrap();
                },
                Step::OutsideReplace(which, dn) => if let Some(feature) = pick(which) {
                    // Refused when another edit has deleted it meanwhile.
                    let _ = outside.execute("REPLACE INTO hydrant(fid, dn) VALUES(?2, ?1)", (dn, feature.id.fid));
                },
                Step::OutsideDelete(which) => if let Some(feature) = pick(which) {
                    outside.execute("DELETE FROM hydrant WHERE fid=?1", [feature.id.fid]).unwrap();
                },
                Step::Look => for _ in 0..2 {
                    clock = clock.plus_millis(500);
                    store.poll_outside(clock).unwrap();
                },
                Step::Load(records, replace) => {
                    let mut load = store.begin_load(LoadInfo { source: "s".into(), file: "f".into(), replace, ..LoadInfo::default() }).unwrap();
                    for (i, (code, dn)) in records.into_iter().enumerate() {
                        let attributes = vec![format!("L-{code}").into(), Value::Null, dn.into()];
                        load.add(Record { number: i as u64, class: HYDRANT, geometry: point(116.0, 30.0), attributes, other: None, source_id: None }).unwrap();
                    }
                    load.finish().unwrap();
                }
                Step::Restart => {
                    drop(store);
                    store = reopen(&dir);
                }
            }
            // A step may make several revisions; of those between, only what the feed says is known.
            let head = store.head().unwrap();
            let now = city(&store);
            if let Some(before) = seen.get(&head) {
                prop_assert_eq!(before, &now, "revision {} changed afterwards", head);
            }
            seen.insert(head, now);
        }
        let last = store.head().unwrap();
        let fids: Vec<Fid> = (1..40).collect();
        for (&revision, then) in &seen {
            for &fid in &fids {
                let found = store.feature_as_of(id(HYDRANT, fid), revision).unwrap();
                prop_assert_eq!(found.as_ref(), then.get(&fid), "hydrant {} as of {}", fid, revision);
            }
            // From here to the end in pieces, as an index follows.
            let (mut now, mut at) = (then.clone(), revision);
            while at < last {
                let delta = store.delta_since(at, piece).unwrap();
                prop_assert!(delta.changes.upto > at);
                for feature in delta.changed {
                    now.insert(feature.id.fid, feature);
                }
                for gone in delta.gone {
                    now.remove(&gone.fid);
                }
                at = delta.changes.upto;
                if let Some(expected) = seen.get(&at) {
                    prop_assert_eq!(&now, expected, "the feed from {} to {}", revision, at);
                }
            }
        }
        for &fid in &fids {
            let history = store.history(id(HYDRANT, fid)).unwrap();
            prop_assert!(history.windows(2).all(|pair| pair[0].revision < pair[1].revision));
            for (&revision, then) in &seen {
                let version = history.iter().rev().find(|v| v.revision <= revision).and_then(|v| v.feature.as_ref());
                prop_assert_eq!(version, then.get(&fid), "history of {} at {}", fid, revision);
            }
        }
    }
}
