//! How a layer's coordinates become degrees of CGCS2000.
//!
//! CGCS2000 and WGS 84 degrees are taken as they are (they part by centimetres). Their projections are undone.
//! Any other datum goes through an operation that PROJ knows, to WGS 84, with ballpark guesses off: it counts only
//! if its area of use holds the whole layer and its stated accuracy is 2 m or better. Heights are never touched.

use crate::proj::{Object, Proj};
use citytwin_datasets::pipe::{CrsUse, CrsWay, Fail};
use citytwin_model::{Bounds, Geometry, Position};

/// Worst accuracy, in metres, that passes without being accepted by name.
pub const ACCURACY_LIMIT_M: f64 = 2.0;

pub struct Transform<'a> {
    pub used: CrsUse,
    /// With x first on both sides.
    operation: Option<Object<'a>>,
    /// Records outside are not what the operation was made for. Set where the layer as a whole does not fit.
    area: Option<Bounds>,
    /// The operation as PROJ writes it, axes as the systems define them: what the warper of grids wants.
    pub pipeline: Option<String>,
}

impl<'a> Transform<'a> {
    fn same(used: CrsUse) -> Self {
        Self { used, operation: None, area: None, pipeline: None }
    }

    fn by(used: CrsUse, operation: &Object<'a>) -> Result<Self, Fail> {
        let pipeline = operation.pipeline();
        match operation.x_first() {
            Some(operation) => Ok(Self { used, operation: Some(operation), area: None, pipeline }),
            None => Err(Fail { key: "crs_no_operation".into(), detail: used.source }),
        }
    }

    /// Moves every vertex; `Err` with the first one that has no answer.
    pub fn apply(&self, geometry: &mut Geometry) -> Result<(), Position> {
        let Some(operation) = &self.operation else { return Ok(()) };
        let n = geometry.vertex_count();
        let (mut x, mut y) = (Vec::with_capacity(n), Vec::with_capacity(n));
        geometry.for_each_vertex(|p| {
            x.push(p.lon);
            y.push(p.lat);
        });
        operation.transform(&mut x, &mut y);
        let (mut i, mut lost) = (0, None);
        geometry.for_each_vertex_mut(|p| {
            let inside = self.area.is_none_or(|area| area.contains_point(x[i], y[i]));
            if !(x[i].is_finite() && y[i].is_finite() && inside) {
                lost = lost.or(Some(*p));
            }
            (p.lon, p.lat) = (x[i], y[i]);
            i += 1;
        });
        lost.map_or(Ok(()), Err)
    }

    /// Points in degrees, back into the source's own units; what has no answer is not finite.
    pub fn undo(&self, points: &mut [(f64, f64)]) {
        let Some(operation) = &self.operation else { return };
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        operation.transform_back(&mut x, &mut y);
        for (point, moved) in points.iter_mut().zip(x.into_iter().zip(y)) {
            *point = moved;
        }
    }

    /// Degrees that hold a box of the source.
    pub fn bounds(&self, source: &Bounds) -> Bounds {
        match &self.operation {
            None => *source,
            Some(operation) => moved_bounds(operation, source),
        }
    }
}

/// A box of degrees in the units of a system, roughly: without the shift between the datums.
pub fn own_bounds(proj: &Proj, definition: &str, degrees: &Bounds) -> Bounds {
    let Some(crs) = proj.crs(definition).map(Object::horizontal).filter(Object::is_projected) else { return *degrees };
    let down = crs.geodetic().and_then(|beneath| proj.operations(&crs, &beneath, None, false).into_iter().find_map(|o| o.x_first()));
    down.map_or(Bounds::EMPTY, |down| outline(degrees, |x, y| down.transform_back(x, y)))
}

fn moved_bounds(operation: &Object, source: &Bounds) -> Bounds {
    outline(source, |x, y| operation.transform(x, y))
}

