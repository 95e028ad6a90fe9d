//! One hash of all that a city says: equal hashes, equal cities, whatever revisions led there.

use crate::as_of::AsOf;
use crate::error::Result;
use crate::store::Store;
use citytwin_model::Feature;
use sha2::{Digest, Sha256};
use std::fmt::Write;

impl Store {
    /// SHA-256, in hexadecimal, over every feature of a state of the city: class, fid, geometry bit for bit, attributes,
    /// further attributes, source. Revisions are not in it.
    pub fn fingerprint(&self, as_of: AsOf) -> Result<String> {
        let mut hash = Sha256::new();
        let mut text = String::new();
        self.read_all_as_of(as_of, &mut |feature| {
            text.clear();
            // `Debug` of a number is the shortest text that is read back as the same number.
            write!(text, "{:?}", Feature { revision: 0, ..feature }).expect("a text takes what is written");
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(&text);
        })?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
