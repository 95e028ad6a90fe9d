//! The heights of the ground: `terrain/heights.ctt`, a pyramid of height tiles in a checksummed format of our own.
//!
//! ```text
//! header (112 bytes)  magic "CTHEIGHT", format u32, tile side u32, columns u32, rows u32, levels u32, tiles u32,
//!                     west, north, lon step, lat step f64 (of level 0; steps positive, rows run south),
//!                     lowest, highest f64, offset of the index u64, CRC of the index u32, reserved u32, …, CRC of the header u32
//! tiles               side × side f32, little-endian, row by row; NaN where nothing is known
//! index               per level, row by row: offset u64 (0: nothing known in the whole tile), CRC of the tile u32
//! ```
//!
//! A sample stands for the middle of its cell. Level n + 1 has half the columns and rows, each sample the mean of what
//! is known of its four.

use crate::error::{Result, StoreError, Why};
use crate::files;
use citytwin_model::{Bounds, LonLat};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const MAGIC: &[u8; 8] = b"CTHEIGHT";
const FORMAT: u32 = 1;
const HEADER: usize = 112;
/// Samples along a tile's side.
const SIDE: usize = 256;
const TILE_BYTES: usize = SIDE * SIDE * 4;
/// Tiles held in memory: 64 MiB.
const CACHED_TILES: usize = 256;
/// Beyond this a raster is refused: 4 G samples.
const MAX_SAMPLES: u64 = 1 << 32;

/// Where a raster's samples stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TerrainGrid {
    /// Western and northern edge in degrees.
    pub west: f64,
    pub north: f64,
    /// Size of a cell in degrees, both positive.
    pub lon_step: f64,
    pub lat_step: f64,
    pub columns: u32,
    pub rows: u32,
}

impl TerrainGrid {
    pub fn bounds(&self) -> Bounds {
        let east = self.west + self.lon_step * f64::from(self.columns);
        let south = self.north - self.lat_step * f64::from(self.rows);
        Bounds::new(self.west, south, east, self.north)
    }

    fn check(&self) -> Result<()> {
        let b = self.bounds();
        let sane = self.columns > 0
            && self.rows > 0
            && u64::from(self.columns) * u64::from(self.rows) <= MAX_SAMPLES
            && self.lon_step > 0.0
            && self.lat_step > 0.0
            && b.west >= -180.0
            && b.east <= 180.0 + 1e-9
            && b.south >= -90.0 - 1e-9
            && b.north <= 90.0 + 1e-9;
        if sane { Ok(()) } else { Err(StoreError::Terrain(Why::of("terrain_size", &[("columns", &self.columns), ("rows", &self.rows)]))) }
    }

    /// Columns and rows of a level.
    fn size(&self, level: u32) -> (usize, usize) {
        let half = |n: u32| (0..level).fold(n as usize, |n, _| n.div_ceil(2));
        (half(self.columns), half(self.rows))
    }

    fn tiles(&self, level: u32) -> (usize, usize) {
        let (columns, rows) = self.size(level);
        (columns.div_ceil(SIDE), rows.div_ceil(SIDE))
    }

    /// Levels until all fits one tile.
    fn levels(&self) -> u32 {
        (0..).find(|&level| self.tiles(level) == (1, 1)).expect("halving ends") + 1
    }
}

#[derive(Clone, Copy)]
struct Entry {
    offset: u64,
    crc: u32,
}

fn folder(city: &Path) -> PathBuf {
    city.join("terrain")
}

fn file(city: &Path) -> PathBuf {
    folder(city).join("heights.ctt")
}

/// The heights of a city's ground.
pub struct Terrain {
    file: File,
    path: PathBuf,
    grid: TerrainGrid,
    range: (f64, f64),
    /// Per level: tiles across, and the entries row by row.
    index: Vec<(usize, Vec<Entry>)>,
    cache: Mutex<Cache>,
}

type Tile = Arc<Vec<f32>>;

/// Tiles by level and number, with the moment of their last use.
#[derive(Default)]
struct Cache {
    tiles: HashMap<(u32, usize), (u64, Tile)>,
    clock: u64,
}

