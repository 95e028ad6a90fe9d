//! Names that never change: features, revisions, asset codes.

use crate::class::ClassNo;
use std::fmt;

/// Number of a feature within its class. Given by the store, never reused. 1 … 4 294 967 295.
pub type Fid = u32;

/// City-wide number of a change; every write, load link or sealed outside edit is one.
pub type Revision = u64;

/// A feature anywhere in the city: its class and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeatureId {
    pub class: ClassNo,
    pub fid: Fid,
}

impl FeatureId {
    pub fn new(class: ClassNo, fid: Fid) -> Self {
        Self { class, fid }
    }

    /// The number that stands for this feature in JSON and in vector tiles: class · 2³² + fid.
    /// Class numbers stay small, so it is below 2⁵³ and survives JavaScript.
    pub fn wire(self) -> u64 {
        (u64::from(self.class.0) << 32) | u64::from(self.fid)
    }

    /// `None` when the number has no class or no fid, or its class is beyond what a class number can be.
    pub fn from_wire(wire: u64) -> Option<Self> {
        let class = u16::try_from(wire >> 32).ok().filter(|no| *no > 0)?;
        let fid = wire as u32;
        (fid > 0).then_some(Self { class: ClassNo(class), fid })
    }
}

/// The number that the utility itself gave to an asset. A label, never an index.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetCode(pub String);

impl fmt::Display for AssetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits a public id (`water_pipe.12`) into class name and number.
pub fn parse_public_id(text: &str) -> Option<(&str, Fid)> {
    let (class, fid) = text.rsplit_once('.')?;
    let fid = parse_fid(fid)?;
    (!class.is_empty()).then_some((class, fid))
}

/// A fid as it is written: decimal digits without sign or leading zero.
pub fn parse_fid(text: &str) -> Option<Fid> {
    let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_number_comes_back_as_the_same_feature() {
        for id in [FeatureId::new(ClassNo(1), 1), FeatureId::new(ClassNo(10_007), u32::MAX)] {
            assert_eq!(FeatureId::from_wire(id.wire()), Some(id));
            assert!(id.wire() < 1 << 53);
        }
    }

    #[test]
    fn numbers_that_name_no_feature_are_refused() {
        for wire in [0, 7, 1 << 32, u64::MAX & !0xffff_ffff] {
            assert_eq!(FeatureId::from_wire(wire), None, "{wire}");
        }
    }

    #[test]
    fn a_public_id_is_class_and_number() {
        assert_eq!(parse_public_id("water_pipe.12"), Some(("water_pipe", 12)));
        for bad in ["water_pipe", "water_pipe.", ".3", "water_pipe.0", "water_pipe.-1", "water_pipe.01", "a.4294967296"] {
            assert_eq!(parse_public_id(bad), None, "{bad}");
        }
    }
}
