//! The verb `project`: runs of points from degrees of CGCS2000 into another system, back over standard output.
//!
//! The way is the one that `read` takes from that system, walked backwards: what was loaded from it returns to it.

use crate::crs::{self, Boxes, Extents, Said};
use crate::limits;
use crate::proj::Proj;
use citytwin_datasets::pipe::Fail;
use citytwin_datasets::points::{self, Opening, System};
use citytwin_model::Bounds;
use std::io::{Read, Write};

/// `Ok(false)`: there is no such way, and the opening says why.
pub fn project(said: &Said, area: &Bounds, mut input: impl Read, mut out: impl Write) -> anyhow::Result<bool> {
    let proj = Proj::new();
    let mut open = |opening: &Opening| -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(opening)?;
        line.push(b'\n');
        out.write_all(&line)?;
        Ok(out.flush()?)
    };
    let (way, system) = match prepare(&proj, said, area) {
        Ok(it) => it,
        Err(fail) => {
            open(&Opening::Fail(fail))?;
            return Ok(false);
        }
    };
    open(&Opening::Ready(system))?;
    loop {
        limits::watch(0);
        let run = points::receive(&mut input)?;
        limits::still_alive();
        let Some(mut run) = run else { return Ok(true) };
        way.undo(&mut run);
        points::send(&run, &mut out)?;
    }
}

fn prepare<'p>(proj: &'p Proj, said: &Said, area: &Bounds) -> Result<(crs::Transform<'p>, System), Fail> {
    let unknown = || Fail { key: "crs_unknown".into(), detail: said.crs.clone().unwrap_or_default() };
    let definition = said.crs.as_deref().ok_or_else(unknown)?;
    let target = proj.crs(definition).ok_or_else(unknown)?;
    let system = |used| System {
        used,
        name: target.name(),
        code: target.code().and_then(|code| code.split_once(':').map(|(authority, code)| (authority.to_owned(), code.to_owned()))),
        wkt1: target.wkt1(),
    };
    // An operation of another datum is chosen by the box in that system's own units.
    let own = crs::own_bounds(proj, definition, area);
    let way = crs::choose(proj, None, said, &Boxes { announced: &|| own, walked: &|| Extents::of(own) })?;
    let used = way.used.clone();
    Ok((way, system(used)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_datasets::pipe::CrsWay;

    fn projected(crs: &str, area: Bounds, points: &[(f64, f64)]) -> Result<(System, Vec<(f64, f64)>), Fail> {
        let said = Said { crs: Some(crs.to_owned()), ..Said::default() };
        let mut input = Vec::new();
        points::send(points, &mut input).unwrap();
        let mut out = Vec::new();
        project(&said, &area, &input[..], &mut out).unwrap();
        let line = out.iter().position(|b| *b == b'\n').unwrap();
        match serde_json::from_slice(&out[..line]).unwrap() {
            Opening::Fail(fail) => Err(fail),
            Opening::Ready(system) => Ok((system, points::receive(&mut &out[line + 1..]).unwrap().unwrap())),
        }
    }

    /// Vectors of the CGCS2000 zones: degrees to easting and northing, EPSG registry.
    #[test]
    fn degrees_become_metres_of_a_zone() {
        let area = Bounds::new(114.0, 22.5, 114.1, 22.6);
        let (system, points) = projected("EPSG:4547", area, &[(114.057_865, 22.543_096)]).unwrap();
        assert!((points[0].0 - 505_952.2461).abs() < 0.001 && (points[0].1 - 2_493_940.8014).abs() < 0.001, "{points:?}");
        assert_eq!(system.code, Some(("EPSG".into(), "4547".into())));
        assert!(matches!(system.used.way, CrsWay::Unprojected { .. }));
        assert!(system.wkt1.unwrap().starts_with("PROJCS["));
    }

    #[test]
    fn degrees_stay_degrees_bit_for_bit() {
        let (_, points) = projected("EPSG:4326", Bounds::WORLD, &[(114.057_865, 22.543_096), (-0.0, 1e-320)]).unwrap();
        assert_eq!(points[0], (114.057_865, 22.543_096));
        assert!(points[1].0.is_sign_negative());
    }

    /// The tower of Amersfoort, whose place in WGS 84 is published: what `read` brings here goes back there.
    #[test]
    fn another_datum_is_reached_by_the_way_that_leads_from_it() {
        let area = Bounds::new(5.38, 52.15, 5.39, 52.16);
        let (system, points) = projected("EPSG:28992", area, &[(5.387_206_21, 52.155_174_40)]).unwrap();
        assert!((points[0].0 - 155_000.0).hypot(points[0].1 - 463_000.0) < 2.0, "{points:?}");
        let CrsWay::Transformed { operation, accuracy_m } = system.used.way else { panic!("{system:?}") };
        assert!(operation.contains("Amersfoort to WGS 84") && accuracy_m.is_some_and(|a| a <= 2.0), "{operation}");
    }

    /// One hydrant, or a street of them on one parallel, has a box without a width.
    #[test]
    fn a_single_point_has_a_way_too() {
        for (crs, lon, lat) in [("EPSG:28992", 5.387_206_21, 52.155_174_40), ("EPSG:25832", 9.0, 50.0), ("EPSG:27700", -1.0, 52.0)] {
            let wide = projected(crs, Bounds::new(lon - 1e-4, lat - 1e-4, lon + 1e-4, lat + 1e-4), &[(lon, lat)]).unwrap();
            for area in [Bounds::new(lon, lat, lon, lat), Bounds::new(lon, lat, lon + 1e-4, lat), Bounds::new(lon, lat - 1e-4, lon, lat)] {
                let narrow = projected(crs, area, &[(lon, lat)]).unwrap_or_else(|fail| panic!("{crs} {area:?}: {fail:?}"));
                assert_eq!((&narrow.0.used.way, &narrow.1), (&wide.0.used.way, &wide.1), "{crs} {area:?}");
            }
        }
        assert!(projected("EPSG:28992", Bounds::new(116.0, 30.0, 116.0, 30.0), &[]).is_err(), "not there");
    }

    #[test]
    fn a_system_that_is_not_for_this_place_is_refused() {
        assert_eq!(projected("EPSG:99999", Bounds::WORLD, &[]).unwrap_err().key, "crs_unknown");
        let shanghai = Bounds::new(121.4, 31.2, 121.5, 31.3);
        let refused = projected("EPSG:4214", shanghai, &[]).unwrap_err().key;
        assert!(["crs_no_operation", "crs_inaccurate"].contains(&refused.as_str()), "{refused}");
    }
}
