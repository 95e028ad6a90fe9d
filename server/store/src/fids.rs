//! A set of feature numbers of one class, as bits: what a load has met, what an undo has to look at.

use citytwin_model::Fid;

#[derive(Clone, Default)]
pub(crate) struct Fids(Vec<u64>);

impl Fids {
    pub fn has(&self, fid: Fid) -> bool {
        self.0.get(fid as usize / 64).is_some_and(|word| word & (1 << (fid % 64)) != 0)
    }

    pub fn set(&mut self, fid: Fid, on: bool) {
        let word = fid as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if on {
            self.0[word] |= 1 << (fid % 64);
        } else {
            self.0[word] &= !(1 << (fid % 64));
        }
    }

    pub fn set_range(&mut self, from: Fid, to: Fid) {
        (from..=to).for_each(|fid| self.set(fid, true));
    }

    pub fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// In rising order.
    pub fn iter(&self) -> impl Iterator<Item = Fid> + '_ {
        self.0.iter().enumerate().flat_map(|(i, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(i as Fid * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_in_order() {
        let mut fids = Fids::default();
        for fid in [700, 1, 63, 64, 65, 700] {
            fids.set(fid, true);
        }
        fids.set_range(126, 129);
        fids.set(64, false);
        assert_eq!(fids.iter().collect::<Vec<_>>(), [1, 63, 65, 126, 127, 128, 129, 700]);
        assert_eq!((fids.len(), fids.has(63), fids.has(64), fids.has(100_000)), (8, true, false, false));
    }
}
