//! A page of a collection, and the key that the next one starts behind.

use citytwin_model::{Feature, Fid};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Place in the paging order: Hilbert code of the box's centre on the world grid, then the number.
/// It belongs to the feature and not to the index, so a walk goes on where it was after any edit or rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey {
    pub(crate) hilbert: u64,
    pub(crate) fid: Fid,
}

/// As it stands in a `next` link: 24 hexadecimal digits.
impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:08x}", self.hilbert, self.fid)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a page key; take it unchanged from a `next` link")]
pub struct BadPageKey;

impl FromStr for PageKey {
    type Err = BadPageKey;

    fn from_str(text: &str) -> Result<Self, BadPageKey> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 24 || !text.bytes().all(lower_hex) {
            return Err(BadPageKey);
        }
        let hilbert = u64::from_str_radix(&text[..16], 16).map_err(|_| BadPageKey)?;
        let fid = Fid::from_str_radix(&text[16..], 16).map_err(|_| BadPageKey)?;
        Ok(Self { hilbert, fid })
    }
}

#[derive(Clone, Debug)]
pub struct Page {
    /// In paging order.
    pub features: Vec<Arc<Feature>>,
    /// How many meet the query on all pages together; exact.
    pub matched: u64,
    /// Where the next page starts; `None` on the last.
    pub next: Option<PageKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_text() {
        for key in [PageKey { hilbert: 0, fid: 1 }, PageKey { hilbert: u64::MAX, fid: u32::MAX }, PageKey { hilbert: 7 << 50, fid: 12 }] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "12", "+00000000000000000000001", "0000000000000000000000000", "00000000000000000000000G", "中中中中中中中中"]
        {
            assert_eq!(bad.parse::<PageKey>(), Err(BadPageKey), "{bad}");
        }
    }
}
