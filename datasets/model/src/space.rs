//! Places on the earth as they cross a door: degrees, metres of height, boxes.

/// Longitude and latitude in degrees (CGCS2000). Used at doors; inside, plan coordinates are [`LocalPoint`]s.
///
/// [`LocalPoint`]: crate::frame::LocalPoint
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LonLat {
    pub lon: f64,
    pub lat: f64,
}

/// A vertex as stored: degrees, and metres in the city's height datum where the geometry holds heights (else 0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub lon: f64,
    pub lat: f64,
    pub z: f64,
}

impl Position {
    pub const fn new(lon: f64, lat: f64, z: f64) -> Self {
        Self { lon, lat, z }
    }

    pub const fn lonlat(self) -> LonLat {
        LonLat { lon: self.lon, lat: self.lat }
    }

    pub fn is_finite(self) -> bool {
        self.lon.is_finite() && self.lat.is_finite() && self.z.is_finite()
    }
}

/// A box in degrees; never across the antimeridian (a query that crosses it is two boxes).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub west: f64,
    pub south: f64,
    pub east: f64,
    pub north: f64,
}

impl Bounds {
    /// Holds nothing; grows by [`Bounds::include`].
    pub const EMPTY: Self = Self { west: f64::INFINITY, south: f64::INFINITY, east: f64::NEG_INFINITY, north: f64::NEG_INFINITY };
    pub const WORLD: Self = Self { west: -180.0, south: -90.0, east: 180.0, north: 90.0 };

    pub const fn new(west: f64, south: f64, east: f64, north: f64) -> Self {
        Self { west, south, east, north }
    }

    pub fn is_empty(&self) -> bool {
        // Written so that NaN counts as empty.
        !(self.west <= self.east && self.south <= self.north)
    }

    pub fn include(&mut self, lon: f64, lat: f64) {
        self.west = self.west.min(lon);
        self.south = self.south.min(lat);
        self.east = self.east.max(lon);
        self.north = self.north.max(lat);
    }

    pub fn union(mut self, other: &Self) -> Self {
        if !other.is_empty() {
            self.include(other.west, other.south);
            self.include(other.east, other.north);
        }
        self
    }

    /// Borders count.
    pub fn intersects(&self, other: &Self) -> bool {
        self.west <= other.east && other.west <= self.east && self.south <= other.north && other.south <= self.north
    }

    pub fn contains(&self, other: &Self) -> bool {
        self.west <= other.west && other.east <= self.east && self.south <= other.south && other.north <= self.north
    }

    pub fn contains_point(&self, lon: f64, lat: f64) -> bool {
        self.west <= lon && lon <= self.east && self.south <= lat && lat <= self.north
    }

    /// Larger by so many degrees on each side.
    pub fn grown(&self, lon_deg: f64, lat_deg: f64) -> Self {
        Self::new(self.west - lon_deg, self.south - lat_deg, self.east + lon_deg, self.north + lat_deg)
    }

    pub fn centre(&self) -> LonLat {
        LonLat { lon: (self.west + self.east) / 2.0, lat: (self.south + self.north) / 2.0 }
    }
}
