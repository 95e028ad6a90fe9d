//! What was written to a file and has not been synced: pieces over what the disk has. The file layer under SQLite and the
//! preloaded disk (`../disk`) both hold their writes in it.

use std::collections::BTreeMap;

/// What was written to a file and not synced, shared by all connections of this process.
#[derive(Default)]
pub struct Unsynced {
    /// Pieces that do not overlap, by offset.
    pub pieces: BTreeMap<i64, Vec<u8>>,
    /// Length of the file as readers see it; `None` while it is the real one.
    pub len: Option<i64>,
    /// The shortest that the file has been cut to since the last sync.
    pub cut: Option<i64>,
}

impl Unsynced {
    pub fn write(&mut self, at: i64, bytes: &[u8], len_now: i64) {
        self.clear(at, at + bytes.len() as i64);
        self.pieces.insert(at, bytes.to_vec());
        self.len = Some(len_now.max(at + bytes.len() as i64));
    }

    /// Takes a range out of the pieces.
    fn clear(&mut self, from: i64, to: i64) {
        let touched: Vec<i64> = self.pieces.range(..to).filter(|(at, piece)| **at + piece.len() as i64 > from).map(|(at, _)| *at).collect();
        for at in touched {
            let piece = self.pieces.remove(&at).expect("just found");
            let end = at + piece.len() as i64;
            if at < from {
                self.pieces.insert(at, piece[..(from - at) as usize].to_vec());
            }
            if end > to {
                self.pieces.insert(to, piece[(to - at) as usize..].to_vec());
            }
        }
    }

    pub fn truncate(&mut self, len: i64) {
        self.clear(len, i64::MAX);
        self.len = Some(len);
        self.cut = Some(self.cut.map_or(len, |cut| cut.min(len)));
    }

    pub fn overlay(&self, at: i64, buffer: &mut [u8]) {
        let end = at + buffer.len() as i64;
        for (&from, piece) in self.pieces.range(..end).filter(|(from, piece)| **from + piece.len() as i64 > at) {
            let (lo, hi) = (from.max(at), (from + piece.len() as i64).min(end));
            buffer[(lo - at) as usize..(hi - at) as usize].copy_from_slice(&piece[(lo - from) as usize..(hi - from) as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes, cuts and overlays against a plain vector.
    #[test]
    fn unsynced_pieces_read_like_a_file() {
        let mut unsynced = Unsynced::default();
        let mut plain: Vec<u8> = Vec::new();
        let mut x = 7u64;
        for step in 0..4000u64 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (at, len) = ((x >> 33) as usize % 500, (x >> 20) as usize % 60 + 1);
            if step % 17 == 0 {
                unsynced.truncate(at as i64);
                plain.resize(at, 0);
            } else {
                let bytes = vec![step as u8; len];
                unsynced.write(at as i64, &bytes, plain.len() as i64);
                plain.resize(plain.len().max(at + len), 0);
                plain[at..at + len].copy_from_slice(&bytes);
            }
            let mut read = vec![0; plain.len()];
            unsynced.overlay(0, &mut read);
            assert_eq!((read, unsynced.len), (plain.clone(), Some(plain.len() as i64)), "step {step}");
        }
    }
}
