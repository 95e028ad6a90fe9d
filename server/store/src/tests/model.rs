//! Any sequence of writes, loads, outside edits and restarts, against a plain map of what every revision looked like.

use super::*;
use crate::gpkg::register_functions;
use crate::{AsOf, LoadInfo, Record};
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
    /// Of a load that may have been edited later.
    Undo(usize),
    PutBack(usize, usize),
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
        2 => (0usize..4).prop_map(Step::Undo),
        2 => (0usize..12, 0usize..8).prop_map(|(w, r)| Step::PutBack(w, r)),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Actor {
    Load(i64),
    Undo(i64),
    Other,
}

/// Who made what of each feature, one after the other: what undo is compared with.
#[derive(Default)]
struct Log {
    now: BTreeMap<Fid, Feature>,
    events: BTreeMap<Fid, Vec<(Actor, Option<Feature>)>>,
    undone: Vec<i64>,
}

impl Log {
    fn note(&mut self, now: BTreeMap<Fid, Feature>, actor: Actor) {
        for fid in 1..60 {
            if self.now.get(&fid).map(|f| f.revision) != now.get(&fid).map(|f| f.revision) {
                self.events.entry(fid).or_default().push((actor, content(&now, fid)));
            }
        }
        if let Actor::Undo(load) = actor {
            self.undone.push(load);
        }
        self.now = now;
    }

    /// Seals what is pending, so that it is not taken for the work of what comes next.
    fn settle(&mut self, store: &Store, clock: &mut Timestamp, seen: &mut BTreeMap<Revision, BTreeMap<Fid, Feature>>) {
        for _ in 0..2 {
            *clock = clock.plus_millis(500);
            store.poll_outside(*clock).unwrap();
        }
        let now = city(store);
        seen.insert(store.head().unwrap(), now.clone());
        self.note(now, Actor::Other);
    }

    /// Each feature without a load, and how many keep what the load made of them because somebody came later.
    fn without(&self, load: i64) -> (BTreeMap<Fid, Option<Feature>>, u64) {
        let (mut expected, mut kept) = (BTreeMap::new(), 0);
        for (&fid, events) in &self.events {
            let Some(first) = events.iter().position(|(actor, _)| *actor == Actor::Load(load)) else {
                expected.insert(fid, content(&self.now, fid));
                continue;
            };
            let void = |actor: &Actor| match actor {
                Actor::Load(id) | Actor::Undo(id) => *id == load || self.undone.contains(id),
                Actor::Other => false,
            };
            let is_later = events[first..].iter().any(|(actor, _)| !void(actor));
            kept += u64::from(is_later);
            let before = first.checked_sub(1).and_then(|i| events[i].1.clone());
            expected.insert(fid, if is_later { content(&self.now, fid) } else { before });
        }
        (expected, kept)
    }
}

/// What a feature says, whenever it came to say so.
fn content(features: &BTreeMap<Fid, Feature>, fid: Fid) -> Option<Feature> {
    features.get(&fid).map(|feature| Feature { revision: 0, ..feature.clone() })
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
        let mut log = Log::default();
        let mut loads: Vec<i64> = Vec::new();
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
                    log.settle(&store, &mut clock, &mut seen);
                    let mut load = store.begin_load(LoadInfo { source: "s".into(), file: "f".into(), replace, ..LoadInfo::default() }).unwrap();
                    for (i, (code, dn)) in records.into_iter().enumerate() {
                        let attributes = vec![format!("L-{code}").into(), Value::Null, dn.into()];
                        load.add(Record { number: i as u64, class: HYDRANT, geometry: point(116.0, 30.0), attributes, other: None, source_id: None }).unwrap();
                    }
                    let id = load.finish().unwrap().id;
                    loads.push(id);
                    log.note(city(&store), Actor::Load(id));
                }
                Step::Undo(which) => if !loads.is_empty() {
                    let load = loads.remove(which % loads.len());
                    log.settle(&store, &mut clock, &mut seen);
                    let (expected, later) = log.without(load);
                    match store.undo_load(load, false, "a", |_| true) {
                        Ok(undone) => prop_assert_eq!((later, undone.kept), (0, 0)),
                        Err(crate::StoreError::EditedLater { count, .. }) => {
                            prop_assert_eq!(count, later);
                            prop_assert_eq!(&city(&store), &log.now, "a refusal changes nothing");
                            prop_assert_eq!(store.undo_load(load, true, "a", |_| true).unwrap().kept, later);
                        }
                        Err(e) => panic!("{e}"),
                    }
                    let now = city(&store);
                    for (fid, expected) in expected {
                        prop_assert_eq!(content(&now, fid), expected, "hydrant {} after the undo of load {}", fid, load);
                    }
                    log.note(now, Actor::Undo(load));
                },
                Step::PutBack(which, when) => {
                    let (&revision, then) = seen.iter().nth(when % seen.len()).unwrap();
                    let fid = which as Fid + 1;
                    match store.put_back(id(HYDRANT, fid), revision, "a", "api") {
                        Ok(_) => prop_assert_eq!(content(&city(&store), fid), content(then, fid)),
                        Err(_) => prop_assert!(!then.contains_key(&fid)),
                    }
                }
                Step::Restart => {
                    drop(store);
                    store = reopen(&dir);
                }
            }
            // A step may make several revisions; of those between, only what the feed says is known.
            let head = store.head().unwrap();
            let now = city(&store);
            log.note(now.clone(), Actor::Other);
            if let Some(before) = seen.get(&head) {
                prop_assert_eq!(before, &now, "revision {} changed afterwards", head);
            }
            seen.insert(head, now);
        }
        let last = store.head().unwrap();
        let fids: Vec<Fid> = (1..60).collect();
        let left = citytwin_model::Bounds::new(115.99, 29.99, 116.005, 30.005);
        for (&revision, then) in &seen {
            let mut whole = BTreeMap::new();
            store.read_class_as_of(HYDRANT, AsOf::Revision(revision), &mut |f| assert!(whole.insert(f.id.fid, f).is_none())).unwrap();
            prop_assert_eq!(&whole, then, "hydrants as of {}", revision);
            let mut within = BTreeMap::new();
            store.read_box_as_of(None, &left, AsOf::Revision(revision), &mut |f| assert!(within.insert(f.id.fid, f).is_none())).unwrap();
            let stands = |f: &Feature| f.geometry.as_ref().is_some_and(|g| g.bounds().intersects(&left));
            let expected: BTreeMap<_, _> = then.iter().filter(|(_, f)| stands(f)).map(|(fid, f)| (*fid, f.clone())).collect();
            prop_assert_eq!(within, expected, "the box as of {}", revision);
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
