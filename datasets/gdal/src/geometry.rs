//! A feature's geometry, out of GDAL's hands into ours.

use citytwin_datasets::pipe::Kind;
use citytwin_model::{Geometry, wkb};
use gdal_sys::{OGRGeometryH, OGRwkbByteOrder, OGRwkbGeometryType as Type};

/// Largest angle of an arc that one chord may stand for: under 1 cm off an arc of 4 km radius.
const CHORD_DEG: f64 = 0.25;
/// Collections in collections deeper than this are nobody's data.
const DEPTH: usize = 4;

#[derive(Debug)]
pub struct Taken {
    pub geometry: Geometry,
    /// One per vertex; empty when the source has none.
    pub measures: Vec<f64>,
    /// Arcs became chords.
    pub stroked: bool,
}

/// Why a geometry cannot be handed over: a key of `Reason`, and what there is to say about it.
#[derive(Debug, PartialEq)]
pub struct Refused(pub &'static str, pub String);

/// # Safety
/// `handle` is a live geometry, and stays one during the call.
pub unsafe fn take(handle: OGRGeometryH, buffer: &mut Vec<u8>) -> Result<Taken, Refused> {
    // SAFETY: all calls below only look at the live geometry; what is made here is freed here.
    unsafe {
        let handle = unwrap_collections(handle)?;
        if let Some(multi) = merged(handle) {
            let taken = if multi.is_null() { Err(Refused("unreadable_geometry", String::new())) } else { take(multi, buffer) };
            gdal_sys::OGR_G_DestroyGeometry(multi);
            return taken;
        }
        if gdal_sys::OGR_G_IsEmpty(handle) != 0 {
            return Err(Refused("empty_geometry", String::new()));
        }
        // A layer that has heights for all or for none says so of those without.
        if gdal_sys::OGR_G_Is3D(handle) != 0 && lacks_heights(handle) {
            gdal_sys::OGR_G_Set3D(handle, 0);
        }
        if gdal_sys::OGR_G_HasCurveGeometry(handle, 1) != 0 {
            let linear = gdal_sys::OGR_G_GetLinearGeometry(handle, CHORD_DEG, std::ptr::null_mut());
            if linear.is_null() {
                return Err(Refused("unreadable_geometry", String::new()));
            }
            let taken = export(linear, buffer);
            gdal_sys::OGR_G_DestroyGeometry(linear);
            return taken.map(|t| Taken { stroked: true, ..t });
        }
        export(handle, buffer)
    }
}

/// A collection of one is that one.
unsafe fn unwrap_collections(mut handle: OGRGeometryH) -> Result<OGRGeometryH, Refused> {
    for _ in 0..DEPTH {
        // SAFETY: as for `take`; a part lives as long as its collection.
        unsafe {
            let kind = gdal_sys::OGR_GT_Flatten(gdal_sys::OGR_G_GetGeometryType(handle));
            match kind {
                Type::wkbGeometryCollection => match gdal_sys::OGR_G_GetGeometryCount(handle) {
                    0 => return Err(Refused("empty_geometry", String::new())),
                    1 => handle = gdal_sys::OGR_G_GetGeometryRef(handle, 0),
                    _ if kind_of_collection(handle).is_some() => return Ok(handle),
                    _ => return Err(Refused("unsupported_geometry", name(handle))),
                },
                Type::wkbPolyhedralSurface | Type::wkbTIN | Type::wkbTriangle => return Err(Refused("unsupported_geometry", name(handle))),
                _ => return Ok(handle),
            }
        }
    }
    Err(Refused("unsupported_geometry", "GEOMETRYCOLLECTION".to_owned()))
}

/// A collection of nothing but lines, or nothing but areas, is a multi by another name; one of a single part is that part.
///
/// # Safety
/// `handle` is a live geometry.
pub unsafe fn kind_of_collection(handle: OGRGeometryH) -> Option<Kind> {
    // SAFETY: parts live as long as their collection.
    unsafe {
        if gdal_sys::OGR_GT_Flatten(gdal_sys::OGR_G_GetGeometryType(handle)) != Type::wkbGeometryCollection {
            return None;
        }
        if gdal_sys::OGR_G_GetGeometryCount(handle) == 1 {
            let part = gdal_sys::OGR_G_GetGeometryRef(handle, 0);
            return match crate::layer::kinds_of(gdal_sys::OGR_G_GetGeometryType(part))[..] {
                [kind] => Some(kind),
                _ => kind_of_collection(part),
            };
        }
        let mut kinds = (0..gdal_sys::OGR_G_GetGeometryCount(handle)).map(|i| {
            match gdal_sys::OGR_GT_Flatten(gdal_sys::OGR_G_GetGeometryType(gdal_sys::OGR_G_GetGeometryRef(handle, i))) {
                Type::wkbLineString => Some(Kind::Line),
                Type::wkbPolygon => Some(Kind::Area),
                _ => None,
            }
        });
        let first = kinds.next()??;
        kinds.all(|kind| kind == Some(first)).then_some(first)
    }
}

/// The multi that such a collection is; to be freed by the caller.
unsafe fn merged(handle: OGRGeometryH) -> Option<OGRGeometryH> {
    // SAFETY: the copy is given away to the call that turns it into another.
    unsafe {
        match kind_of_collection(handle)? {
            Kind::Line => Some(gdal_sys::OGR_G_ForceToMultiLineString(gdal_sys::OGR_G_Clone(handle))),
            _ => Some(gdal_sys::OGR_G_ForceToMultiPolygon(gdal_sys::OGR_G_Clone(handle))),
        }
    }
}

unsafe fn name(handle: OGRGeometryH) -> String {
    // SAFETY: a static, terminated string.
    unsafe { std::ffi::CStr::from_ptr(gdal_sys::OGR_G_GetGeometryName(handle)) }.to_string_lossy().into_owned()
}

unsafe fn export(handle: OGRGeometryH, buffer: &mut Vec<u8>) -> Result<Taken, Refused> {
    // SAFETY: the buffer has the size that GDAL itself asks for.
    let written = unsafe {
        let size = gdal_sys::OGR_G_WkbSizeEx(handle);
        if size > citytwin_datasets::pipe::MAX_FRAME {
            return Err(Refused("too_large", format!("{size} bytes")));
        }
        buffer.clear();
        buffer.resize(size, 0);
        gdal_sys::OGR_G_ExportToIsoWkb(handle, OGRwkbByteOrder::wkbNDR, buffer.as_mut_ptr())
    };
    if written != gdal_sys::OGRErr::OGRERR_NONE {
        return Err(Refused("unreadable_geometry", String::new()));
    }
    let geometry = wkb::read(buffer).map_err(|error| match error {
        wkb::WkbError::NotFinite => Refused("not_finite", String::new()),
        wkb::WkbError::Empty => Refused("empty_geometry", String::new()),
        wkb::WkbError::Type(_) => Refused("unsupported_geometry", unsafe { name(handle) }),
        other => Refused("unreadable_geometry", other.to_string()),
    })?;
    let mut measures = Vec::new();
    // SAFETY: as above.
    unsafe {
        if gdal_sys::OGR_G_IsMeasured(handle) != 0 {
            collect_measures(handle, &mut measures);
            if measures.len() != geometry.vertex_count() || measures.iter().any(|m| !m.is_finite()) {
                measures.clear(); // shapefiles write huge negatives or NaN for "none"
            }
        }
    }
    Ok(Taken { geometry, measures, stroked: false })
}

/// Whether every height is no number.
unsafe fn lacks_heights(handle: OGRGeometryH) -> bool {
    // SAFETY: as for `take`.
    unsafe {
        match gdal_sys::OGR_G_GetGeometryCount(handle) {
            0 => (0..gdal_sys::OGR_G_GetPointCount(handle)).all(|i| gdal_sys::OGR_G_GetZ(handle, i).is_nan()),
            parts => (0..parts).all(|i| lacks_heights(gdal_sys::OGR_G_GetGeometryRef(handle, i))),
        }
    }
}

unsafe fn collect_measures(handle: OGRGeometryH, out: &mut Vec<f64>) {
    // SAFETY: as for `take`.
    unsafe {
        match gdal_sys::OGR_G_GetGeometryCount(handle) {
            0 => {
                for i in 0..gdal_sys::OGR_G_GetPointCount(handle) {
                    let m = gdal_sys::OGR_G_GetM(handle, i);
                    out.push(if m < -1e38 { f64::NAN } else { m });
                }
            }
            parts => {
                for i in 0..parts {
                    collect_measures(gdal_sys::OGR_G_GetGeometryRef(handle, i), out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::Shape;
    use std::ffi::CString;

    fn taken(wkt: &str) -> Result<Taken, Refused> {
        let text = CString::new(wkt).unwrap();
        let mut cursor = text.as_ptr().cast_mut();
        let mut handle: OGRGeometryH = std::ptr::null_mut();
        // SAFETY: a valid text, a place for the result; freed below.
        unsafe {
            let made = gdal_sys::OGR_G_CreateFromWkt(&mut cursor, std::ptr::null_mut(), &mut handle);
            assert_eq!(made, gdal_sys::OGRErr::OGRERR_NONE, "{wkt}");
            let taken = take(handle, &mut Vec::new());
            gdal_sys::OGR_G_DestroyGeometry(handle);
            taken
        }
    }

    #[test]
    fn heights_and_measures_are_kept_apart() {
        let t = taken("LINESTRING ZM (1 2 3 4, 5 6 7 8)").unwrap();
        assert!(t.geometry.has_z);
        assert_eq!(t.geometry.z_range(), Some((3.0, 7.0)));
        assert_eq!(t.measures, [4.0, 8.0]);
        let t = taken("MULTIPOINT M ((1 2 9), (3 4 8))").unwrap();
        assert!(!t.geometry.has_z);
        assert_eq!(t.measures, [9.0, 8.0]);
    }

    #[test]
    fn heights_that_are_no_numbers_are_none() {
        // SAFETY: made, filled and freed here.
        let take_line = |heights: [f64; 2]| unsafe {
            let line = gdal_sys::OGR_G_CreateGeometry(Type::wkbLineString25D);
            for (i, z) in heights.into_iter().enumerate() {
                gdal_sys::OGR_G_AddPoint(line, i as f64, 2.0, z);
            }
            let taken = take(line, &mut Vec::new()).map(|t| t.geometry.has_z);
            gdal_sys::OGR_G_DestroyGeometry(line);
            taken
        };
        assert!(!take_line([f64::NAN, f64::NAN]).unwrap());
        assert!(take_line([1.0, 2.0]).unwrap());
        assert_eq!(take_line([1.0, f64::NAN]).unwrap_err().0, "not_finite");
    }

    #[test]
    fn an_arc_becomes_chords_under_a_centimetre_off() {
        // A quarter circle of 1 km about the origin.
        let t = taken("CIRCULARSTRING (1000 0, 707.10678118654752 707.10678118654752, 0 1000)").unwrap();
        assert!(t.stroked);
        let line = &t.geometry.lines()[0];
        for pair in line.windows(2) {
            let middle = ((pair[0].lon + pair[1].lon) / 2.0).hypot((pair[0].lat + pair[1].lat) / 2.0);
            assert!((1000.0 - middle).abs() < 0.01, "{middle}");
        }
    }

    #[test]
    fn a_collection_of_one_is_that_one_and_others_are_named() {
        let t = taken("GEOMETRYCOLLECTION (GEOMETRYCOLLECTION (POINT (1 2)))").unwrap();
        assert!(matches!(t.geometry.shape, Shape::Point(_)));
        assert_eq!(taken("GEOMETRYCOLLECTION (POINT (1 2), POINT (3 4))").unwrap_err().0, "unsupported_geometry");
        let t = taken("GEOMETRYCOLLECTION (LINESTRING (1 2, 3 4), LINESTRING (5 6, 7 8))").unwrap();
        assert_eq!(t.geometry.lines().len(), 2);
        let t = taken("GEOMETRYCOLLECTION (POLYGON ((0 0, 0 1, 1 1, 0 0)), POLYGON ((5 5, 5 6, 6 6, 5 5)))").unwrap();
        assert_eq!(t.geometry.polygons().len(), 2);
        assert_eq!(taken("GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (1 2, 3 4))").unwrap_err().0, "unsupported_geometry");
        assert_eq!(taken("TIN (((0 0 0, 0 1 0, 1 1 0, 0 0 0)))").unwrap_err(), Refused("unsupported_geometry", "TIN".into()));
    }

    #[test]
    fn nothing_and_no_numbers_are_refused() {
        assert_eq!(taken("POINT EMPTY").unwrap_err().0, "empty_geometry");
        assert_eq!(taken("GEOMETRYCOLLECTION EMPTY").unwrap_err().0, "empty_geometry");
        for broken in [f64::NAN, f64::INFINITY] {
            // SAFETY: made, filled and freed here.
            let refused = unsafe {
                let line = gdal_sys::OGR_G_CreateGeometry(Type::wkbLineString);
                gdal_sys::OGR_G_AddPoint_2D(line, 1.0, 2.0);
                gdal_sys::OGR_G_AddPoint_2D(line, broken, 4.0);
                let refused = take(line, &mut Vec::new()).unwrap_err();
                gdal_sys::OGR_G_DestroyGeometry(line);
                refused
            };
            assert_eq!(refused.0, "not_finite");
        }
    }
}
