//! A bounded shelf for bytes that were costly to make: tiles, by what they depend on. Nothing on it is ever stale,
//! because the revision is part of the name.

use axum::body::Bytes;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

/// Two boards: what is taken goes to the new one; when that is full, the old one is cleared and they change places. So
/// what nobody asks for leaves after a while, without a list to keep in order.
pub struct Shelf<K> {
    board_bytes: usize,
    boards: Mutex<Boards<K>>,
}

struct Boards<K> {
    new: HashMap<K, Bytes>,
    old: HashMap<K, Bytes>,
    new_bytes: usize,
}

impl<K: Hash + Eq + Clone> Shelf<K> {
    /// Holds at most about this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { board_bytes: bytes / 2, boards: Mutex::new(Boards { new: HashMap::new(), old: HashMap::new(), new_bytes: 0 }) }
    }

    pub fn get(&self, key: &K) -> Option<Bytes> {
        let mut boards = self.lock();
        if let Some(bytes) = boards.new.get(key) {
            return Some(bytes.clone());
        }
        let bytes = boards.old.remove(key)?;
        self.place(&mut boards, key.clone(), bytes.clone());
        Some(bytes)
    }

    pub fn put(&self, key: K, bytes: Bytes) {
        self.place(&mut self.lock(), key, bytes);
    }

    fn place(&self, boards: &mut Boards<K>, key: K, bytes: Bytes) {
        // An empty tile has a name too.
        let cost = |bytes: &Bytes| bytes.len() + 128;
        if cost(&bytes) > self.board_bytes {
            return;
        }
        if boards.new_bytes + cost(&bytes) > self.board_bytes {
            boards.old = std::mem::take(&mut boards.new);
            boards.new_bytes = 0;
        }
        boards.new_bytes += cost(&bytes);
        if let Some(before) = boards.new.insert(key, bytes) {
            boards.new_bytes -= cost(&before);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Boards<K>> {
        self.boards.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_leaves() {
        let shelf = Shelf::new(20_000);
        for i in 0..1_000u32 {
            shelf.put(i, Bytes::from(vec![0; 400]));
            assert!(shelf.get(&0).is_some(), "asked for all the time, gone at {i}");
        }
        assert!(shelf.get(&999).is_some() && shelf.get(&500).is_none());
        let boards = shelf.lock();
        let held: usize = boards.new.values().chain(boards.old.values()).map(|bytes| bytes.len() + 128).sum();
        assert!(held <= 20_000, "{held}");
    }

    #[test]
    fn what_is_larger_than_a_board_is_not_kept() {
        let shelf = Shelf::new(1_000);
        shelf.put(1, Bytes::from(vec![0; 900]));
        assert!(shelf.get(&1).is_none());
    }
}
