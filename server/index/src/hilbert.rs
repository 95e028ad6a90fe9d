//! One number per place on a fixed world grid, so that near numbers are near places.
//!
//! The grid never changes, so the paging order made from it survives every rebuild.

use citytwin_model::Bounds;

/// Cells per axis: 2³¹ over 360 degrees, 1.9 cm at the equator. Latitude uses the same cell and so half of the square.
const BITS: u32 = 31;
const CELLS_PER_DEGREE: f64 = (1u64 << BITS) as f64 / 360.0;

/// Stands after every place: the code of a feature without geometry.
pub const NOWHERE: u64 = u64::MAX;

/// Code of a box's centre. What lies outside the world is drawn to its edge.
pub fn code_of(bounds: &Bounds) -> u64 {
    if bounds.is_empty() {
        return NOWHERE;
    }
    let centre = bounds.centre();
    code(cell(centre.lon + 180.0), cell(centre.lat + 90.0))
}

fn cell(degrees: f64) -> u32 {
    // `as` keeps negative numbers and NaN at 0.
    ((degrees * CELLS_PER_DEGREE) as u32).min((1 << BITS) - 1)
}

/// Distance along the Hilbert curve of order 31, as in Hamilton's "Compact Hilbert indices": turn the square at each bit.
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
        // On the last two bits only: the order-2 curve visits these cells, each one step from the one before.
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
        let shifan = Bounds::new(116.0, 30.0, 116.0, 30.0);
        assert_eq!(code_of(&shifan), 3_613_938_145_550_864_941);
        assert_eq!(code_of(&Bounds::EMPTY), NOWHERE);
    }

    #[test]
    fn places_outside_the_world_are_drawn_to_its_edge() {
        for (lon, lat) in [(-500.0, 0.0), (500.0, 0.0), (0.0, 500.0), (0.0, -500.0), (1e300, -1e300)] {
            assert!(code_of(&Bounds::new(lon, lat, lon, lat)) < NOWHERE);
        }
    }
}