impl Terrain {
    /// The terrain of a city's folder; `None` when it has none.
    pub fn open(city: &Path) -> Result<Option<Self>> {
        let path = file(city);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::Io { path, source: e }),
        };
        let damaged = |key| StoreError::Terrain(Why::of(key, &[("file", &path.display())]));
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).map_err(|_| damaged("terrain_short"))?;
        if &header[..8] != MAGIC {
            return Err(damaged("terrain_foreign"));
        }
        let u32_at = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let f64_at = |at: usize| f64::from_bits(u64_at(at));
        if crc32fast::hash(&header[..HEADER - 4]) != u32_at(HEADER - 4) {
            return Err(damaged("terrain_head"));
        }
        if u32_at(8) != FORMAT || u32_at(12) as usize != SIDE {
            return Err(damaged("terrain_newer"));
        }
        let grid = TerrainGrid {
            columns: u32_at(16),
            rows: u32_at(20),
            west: f64_at(32),
            north: f64_at(40),
            lon_step: f64_at(48),
            lat_step: f64_at(56),
        };
        grid.check()?;
        let tiles: usize = (0..grid.levels()).map(|level| grid.tiles(level)).map(|(x, y)| x * y).sum();
        let mut bytes = vec![0; tiles * 12];
        file.read_exact_at(&mut bytes, u64_at(80)).map_err(|_| damaged("terrain_cut"))?;
        if crc32fast::hash(&bytes) != u32_at(88) {
            return Err(damaged("terrain_index"));
        }
        let mut entries = bytes.chunks_exact(12).map(|b| Entry {
            offset: u64::from_le_bytes(b[..8].try_into().expect("eight bytes")),
            crc: u32::from_le_bytes(b[8..].try_into().expect("four bytes")),
        });
        let index = (0..grid.levels())
            .map(|level| {
                let (across, down) = grid.tiles(level);
                (across, entries.by_ref().take(across * down).collect())
            })
            .collect();
        Ok(Some(Self { file, range: (f64_at(64), f64_at(72)), path, grid, index, cache: Mutex::default() }))
    }

    pub fn grid(&self) -> &TerrainGrid {
        &self.grid
    }

    /// Lowest and highest sample.
    pub fn range(&self) -> (f64, f64) {
        self.range
    }

    pub fn levels(&self) -> u32 {
        self.index.len() as u32
    }

    /// Height of the ground in the city's datum, between the four samples around; `None` where nothing is known.
    pub fn height(&self, at: LonLat) -> Option<f64> {
        self.height_at_level(at, 0)
    }

    /// The same from a coarser level: good enough from afar, and cheaper over wide areas.
    pub fn height_at_level(&self, at: LonLat, level: u32) -> Option<f64> {
        if level >= self.levels() || !self.grid.bounds().contains_point(at.lon, at.lat) {
            return None;
        }
        let scale = f64::from(1u32 << level);
        let (columns, rows) = self.grid.size(level);
        let x = ((at.lon - self.grid.west) / (self.grid.lon_step * scale) - 0.5).clamp(0.0, (columns - 1) as f64);
        let y = ((self.grid.north - at.lat) / (self.grid.lat_step * scale) - 0.5).clamp(0.0, (rows - 1) as f64);
        let (x0, y0) = (x.floor() as usize, y.floor() as usize);
        let (x1, y1) = ((x0 + 1).min(columns - 1), (y0 + 1).min(rows - 1));
        let (fx, fy) = (x - x0 as f64, y - y0 as f64);
        // Beside a hole the known samples speak alone, by their weight.
        let (mut sum, mut weight) = (0.0, 0.0);
        for (column, row, w) in [(x0, y0, (1.0 - fx) * (1.0 - fy)), (x1, y0, fx * (1.0 - fy)), (x0, y1, (1.0 - fx) * fy), (x1, y1, fx * fy)]
        {
            if w > 0.0
                && let Some(height) = self.sample(level, column, row)
            {
                sum += w * height;
                weight += w;
            }
        }
        (weight > 0.5).then(|| sum / weight)
    }

    fn sample(&self, level: u32, column: usize, row: usize) -> Option<f64> {
        let (across, _) = self.index[level as usize];
        let tile = self.tile(level, row / SIDE * across + column / SIDE)?;
        let height = tile[row % SIDE * SIDE + column % SIDE];
        (!height.is_nan()).then_some(f64::from(height))
    }

    /// A tile; `None` when nothing is known in it, or when it is damaged: no data rather than wrong data.
    fn tile(&self, level: u32, no: usize) -> Option<Tile> {
        let entry = self.index[level as usize].1[no];
        if entry.offset == 0 {
            return None;
        }
        let mut cache = self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cache.clock += 1;
        let clock = cache.clock;
        if let Some((used, tile)) = cache.tiles.get_mut(&(level, no)) {
            *used = clock;
            return Some(tile.clone());
        }
        drop(cache);
        let mut bytes = vec![0; TILE_BYTES];
        self.file.read_exact_at(&mut bytes, entry.offset).ok()?;
        if crc32fast::hash(&bytes) != entry.crc {
            return None;
        }
        let tile = Arc::new(bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four bytes"))).collect::<Vec<_>>());
        let mut cache = self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cache.tiles.len() >= CACHED_TILES
            && let Some(oldest) = cache.tiles.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key)
        {
            cache.tiles.remove(&oldest);
        }
        cache.tiles.insert((level, no), (clock, tile.clone()));
        Some(tile)
    }

    /// Reads every tile and compares checksums; the number of damaged ones.
    pub fn verify(&self) -> Result<usize> {
        let mut damaged = 0;
        let mut bytes = vec![0; TILE_BYTES];
        for entry in self.index.iter().flat_map(|(_, entries)| entries).filter(|entry| entry.offset != 0) {
            self.file.read_exact_at(&mut bytes, entry.offset).map_err(StoreError::io(&self.path))?;
            damaged += usize::from(crc32fast::hash(&bytes) != entry.crc);
        }
        Ok(damaged)
    }
}

