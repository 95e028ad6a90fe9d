//! One number per place on a fixed world grid, so that near numbers are near places.
//!
//! The grid never changes, so the paging order made from it survives every rebuild.

use crate::cells::Cells;
use citytwin_model::Bounds;

/// Bits per axis: every second cell of the grid of boxes, 1.9 cm at the equator.
const BITS: u32 = 31;

/// Stands behind every place: the code of a feature without geometry.
pub const NOWHERE: u64 = u64::MAX;

/// Code of the centre of a box.
pub fn code_of(cells: &Cells) -> u64 {
    let middle = |low: u32, high: u32| ((u64::from(low) + u64::from(high)) >> 2) as u32;
    code(middle(cells.west, cells.east), middle(cells.south, cells.north))
}

/// The same for a box in degrees: whoever packs boxes into nodes sorts by it.
pub fn place_code(bounds: &Bounds) -> u64 {
    code_of(&Cells::of(bounds))
}

/// Distance along the Hilbert curve of order 31: from the coarsest bit on, which quarter, and how the square is turned there.
fn code(x: u32, y: u32) -> u64 {
    let (mut x, mut y, mut code) = (x, y, 0u64);
    let mask = (1u32 << BITS) - 1;
    for bit in (0..BITS).rev() {
        let rx = (x >> bit) & 1;
        let ry = (y >> bit) & 1;
        code = (code << 2) | u64::from((3 * rx) ^ ry);
        if ry == 0 {
            if rx == 1 {
                x = !x & mask;
                y = !y & mask;
            }
            std::mem::swap(&mut x, &mut y);
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cells_follow_the_curve() {
        // The 16 cells at the curve's start: each one step from the one before.
        let mut cells: Vec<(u64, i64, i64)> = (0..4).flat_map(|x| (0..4).map(move |y| (code(x, y), i64::from(x), i64::from(y)))).collect();
        cells.sort_unstable();
        assert_eq!(cells.iter().map(|c| c.0).collect::<Vec<_>>(), (0..16).collect::<Vec<u64>>());
        for pair in cells.windows(2) {
            assert_eq!((pair[0].1 - pair[1].1).abs() + (pair[0].2 - pair[1].2).abs(), 1, "{pair:?}");
        }
    }

    #[test]
    fn the_code_of_a_place_is_fixed_for_ever() {
        // Page keys are handed out in links: a change here would break every open walk.
        let at = |lon: f64, lat: f64| code_of(&Cells::of(&Bounds::new(lon, lat, lon, lat)));
        assert_eq!(at(116.0, 30.0), 3_613_938_145_550_864_941);
        for (lon, lat) in [(180.0, 90.0), (180.0, -90.0), (-180.0, -90.0), (1e300, -1e300)] {
            assert!(at(lon, lat) < NOWHERE);
        }
    }
}
