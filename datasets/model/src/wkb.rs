//! Geometry as ISO well-known binary, the form that GeoPackages and the loader's pipe carry.
//!
//! Written little-endian, with Z codes (1001 …) when the geometry holds heights. Read in either byte order, ISO or
//! EWKB Z/M flags; M is dropped. Counts are checked against the bytes that are left, so a lying header cannot make
//! it allocate; collections nest only as deep as the types allow.

use crate::geometry::{Geometry, Line, Rings, Shape};
use crate::space::Position;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WkbError {
    #[error("the geometry ends too early")]
    Truncated,
    #[error("{0} is not a byte order")]
    ByteOrder(u8),
    #[error("geometry type {0} is not one that a class can hold")]
    Type(u32),
    #[error("a coordinate is not finite")]
    NotFinite,
    #[error("the geometry is empty")]
    Empty,
    #[error("a part is of another type than its collection")]
    MixedParts,
    #[error("bytes are left over after the geometry")]
    LeftOver,
}

pub fn write(geometry: &Geometry, out: &mut Vec<u8>) {
    let z = geometry.has_z;
    match &geometry.shape {
        Shape::Point(p) => {
            header(out, 1, z);
            vertex(out, p, z);
        }
        Shape::Line(line) => write_line(out, line, z),
        Shape::Polygon(rings) => write_polygon(out, rings, z),
        Shape::MultiPoint(points) => {
            header(out, 4, z);
            count(out, points.len());
            for p in points {
                header(out, 1, z);
                vertex(out, p, z);
            }
        }
        Shape::MultiLine(lines) => {
            header(out, 5, z);
            count(out, lines.len());
            lines.iter().for_each(|line| write_line(out, line, z));
        }
        Shape::MultiPolygon(parts) => {
            header(out, 6, z);
            count(out, parts.len());
            parts.iter().for_each(|rings| write_polygon(out, rings, z));
        }
    }
}

fn header(out: &mut Vec<u8>, code: u32, z: bool) {
    out.push(1);
    out.extend_from_slice(&(if z { code + 1000 } else { code }).to_le_bytes());
}

fn count(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&(n as u32).to_le_bytes());
}

fn vertex(out: &mut Vec<u8>, p: &Position, z: bool) {
    out.extend_from_slice(&p.lon.to_le_bytes());
    out.extend_from_slice(&p.lat.to_le_bytes());
    if z {
        out.extend_from_slice(&p.z.to_le_bytes());
    }
}

fn write_line(out: &mut Vec<u8>, line: &Line, z: bool) {
    header(out, 2, z);
    count(out, line.len());
    line.iter().for_each(|p| vertex(out, p, z));
}

fn write_polygon(out: &mut Vec<u8>, rings: &Rings, z: bool) {
    header(out, 3, z);
    count(out, rings.len());
    for ring in rings {
        count(out, ring.len());
        ring.iter().for_each(|p| vertex(out, p, z));
    }
}

/// Reads one geometry that fills `bytes`.
pub fn read(bytes: &[u8]) -> Result<Geometry, WkbError> {
    let mut reader = Reader { bytes, at: 0 };
    let head = reader.head()?;
    let shape = reader.shape(head)?;
    if reader.at != bytes.len() {
        return Err(WkbError::LeftOver);
    }
    Ok(Geometry { shape, has_z: head.z })
}

#[derive(Clone, Copy)]
struct Head {
    code: u32,
    little: bool,
    z: bool,
    m: bool,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WkbError> {
        let end = self.at.checked_add(N).ok_or(WkbError::Truncated)?;
        let slice = self.bytes.get(self.at..end).ok_or(WkbError::Truncated)?;
        self.at = end;
        Ok(slice.try_into().expect("length just checked"))
    }