/// Turns rows of samples, from north to south, into the pyramid, in bounded memory.
pub struct TerrainWriter {
    out: BufWriter<File>,
    part: PathBuf,
    path: PathBuf,
    grid: TerrainGrid,
    offset: u64,
    range: (f64, f64),
    levels: Vec<Level>,
}

/// What a level still holds: the rows of the band of tiles that is being filled, and a row waiting for its pair.
struct Level {
    columns: usize,
    band: Vec<f32>,
    odd: Option<Vec<f32>>,
    index: Vec<Entry>,
    rows: usize,
}

impl TerrainWriter {
    /// Begins the terrain of a city's folder. An older one stays until [`TerrainWriter::finish`].
    pub fn create(city: &Path, grid: TerrainGrid) -> Result<Self> {
        grid.check()?;
        let folder = folder(city);
        std::fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        let part = folder.join("heights.part");
        let mut out = BufWriter::new(File::create(&part).map_err(StoreError::io(&part))?);
        out.write_all(&[0; HEADER]).map_err(StoreError::io(&part))?;
        let levels = (0..grid.levels())
            .map(|level| Level { columns: grid.size(level).0, band: Vec::new(), odd: None, index: Vec::new(), rows: 0 })
            .collect();
        Ok(Self { out, part, path: file(city), grid, offset: HEADER as u64, range: (f64::INFINITY, f64::NEG_INFINITY), levels })
    }

    /// The next row, from west to east; NaN where nothing is known.
    pub fn row(&mut self, heights: &[f32]) -> Result<()> {
        if heights.len() != self.grid.columns as usize || self.levels[0].rows >= self.grid.rows as usize {
            return Err(StoreError::Terrain(Why::of("terrain_row", &[("columns", &self.grid.columns), ("rows", &self.grid.rows)])));
        }
        for &height in heights.iter().filter(|height| height.is_finite()) {
            self.range = (self.range.0.min(f64::from(height)), self.range.1.max(f64::from(height)));
        }
        let row = heights.iter().map(|&height| if height.is_finite() { height } else { f32::NAN }).collect();
        self.put(0, row)
    }

    fn put(&mut self, level: usize, row: Vec<f32>) -> Result<()> {
        let at = &mut self.levels[level];
        at.band.extend_from_slice(&row);
        at.rows += 1;
        if at.rows.is_multiple_of(SIDE) {
            self.close_band(level)?;
        }
        if level + 1 == self.levels.len() {
            return Ok(());
        }
        match self.levels[level].odd.take() {
            None => {
                self.levels[level].odd = Some(row);
                Ok(())
            }
            Some(above) => self.put(level + 1, halve(&above, Some(&row))),
        }
    }

