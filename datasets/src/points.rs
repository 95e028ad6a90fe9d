//! Coordinates on their way through PROJ: runs of points, there and back.
//!
//! A run is a count (`u32`, little-endian) and so many pairs of `f64`. Its answer has the same count; a point that has no
//! answer is not a number. Before the first run the helper says in one line of JSON how it will go.

use crate::pipe::{CrsUse, Fail};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Longest run.
pub const MOST: usize = 1 << 16;

/// What the helper says before the first run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    Ready(System),
    Fail(Fail),
}

/// The system that was named, and how one gets there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct System {
    pub used: CrsUse,
    pub name: String,
    /// `EPSG` and `4547`, where there is such a code.
    pub code: Option<(String, String)>,
    /// As old programs want it; `None` where WKT 1 has no words for the system.
    pub wkt1: Option<String>,
}

pub fn send(points: &[(f64, f64)], out: &mut impl Write) -> io::Result<()> {
    assert!(points.len() <= MOST, "runs are cut before they are sent");
    let mut bytes = Vec::with_capacity(4 + points.len() * 16);
    bytes.extend_from_slice(&(points.len() as u32).to_le_bytes());
    for (x, y) in points {
        bytes.extend_from_slice(&x.to_le_bytes());
        bytes.extend_from_slice(&y.to_le_bytes());
    }
    out.write_all(&bytes)?;
    out.flush()
}

/// The next run; `None` when there are no more. A count beyond [`MOST`] is refused before anything is allocated.
pub fn receive(input: &mut impl Read) -> io::Result<Option<Vec<(f64, f64)>>> {
    let mut head = [0; 4];
    match input.read(&mut head[..1])? {
        0 => return Ok(None),
        _ => input.read_exact(&mut head[1..])?,
    }
    let count = u32::from_le_bytes(head) as usize;
    if count > MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a run of {count} points; the most is {MOST}")));
    }
    let mut bytes = vec![0; count * 16];
    input.read_exact(&mut bytes)?;
    let number = |at: usize| f64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    Ok(Some((0..count).map(|i| (number(i * 16), number(i * 16 + 8))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sent_is_received_and_a_cut_is_noticed(points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..20)) {
            let mut bytes = Vec::new();
            send(&points, &mut bytes).unwrap();
            let bits = |p: &[(f64, f64)]| p.iter().map(|(x, y)| (x.to_bits(), y.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(bits(&receive(&mut &bytes[..]).unwrap().unwrap()), bits(&points));
            for cut in 1..bytes.len() {
                prop_assert!(receive(&mut &bytes[..cut]).is_err());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = receive(&mut &bytes[..]);
        }
    }

    #[test]
    fn a_lying_count_is_refused_before_anything_is_allocated() {
        assert!(receive(&mut &u32::MAX.to_le_bytes()[..]).is_err());
        assert!(receive(&mut &[][..]).unwrap().is_none());
    }
}