    fn u32(&mut self, little: bool) -> Result<u32, WkbError> {
        let b = self.take::<4>()?;
        Ok(if little { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) })
    }

    fn f64(&mut self, little: bool) -> Result<f64, WkbError> {
        let b = self.take::<8>()?;
        Ok(if little { f64::from_le_bytes(b) } else { f64::from_be_bytes(b) })
    }

    fn head(&mut self) -> Result<Head, WkbError> {
        let [order] = self.take::<1>()?;
        let little = match order {
            0 => false,
            1 => true,
            other => return Err(WkbError::ByteOrder(other)),
        };
        let raw = self.u32(little)?;
        let (ewkb_z, ewkb_m) = (raw & 0x8000_0000 != 0, raw & 0x4000_0000 != 0);
        if raw & 0x2000_0000 != 0 {
            self.u32(little)?; // an EWKB's SRID; the caller knows the system of the layer
        }
        let code = raw & 0x1fff_ffff;
        let (z, m) = match code / 1000 {
            0 => (ewkb_z, ewkb_m),
            1 => (true, ewkb_m),
            2 => (ewkb_z, true),
            3 => (true, true),
            _ => return Err(WkbError::Type(raw)),
        };
        Ok(Head { code: code % 1000, little, z, m })
    }

    fn shape(&mut self, head: Head) -> Result<Shape, WkbError> {
        Ok(match head.code {
            1 => Shape::Point(self.vertex(head)?),
            2 => Shape::Line(self.line(head)?),
            3 => Shape::Polygon(self.rings(head)?),
            4 => Shape::MultiPoint(self.parts(head, 1, Self::vertex)?),
            5 => Shape::MultiLine(self.parts(head, 2, Self::line)?),
            6 => Shape::MultiPolygon(self.parts(head, 3, Self::rings)?),
            other => return Err(WkbError::Type(other)),
        })
    }

    fn vertex(&mut self, head: Head) -> Result<Position, WkbError> {
        let (lon, lat) = (self.f64(head.little)?, self.f64(head.little)?);
        let z = if head.z { self.f64(head.little)? } else { 0.0 };
        if head.m {
            self.f64(head.little)?;
        }
        let p = Position::new(lon, lat, z);
        if p.is_finite() { Ok(p) } else { Err(WkbError::NotFinite) }
    }

    /// A count of things of at least `each` bytes; refused when they cannot be there.
    fn counted(&mut self, little: bool, each: usize) -> Result<usize, WkbError> {
        let n = self.u32(little)? as usize;
        if n == 0 {
            return Err(WkbError::Empty);
        }
        if n > (self.bytes.len() - self.at) / each {
            return Err(WkbError::Truncated);
        }
        Ok(n)
    }

    fn line(&mut self, head: Head) -> Result<Line, WkbError> {
        let each = 16 + 8 * (usize::from(head.z) + usize::from(head.m));
        let n = self.counted(head.little, each)?;
        (0..n).map(|_| self.vertex(head)).collect()
    }

    fn rings(&mut self, head: Head) -> Result<Rings, WkbError> {
        let n = self.counted(head.little, 4)?;
        (0..n).map(|_| self.line(head)).collect()
    }

    fn parts<T>(&mut self, head: Head, code: u32, read: fn(&mut Self, Head) -> Result<T, WkbError>) -> Result<Vec<T>, WkbError> {
        let n = self.counted(head.little, 9)?;
        (0..n)
            .map(|_| {
                let part = self.head()?;
                if part.code != code || part.z != head.z {
                    return Err(WkbError::MixedParts);
                }
                read(self, part)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position() -> impl Strategy<Value = Position> {
        (-180.0f64..180.0, -90.0f64..90.0, -100.0f64..9000.0).prop_map(|(x, y, z)| Position::new(x, y, z))
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let line = || prop::collection::vec(position(), 1..6);
        let rings = move || prop::collection::vec(line(), 1..3);
        prop_oneof![
            position().prop_map(Shape::Point),
            line().prop_map(Shape::Line),
            rings().prop_map(Shape::Polygon),
            line().prop_map(Shape::MultiPoint),
            rings().prop_map(Shape::MultiLine),
            prop::collection::vec(rings(), 1..3).prop_map(Shape::MultiPolygon),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(shape in shape(), has_z: bool) {
            let mut geometry = Geometry { shape, has_z };
            if !has_z {
                geometry.for_each_vertex_mut(|p| p.z = 0.0);
            }
            let mut bytes = Vec::new();
            write(&geometry, &mut bytes);
            prop_assert_eq!(read(&bytes), Ok(geometry));
            for cut in 0..bytes.len() {
                prop_assert!(read(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn big_endian_and_ewkb_are_understood() {
        let mut be = vec![0, 0x80, 0, 0, 1];
        for x in [116.0f64, 30.0, 5.0] {
            be.extend_from_slice(&x.to_be_bytes());
        }
        assert_eq!(read(&be), Ok(Geometry::with_z(Shape::Point(Position::new(116.0, 30.0, 5.0)))));
    }

    #[test]
    fn a_lying_count_is_refused_before_anything_is_allocated() {
        let mut bytes = vec![1, 2, 0, 0, 0];
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&bytes), Err(WkbError::Truncated));
    }

    #[test]
    fn coordinates_that_are_no_numbers_are_refused() {
        let mut bytes = vec![1, 1, 0, 0, 0];
        bytes.extend_from_slice(&f64::NAN.to_le_bytes());
        bytes.extend_from_slice(&30.0f64.to_le_bytes());
        assert_eq!(read(&bytes), Err(WkbError::NotFinite));
    }
}