/// The box of a box's moved outline.
fn outline(source: &Bounds, moved: impl FnOnce(&mut [f64], &mut [f64])) -> Bounds {
    const STEPS: usize = 20;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..=STEPS {
        let t = i as f64 / STEPS as f64;
        let (lon, lat) = (source.west + t * (source.east - source.west), source.south + t * (source.north - source.south));
        x.extend([lon, lon, source.west, source.east]);
        y.extend([source.south, source.north, lat, lat]);
    }
    moved(&mut x, &mut y);
    let mut bounds = Bounds::EMPTY;
    for (x, y) in x.into_iter().zip(y).filter(|(x, y)| x.is_finite() && y.is_finite()) {
        bounds.include(x, y);
    }
    bounds
}

/// What the operator said about coordinates.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// `--crs`: a code or WKT; it overrides what the file says.
    pub crs: Option<String>,
    /// `--accept-shift METRES`: an operation as bad as this will do, even a guess.
    pub accept_shift_m: Option<f64>,
}

/// Boxes of a layer in its own units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extents {
    /// Of every record.
    pub whole: Bounds,
    /// Of all but the outermost: one wild coordinate must not cost the layer.
    pub most: Bounds,
}

/// Chooses the way. `file_crs` is the layer's own, as WKT; `extents` are asked for only when an operation depends on them.
pub fn choose<'a>(proj: &'a Proj, file_crs: Option<&str>, said: &Said, extents: impl FnOnce() -> Extents) -> Result<Transform<'a>, Fail> {
    let fail = |key: &str, detail: String| Fail { key: key.to_owned(), detail };
    let given = said.crs.is_some();
    let definition = said.crs.as_deref().or(file_crs).ok_or_else(|| fail("crs_missing", String::new()))?;
    let shown: String = definition.chars().take(120).collect();
    let crs = proj.crs(definition).ok_or_else(|| fail("crs_unknown", shown))?;
    let bound = crs.is_bound().then(|| proj.crs(definition)).flatten();
    let whole_code = crs.code();
    let crs = crs.horizontal();
    if crs.is_engineering() {
        return Err(fail("crs_missing", crs.name()));
    }
    let source = whole_code.or_else(|| crs.code()).unwrap_or_else(|| crs.name());
    let reference = |code: &str| proj.crs(code).expect("PROJ's database knows EPSG:4326 and EPSG:4490; is proj.db installed?");
    let (cgcs2000, wgs84) = (reference("EPSG:4490"), reference("EPSG:4326"));

    if crs.same_as(&cgcs2000) || crs.same_as(&wgs84) {
        return Ok(Transform::same(CrsUse { source, given, way: CrsWay::Same }));
    }
    let beneath = crs.geodetic().map(Object::horizontal).ok_or_else(|| fail("crs_unknown", source.clone()))?;
    for target in [&cgcs2000, &wgs84] {
        if crs.is_projected() && beneath.same_as(target) {
            let found = proj.operations(&crs, target, None, false).into_iter().find(|o| o.is_usable() && !o.is_ballpark());
            let operation = found.ok_or_else(|| fail("crs_no_operation", source.clone()))?;
            let way = CrsWay::Unprojected { operation: operation.name() };
            return Transform::by(CrsUse { source, given, way }, &operation);
        }
    }

    // Another datum: the area decides, so the box is needed, roughly, in degrees of that datum.
    let Extents { whole, most } = extents();
    if whole.is_empty() {
        return Ok(Transform::same(CrsUse { source, given, way: CrsWay::Same })); // no vertex at all
    }
    let down = if crs.is_projected() {
        let down = proj.operations(&crs, &beneath, None, false).into_iter().find_map(|o| o.x_first());
        Some(down.ok_or_else(|| fail("crs_no_operation", source.clone()))?)
    } else {
        None
    };
    let degrees = |own: &Bounds| down.as_ref().map_or(*own, |down| moved_bounds(down, own));
    let limit = said.accept_shift_m.unwrap_or(ACCURACY_LIMIT_M);
    let published = |own: &Bounds| -> Result<(Object<'a>, Bounds), Fail> {
        let area = degrees(own);
        if area.is_empty() || !Bounds::WORLD.contains(&area) {
            return Err(fail("crs_outside", format!("{source}: {own:?}")));
        }
        let mut offer: Option<Fail> = None;
        for operation in proj.operations(&crs, &wgs84, Some(&area), false) {
            let made_for = operation.area_of_use().unwrap_or(Bounds::WORLD);
            if !operation.is_usable() || operation.is_ballpark() || !(made_for.west > made_for.east || made_for.contains(&area)) {
                continue;
            }
            match operation.accuracy_m() {
                Some(accuracy) if accuracy <= limit => return Ok((operation, made_for)),
                accuracy => {
                    let accuracy = accuracy.map_or_else(|| "?".to_owned(), |a| a.to_string());
                    offer.get_or_insert(fail("crs_inaccurate", format!("{source}: {}, {accuracy} m", operation.name())));
                }
            }
        }
        Err(offer.unwrap_or_else(|| fail("crs_no_operation", source.clone())))
    };
    let transformed = |operation: &Object<'a>| {
        let way = CrsWay::Transformed { operation: operation.name(), accuracy_m: operation.accuracy_m() };
        Transform::by(CrsUse { source: source.clone(), given, way }, operation)
    };
    let refused = match published(&whole) {
        Ok((operation, _)) => return transformed(&operation),
        Err(refused) => refused,
    };
    if let Ok((operation, area)) = published(&most) {
        return Ok(Transform { area: Some(area).filter(|a| a.west <= a.east), ..transformed(&operation)? });
    }
    if said.accept_shift_m.is_some() {
        // Accepted by name: the file's own shift first, then PROJ's guess.
        let from_bound = bound.as_ref().and_then(|b| proj.operations(b, &wgs84, None, true).into_iter().find(|o| o.is_usable()));
        let guess = || proj.operations(&crs, &wgs84, None, true).into_iter().find(|o| o.is_usable());
        if let Some(operation) = from_bound.or_else(guess) {
            return transformed(&operation);
        }
    }
    Err(refused)
}

