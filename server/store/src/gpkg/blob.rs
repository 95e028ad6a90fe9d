//! A geometry as a GeoPackage stores it: a header with the reference system and the box, then ISO WKB.

use citytwin_model::{Bounds, Geometry, Shape, wkb};

/// CGCS2000 longitude and latitude. GeoPackages hold x = longitude, y = latitude whatever the registry's axis order.
pub const SRS_ID: i32 = 4490;

const LITTLE_ENDIAN: u8 = 1;
const EMPTY: u8 = 1 << 4;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    #[error("it is not a GeoPackage geometry")]
    NotGeoPackage,
    #[error("the geometry is empty")]
    Empty,
    #[error(transparent)]
    Wkb(#[from] wkb::WkbError),
}

/// Appends the blob of `geometry`. `multi`: a polygon or line is written as a multi of one part, which is how a
/// layer declared MULTIPOLYGON is expected to hold it; [`read`] takes it apart again.
pub fn write(geometry: &Geometry, multi: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"GP\0");
    let envelope = !matches!(geometry.shape, Shape::Point(_));
    out.push(LITTLE_ENDIAN | if envelope { 1 << 1 } else { 0 });
    out.extend_from_slice(&SRS_ID.to_le_bytes());
    if envelope {
        let b = geometry.bounds();
        for x in [b.west, b.east, b.south, b.north] {
            out.extend_from_slice(&x.to_le_bytes());
        }
    }
    match (&geometry.shape, multi) {
        (Shape::Line(_), true) => wrap(5, geometry, out),
        (Shape::Polygon(_), true) => wrap(6, geometry, out),
        _ => wkb::write(geometry, out),
    }
}

/// Names another reference system in a blob that [`write`] made.
pub fn set_srs(blob: &mut [u8], srs: i32) {
    blob[4..8].copy_from_slice(&srs.to_le_bytes());
}

fn wrap(code: u32, geometry: &Geometry, out: &mut Vec<u8>) {
    out.push(LITTLE_ENDIAN);
    out.extend_from_slice(&(if geometry.has_z { code + 1000 } else { code }).to_le_bytes());
    out.extend_from_slice(&1u32.to_le_bytes());
    wkb::write(geometry, out);
}

/// Reads a blob; a multi of one part becomes single.
pub fn read(blob: &[u8]) -> Result<Geometry, BlobError> {
    let header = Header::of(blob)?;
    if header.empty {
        return Err(BlobError::Empty);
    }
    let mut geometry = wkb::read(&blob[header.len..])?;
    geometry.shape = match geometry.shape {
        Shape::MultiPoint(mut parts) if parts.len() == 1 => Shape::Point(parts.remove(0)),
        Shape::MultiLine(mut parts) if parts.len() == 1 => Shape::Line(parts.remove(0)),
        Shape::MultiPolygon(mut parts) if parts.len() == 1 => Shape::Polygon(parts.remove(0)),
        shape => shape,
    };
    Ok(geometry)
}

/// The box of a blob: from its header where there is one, else from the geometry.
pub fn bounds(blob: &[u8]) -> Result<Bounds, BlobError> {
    let header = Header::of(blob)?;
    if header.empty {
        return Err(BlobError::Empty);
    }
    match header.envelope {
        Some(bounds) if !bounds.is_empty() => Ok(bounds),
        _ => Ok(wkb::read(&blob[header.len..])?.bounds()),
    }
}

pub fn is_empty(blob: &[u8]) -> Result<bool, BlobError> {
    Ok(Header::of(blob)?.empty)
}

struct Header {
    len: usize,
    empty: bool,
    envelope: Option<Bounds>,
}

impl Header {
    fn of(blob: &[u8]) -> Result<Self, BlobError> {
        if blob.len() < 8 || &blob[..2] != b"GP" {
            return Err(BlobError::NotGeoPackage);
        }
        let flags = blob[3];
        // Extended geometries (bit 5) are a user-defined encoding that nobody but its author reads.
        if flags & (1 << 5) != 0 {
            return Err(BlobError::NotGeoPackage);
        }
        let numbers = match (flags >> 1) & 7 {
            0 => 0,
            1 => 4,
            2 | 3 => 6,
            4 => 8,
            _ => return Err(BlobError::NotGeoPackage),
        };
        let len = 8 + numbers * 8;
        if blob.len() < len {
            return Err(BlobError::NotGeoPackage);
        }
        let number = |i: usize| {
            let bytes: [u8; 8] = blob[8 + i * 8..16 + i * 8].try_into().expect("length just checked");
            if flags & LITTLE_ENDIAN != 0 { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) }
        };
        let envelope = (numbers > 0).then(|| Bounds::new(number(0), number(2), number(1), number(3)));
        Ok(Self { len, empty: flags & EMPTY != 0, envelope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::Position;
    use proptest::prelude::*;

    fn square() -> Geometry {
        let ring = [(116.0, 30.0), (116.1, 30.0), (116.1, 30.2), (116.0, 30.0)];
        Geometry::with_z(Shape::Polygon(vec![ring.iter().map(|&(x, y)| Position::new(x, y, 3.5)).collect()]))
    }

    #[test]
    fn single_and_multi_come_back_as_they_were() {
        for multi in [false, true] {
            let mut blob = Vec::new();
            write(&square(), multi, &mut blob);
            assert_eq!(read(&blob), Ok(square()));
            assert_eq!(bounds(&blob), Ok(Bounds::new(116.0, 30.0, 116.1, 30.2)));
        }
    }

    #[test]
    fn a_point_has_a_box_though_its_header_has_none() {
        let mut blob = Vec::new();
        write(&Geometry::flat(Shape::Point(Position::new(116.5, 30.5, 0.0))), false, &mut blob);
        assert_eq!(blob.len(), 8 + 21);
        assert_eq!(bounds(&blob), Ok(Bounds::new(116.5, 30.5, 116.5, 30.5)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            if bytes.len() > 1 {
                bytes[..2].copy_from_slice(b"GP");
                let _ = (read(&bytes), bounds(&bytes), is_empty(&bytes));
            }
        }
    }
}
