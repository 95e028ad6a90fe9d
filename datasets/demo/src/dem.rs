//! `FILE.dem.tif`: the ground as a GeoTIFF, float32 heights on a grid of EPSG:4490 degrees.

use crate::frame::Frame;
use crate::geodesy::Geodesy;
use crate::ground::{Ground, Lattice};
use crate::plan::Plan;
use citytwin_model::LonLat;
use std::io::{self, Write};

/// About 9.7 × 11.1 m at 30° north.
const STEP_DEG: f64 = 0.0001;
/// The grid reaches so far beyond the city, and so far beyond its lake.
const MARGIN_M: f64 = 420.0;
/// Larger cities get coarser cells.
const LARGEST_BYTES: u64 = 64 << 20;

/// A grid of cells; heights are those of the cells' middles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub step_deg: f64,
    /// North-western corner, in whole steps.
    pub west: i64,
    pub north: i64,
    pub columns: u32,
    pub rows: u32,
}

impl Grid {
    pub fn of(frame: &Frame, geodesy: &Geodesy) -> Self {
        (1..).map(|times| Self::with_step(frame, geodesy, STEP_DEG * f64::from(times))).find(Self::fits).expect("some step is wide enough")
    }

    fn fits(&self) -> bool {
        u64::from(self.columns) * u64::from(self.rows) * 4 <= LARGEST_BYTES
    }

    fn with_step(frame: &Frame, geodesy: &Geodesy, step_deg: f64) -> Self {
        let extent = &frame.extent;
        let east = frame.ground.lake.map_or(extent.east_u(), |lake| lake.centre.u + lake.half_u + 60.0);
        // All along the border, for it is bent.
        let (mut low, mut high) = (Plan::new(f64::INFINITY, f64::INFINITY), Plan::new(f64::NEG_INFINITY, f64::NEG_INFINITY));
        for k in 0..=64 {
            let share = f64::from(k) / 64.0;
            let u = extent.west_u() + (east - extent.west_u()) * share;
            let v = extent.south_v() + (extent.north_v() - extent.south_v()) * share;
            for p in [(u, extent.south_v()), (u, extent.north_v()), (extent.west_u(), v), (east, v)] {
                let p = frame.ground.plan(Lattice::new(p.0, p.1));
                low = Plan::new(low.e.min(p.e), low.n.min(p.n));
                high = Plan::new(high.e.max(p.e), high.n.max(p.n));
            }
        }
        let [sw, ne] =
            [Plan::new(low.e - MARGIN_M, low.n - MARGIN_M), Plan::new(high.e + MARGIN_M, high.n + MARGIN_M)].map(|p| geodesy.degrees(p));
        let (west, south) = (libm::floor(sw.lon / step_deg) as i64, libm::floor(sw.lat / step_deg) as i64);
        let (east, north) = (libm::ceil(ne.lon / step_deg) as i64, libm::ceil(ne.lat / step_deg) as i64);
        Self { step_deg, west, north, columns: (east - west) as u32, rows: (north - south) as u32 }
    }

    pub fn middle(&self, column: u32, row: u32) -> LonLat {
        let lon = (self.west as f64 + f64::from(column) + 0.5) * self.step_deg;
        let lat = (self.north as f64 - f64::from(row) - 0.5) * self.step_deg;
        LonLat { lon, lat }
    }
}

/// Writes row by row, so that a large city needs no more memory than a small one.
pub fn write(ground: &Ground, geodesy: &Geodesy, grid: &Grid, to: &mut impl Write) -> io::Result<()> {
    to.write_all(&header(grid))?;
    let mut line = Vec::with_capacity(grid.columns as usize * 4);
    for row in 0..grid.rows {
        line.clear();
        for column in 0..grid.columns {
            let height = ground.height(geodesy.plan(grid.middle(column, row))) as f32;
            line.extend_from_slice(&height.to_le_bytes());
        }
        to.write_all(&line)?;
    }
    Ok(())
}

const SHORT: u16 = 3;
const LONG: u16 = 4;
const DOUBLE: u16 = 12;
const ASCII: u16 = 2;

/// TIFF 6.0 header and one directory; heights follow as one strip per row.
fn header(grid: &Grid) -> Vec<u8> {
    let (w, h) = (grid.columns, grid.rows);
    let west_deg = grid.west as f64 * grid.step_deg;
    let north_deg = grid.north as f64 * grid.step_deg;
    let doubles = |values: &[f64]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let shorts = |values: &[u16]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let longs = |values: &[u32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let row_bytes = w * 4;
    // GeoTIFF 1.1: geographic, cells are areas, EPSG:4490, degrees.
    let geo_keys = shorts(&[1, 1, 0, 4, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4490, 2054, 0, 1, 9102]);
    let nodata = b"-9999\0".to_vec();
    let build = |data_at: u32| -> Vec<(u16, u16, u32, Vec<u8>)> {
        let strips: Vec<u32> = (0..h).map(|row| data_at + row * row_bytes).collect();
        vec![
            (256, LONG, 1, longs(&[w])),
            (257, LONG, 1, longs(&[h])),
            (258, SHORT, 1, shorts(&[32])),
            (259, SHORT, 1, shorts(&[1])),
            (262, SHORT, 1, shorts(&[1])),
            (273, LONG, h, longs(&strips)),
            (277, SHORT, 1, shorts(&[1])),
            (278, LONG, 1, longs(&[1])),
            (279, LONG, h, longs(&vec![row_bytes; h as usize])),
            (339, SHORT, 1, shorts(&[3])),
            (33550, DOUBLE, 3, doubles(&[grid.step_deg, grid.step_deg, 0.0])),
            (33922, DOUBLE, 6, doubles(&[0.0, 0.0, 0.0, west_deg, north_deg, 0.0])),
            (34735, SHORT, (geo_keys.len() / 2) as u32, geo_keys.clone()),
            (42113, ASCII, nodata.len() as u32, nodata.clone()),
        ]
    };
    let directory_len = 2 + build(0).len() * 12 + 4;
    let extra_len: usize = build(0).iter().map(|(.., bytes)| if bytes.len() > 4 { bytes.len().next_multiple_of(8) } else { 0 }).sum();
    let extra_at = (8 + directory_len).next_multiple_of(8);
    let entries = build((extra_at + extra_len) as u32);
    let mut out = b"II*\0\x08\0\0\0".to_vec();
    out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    let mut extra: Vec<u8> = vec![];
    for (tag, kind, count, bytes) in entries {
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        if bytes.len() <= 4 {
            let mut field = bytes;
            field.resize(4, 0);
            out.extend_from_slice(&field);
        } else {
            out.extend_from_slice(&((extra_at + extra.len()) as u32).to_le_bytes());
            extra.extend_from_slice(&bytes);
            extra.resize(extra.len().next_multiple_of(8), 0);
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.resize(extra_at, 0);
    out.extend_from_slice(&extra);
    out
}