#[cfg(test)]
#[allow(clippy::inconsistent_digit_grouping, reason = "vectors as the registry prints them")]
mod tests {
    use super::*;
    use citytwin_model::Shape;

    fn way(crs: &str, at: (f64, f64)) -> Result<(CrsUse, Position), String> {
        way_accepting(crs, at, None)
    }

    fn way_accepting(crs: &str, at: (f64, f64), accept_shift_m: Option<f64>) -> Result<(CrsUse, Position), String> {
        let proj = Proj::new();
        let said = Said { crs: None, accept_shift_m };
        let whole = Bounds::new(at.0 - 1e-3, at.1 - 1e-3, at.0 + 1e-3, at.1 + 1e-3);
        let transform = choose(&proj, Some(crs), &said, || Extents { whole, most: whole }).map_err(|fail| fail.key)?;
        let mut geometry = Geometry::with_z(Shape::Point(Position::new(at.0, at.1, 12.5)));
        transform.apply(&mut geometry).map_err(|p| format!("{p:?}"))?;
        Ok((transform.used, geometry.points()[0]))
    }

    fn assert_near(p: Position, lon: f64, lat: f64, metres: f64) {
        let (dx, dy) = ((p.lon - lon) * 111_320.0 * lat.to_radians().cos(), (p.lat - lat) * 111_320.0);
        assert!(dx.hypot(dy) <= metres, "{p:?} is {} m from {lon}, {lat}", dx.hypot(dy));
        assert_eq!(p.z, 12.5, "heights are not touched");
    }

    #[test]
    fn degrees_of_cgcs2000_and_wgs84_are_taken_bit_for_bit() {
        for crs in ["EPSG:4490", "EPSG:4326", "EPSG:4979", "EPSG:4480", "OGC:CRS84"] {
            let (used, p) = way(crs, (114.057_865, 22.543_096)).unwrap();
            assert_eq!(used.way, CrsWay::Same, "{crs}");
            assert_eq!((p.lon, p.lat), (114.057_865, 22.543_096));
        }
    }