    /// Writes the band's tiles, the last one of a row filled up with no data.
    fn close_band(&mut self, level: usize) -> Result<()> {
        let columns = self.levels[level].columns;
        let band = std::mem::take(&mut self.levels[level].band);
        let rows = band.len() / columns;
        for x in 0..columns.div_ceil(SIDE) {
            let mut bytes = Vec::with_capacity(TILE_BYTES);
            let mut known = false;
            for y in 0..SIDE {
                for i in x * SIDE..(x + 1) * SIDE {
                    let height = if y < rows && i < columns { band[y * columns + i] } else { f32::NAN };
                    known |= !height.is_nan();
                    bytes.extend_from_slice(&height.to_le_bytes());
                }
            }
            let entry = if known { Entry { offset: self.offset, crc: crc32fast::hash(&bytes) } } else { Entry { offset: 0, crc: 0 } };
            if known {
                self.out.write_all(&bytes).map_err(StoreError::io(&self.part))?;
                self.offset += TILE_BYTES as u64;
            }
            self.levels[level].index.push(entry);
        }
        Ok(())
    }

    /// Completes the pyramid and puts it in the place of an older one.
    pub fn finish(mut self) -> Result<()> {
        if self.levels[0].rows != self.grid.rows as usize {
            return Err(StoreError::Terrain(Why::of("terrain_rows", &[("wanted", &self.grid.rows), ("given", &self.levels[0].rows)])));
        }
        if self.range.0 > self.range.1 {
            return Err(StoreError::Terrain(Why::of("terrain_empty", &[])));
        }
        for level in 0..self.levels.len() {
            if level + 1 < self.levels.len()
                && let Some(last) = self.levels[level].odd.take()
            {
                self.put(level + 1, halve(&last, None))?;
            }
            if !self.levels[level].rows.is_multiple_of(SIDE) {
                self.close_band(level)?;
            }
        }
        let mut index = Vec::new();
        for entry in self.levels.iter().flat_map(|level| &level.index) {
            index.extend_from_slice(&entry.offset.to_le_bytes());
            index.extend_from_slice(&entry.crc.to_le_bytes());
        }
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        for n in [FORMAT, SIDE as u32, self.grid.columns, self.grid.rows, self.levels.len() as u32, (index.len() / 12) as u32] {
            header.extend_from_slice(&n.to_le_bytes());
        }
        for x in [self.grid.west, self.grid.north, self.grid.lon_step, self.grid.lat_step, self.range.0, self.range.1] {
            header.extend_from_slice(&x.to_le_bytes());
        }
        header.extend_from_slice(&self.offset.to_le_bytes());
        header.extend_from_slice(&crc32fast::hash(&index).to_le_bytes());
        header.resize(HEADER - 4, 0);
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        self.out.write_all(&index).map_err(StoreError::io(&self.part))?;
        let file = self.out.into_inner().map_err(|e| StoreError::Io { path: self.part.clone(), source: e.into_error() })?;
        file.write_all_at(&header, 0).map_err(StoreError::io(&self.part))?;
        drop(file);
        files::publish(&self.part, &self.path)
    }
}

/// Half a row's columns from two rows (or one, at the southern edge): the mean of what is known.
fn halve(above: &[f32], below: Option<&[f32]>) -> Vec<f32> {
    (0..above.len().div_ceil(2))
        .map(|x| {
            let (mut sum, mut n) = (0.0f64, 0);
            for row in [Some(above), below].into_iter().flatten() {
                for height in row[2 * x..(2 * x + 2).min(row.len())].iter().filter(|height| !height.is_nan()) {
                    sum += f64::from(*height);
                    n += 1;
                }
            }
            if n == 0 { f32::NAN } else { (sum / f64::from(n)) as f32 }
        })
        .collect()
}

impl citytwin_index::Ground for Terrain {
    fn height(&self, at: LonLat) -> Option<f64> {
        Terrain::height(self, at)
    }
}