    /// Vectors of the CGCS2000 zones: degrees to easting and northing, EPSG registry.
    #[test]
    fn cgcs2000_zones_are_undone_to_the_millimetre() {
        for (crs, east, north, lon, lat) in [
            ("EPSG:4547", 505_952.2461, 2_493_940.8014, 114.057_865, 22.543_096),
            ("EPSG:4526", 38_505_952.2461, 2_493_940.8014, 114.057_865, 22.543_096),
            ("EPSG:4549", 640_412.3150, 3_457_455.4886, 121.4737, 31.2304),
            ("EPSG:4548", 449_042.0474, 4_420_261.2200, 116.404, 39.915),
            ("EPSG:4547", 500_000.0, 3_320_113.3978, 114.0, 30.0),
        ] {
            let (used, p) = way(crs, (east, north)).unwrap();
            assert!(matches!(used.way, CrsWay::Unprojected { .. }), "{used:?}");
            assert_eq!(used.source, crs);
            assert_near(p, lon, lat, 0.001);
        }
    }

    #[test]
    fn web_mercator_and_utm_are_undone() {
        let (_, p) = way("EPSG:3857", (12_958_034.006, 4_853_597.988)).unwrap();
        assert_near(p, 116.404, 39.915, 0.001);
        let (used, p) = way("EPSG:32650", (500_000.0, 0.0)).unwrap();
        assert!(matches!(used.way, CrsWay::Unprojected { .. }));
        assert_near(p, 117.0, 0.0, 0.001);
    }

    #[test]
    fn another_datum_names_its_operation_and_accuracy() {
        // Amersfoort / RD New: the tower of Amersfoort, whose place in WGS 84 is published.
        let (used, p) = way("EPSG:28992", (155_000.0, 463_000.0)).unwrap();
        let CrsWay::Transformed { operation, accuracy_m } = &used.way else { panic!("{used:?}") };
        assert!(operation.contains("Amersfoort to WGS 84"), "{operation}");
        assert!(accuracy_m.is_some_and(|a| a <= 2.0), "{accuracy_m:?}");
        assert_near(p, 5.387_206_21, 52.155_174_40, 2.0);
    }

    #[test]
    fn beijing_1954_in_shanghai_is_refused_not_guessed() {
        // PROJ would offer parameters made for the Tarim basin.
        let refused = way("EPSG:4214", (121.47, 31.23)).unwrap_err();
        assert!(["crs_no_operation", "crs_inaccurate"].contains(&refused.as_str()), "{refused}");
        let (used, _) = way_accepting("EPSG:4214", (121.47, 31.23), Some(30.0)).unwrap();
        assert!(matches!(used.way, CrsWay::Transformed { .. }));
    }

    #[test]
    fn one_wild_coordinate_does_not_cost_the_layer() {
        let proj = Proj::new();
        let most = Bounds::new(154_000.0, 462_000.0, 156_000.0, 464_000.0);
        let extents = || Extents { whole: Bounds::new(0.0, 0.0, 9e6, 9e6), most };
        let transform = choose(&proj, Some("EPSG:28992"), &Said::default(), extents).map_err(|f| f.key).unwrap();
        let at = |x, y| transform.apply(&mut Geometry::flat(Shape::Point(Position::new(x, y, 0.0))));
        assert_eq!(at(155_000.0, 463_000.0), Ok(()));
        assert!(at(9e6, 9e6).is_err(), "the wild record is refused, the operation was not made for it");
    }

    #[test]
    fn a_local_grid_or_nonsense_is_no_place_on_earth() {
        assert_eq!(way("LOCAL_CS[\"site grid\",UNIT[\"metre\",1]]", (1.0, 2.0)).unwrap_err(), "crs_missing");
        assert_eq!(way("EPSG:99999", (1.0, 2.0)).unwrap_err(), "crs_unknown");
        let proj = Proj::new();
        assert_eq!(
            choose(&proj, None, &Said::default(), || Extents { whole: Bounds::EMPTY, most: Bounds::EMPTY }).err().map(|f| f.key),
            Some("crs_missing".into())
        );
    }
}
