//! How a layer's coordinates become degrees of CGCS2000.
//!
//! CGCS2000 and WGS 84 degrees are taken as they are (they part by centimetres). Their projections are undone.
//! Any other datum goes through an operation that PROJ knows, to WGS 84, with ballpark guesses off: it counts only
//! if its area of use holds the whole layer and its stated accuracy is 2 m or better. Heights are never touched.
//!
//! Coordinates that cannot be what they are said to be (axes swapped, a zone's number before the eastings, metres for
//! degrees) are refused as a layer, with the options that would make sense of them.

use crate::offer;
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
    /// The operator said that x and y are exchanged.
    swap: bool,
}

impl<'a> Transform<'a> {
    fn same(used: CrsUse, swap: bool) -> Self {
        Self { used, operation: None, area: None, pipeline: None, swap }
    }

    fn by(used: CrsUse, operation: &Object<'a>, swap: bool) -> Result<Self, Fail> {
        let pipeline = operation.pipeline();
        match operation.x_first() {
            Some(operation) => Ok(Self { used, operation: Some(operation), area: None, pipeline, swap }),
            None => Err(Fail { key: "crs_no_operation".into(), detail: used.source }),
        }
    }

    /// Moves every vertex; `Err` with the first one that has no answer.
    pub fn apply(&self, geometry: &mut Geometry) -> Result<(), Position> {
        if self.swap {
            geometry.for_each_vertex_mut(|p| (p.lon, p.lat) = (p.lat, p.lon));
        }
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
    /// `--swap-axes`: what the file has as x is north or latitude.
    pub swap_axes: bool,
}

/// Where a layer lies, in its own units.
#[derive(Clone, Debug, PartialEq)]
pub struct Extents {
    /// Box of every record.
    pub whole: Bounds,
    /// Of all but the outermost: one wild coordinate must not cost the layer.
    pub most: Bounds,
    /// Middles of records, some of them, evenly.
    pub sample: Vec<(f64, f64)>,
}

impl Extents {
    /// Of what fills a box.
    pub fn of(whole: Bounds) -> Self {
        let sample = if whole.is_empty() { vec![] } else { vec![(whole.west, whole.south), (whole.east, whole.north)] };
        Self { whole, most: whole, sample }
    }
}

/// Where the boxes come from: the second way walks the layer.
pub struct Boxes<'a> {
    /// As the file announces it, perhaps empty, perhaps no longer true.
    pub announced: &'a dyn Fn() -> Bounds,
    pub walked: &'a dyn Fn() -> Extents,
}

/// Systems of the design that are not read yet, by the names that they will have.
const LATER: [&str; 3] = ["gcj02", "bd09", "local:"];
/// How far east and north beyond its zone a projection is still believed: survey areas overlap.
const ROOM_DEG: (f64, f64) = (2.0, 5.0);

/// Chooses the way. `file_crs` is the layer's own, as WKT.
pub fn choose<'a>(proj: &'a Proj, file_crs: Option<&str>, said: &Said, boxes: &Boxes) -> Result<Transform<'a>, Fail> {
    let fail = |key: &str, detail: String| Fail { key: key.to_owned(), detail };
    let missing = |name: String| match offers(&(boxes.walked)().most, said.swap_axes) {
        offers if offers.is_empty() => fail("crs_missing", name),
        offers => fail("crs_missing_offer", offers.join(" | ")),
    };
    let given = said.crs.is_some();
    if let Some(name) = said.crs.as_ref().filter(|crs| LATER.iter().any(|later| crs.to_lowercase().starts_with(later))) {
        return Err(fail("crs_later", name.clone()));
    }
    let Some(definition) = said.crs.as_deref().or(file_crs) else { return Err(missing(String::new())) };
    let definition = &with_authority(definition);
    let shown: String = definition.chars().take(120).collect();
    let crs = proj.crs(definition).ok_or_else(|| fail("crs_unknown", shown))?;
    let bound = crs.is_bound().then(|| proj.crs(definition)).flatten();
    let whole_code = crs.code();
    let crs = crs.horizontal();
    if crs.is_engineering() {
        return Err(missing(crs.name()));
    }
    let code = whole_code.or_else(|| crs.code());
    // A name leads nowhere back: what has no code is handed on whole, with a shift of its own if it has one.
    let wkt = if code.is_none() { bound.as_ref().and_then(Object::wkt2).or_else(|| crs.wkt2()) } else { None };
    let source = code.unwrap_or_else(|| crs.name());
    let used = |way| CrsUse { source: source.clone(), wkt: wkt.clone(), given, way };
    let swap = said.swap_axes;
    let reference = |code: &str| proj.crs(code).expect("PROJ's database knows EPSG:4326 and EPSG:4490; is proj.db installed?");
    let (cgcs2000, wgs84) = (reference("EPSG:4490"), reference("EPSG:4326"));

    if crs.same_as(&cgcs2000) || crs.same_as(&wgs84) {
        // CGCS2000 is China's; whoever says so by name may have it elsewhere.
        let area = if given || !crs.same_as(&cgcs2000) { None } else { cgcs2000.area_of_use() };
        plausible(&source, boxes, swap, false, |own| area.unwrap_or(Bounds::WORLD).contains(own))?;
        return Ok(Transform::same(used(CrsWay::Same), swap));
    }
    let beneath = crs.geodetic().map(Object::horizontal).ok_or_else(|| fail("crs_unknown", source.clone()))?;
    let area = crs.area_of_use().filter(|a| a.west <= a.east).map(|a| a.grown(ROOM_DEG.0, ROOM_DEG.1));
    let believed = |degrees: &Bounds| !degrees.is_empty() && area.unwrap_or(Bounds::WORLD).contains(degrees);
    for target in [&cgcs2000, &wgs84] {
        if crs.is_projected() && beneath.same_as(target) {
            let found = proj.operations(&crs, target, None, false).into_iter().find(|o| o.is_usable() && !o.is_ballpark());
            let operation = found.ok_or_else(|| fail("crs_no_operation", source.clone()))?;
            let way = CrsWay::Unprojected { operation: operation.name() };
            let transform = Transform::by(used(way), &operation, swap)?;
            plausible(&source, boxes, swap, true, |own| believed(&transform.bounds(own)))?;
            return Ok(transform);
        }
    }

    // Another datum: the area decides, so the box is needed, roughly, in degrees of that datum.
    let Extents { whole, most, .. } = (boxes.walked)();
    if whole.is_empty() {
        return Ok(Transform::same(used(CrsWay::Same), swap)); // no vertex at all
    }
    let down = if crs.is_projected() {
        let down = proj.operations(&crs, &beneath, None, false).into_iter().find_map(|o| o.x_first());
        Some(down.ok_or_else(|| fail("crs_no_operation", source.clone()))?)
    } else {
        None
    };
    let degrees = |own: &Bounds| down.as_ref().map_or(*own, |down| moved_bounds(down, own));
    plausible(&source, boxes, swap, false, |own| believed(&degrees(own)))?;
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
        Transform::by(used(way), operation, swap)
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

/// What the numbers offer, as options to give: whoever exchanged the axes has to hear that he need not.
fn offers(most: &Bounds, swap: bool) -> Vec<String> {
    let offers = offer::offers(most).into_iter();
    if !swap {
        return offers.collect();
    }
    offers.map(|offer| offer.strip_prefix("--swap-axes ").map_or_else(|| format!("--swap-axes {offer}"), str::to_owned)).collect()
}

/// Refuses a layer most records of which cannot lie where its system says, if something else would make sense of them, or
/// if `strict`. A few such records are refused one by one.
fn plausible(source: &str, boxes: &Boxes, swap: bool, strict: bool, fits: impl Fn(&Bounds) -> bool) -> Result<(), Fail> {
    let announced = (boxes.announced)();
    if !announced.is_empty() && fits(&announced) {
        return Ok(());
    }
    let Extents { whole, most, sample } = (boxes.walked)();
    let half_fit = |turn: fn(&Bounds) -> Bounds| {
        let fitting = sample.iter().filter(|(x, y)| fits(&turn(&Bounds::new(*x, *y, *x, *y)))).count();
        2 * fitting >= sample.len()
    };
    if whole.is_empty() || fits(&whole) || half_fit(|b| *b) {
        return Ok(());
    }
    let fail = |key: &str, detail: String| Err(Fail { key: key.to_owned(), detail });
    if half_fit(offer::swapped) {
        return fail(if swap { "crs_unswapped" } else { "crs_swapped" }, source.to_owned());
    }
    let offers: Vec<String> = offers(&most, swap).into_iter().filter(|offer| !offer.ends_with(source)).collect();
    if !offers.is_empty() {
        return fail("crs_other", format!("{source} → {}", offers.join(" | ")));
    }
    if strict {
        return fail("crs_outside", format!("{source}: {:.3} {:.3} … {:.3} {:.3}", most.west, most.south, most.east, most.north));
    }
    Ok(())
}

/// `4547` is what people write for `EPSG:4547`.
fn with_authority(definition: &str) -> String {
    let definition = definition.trim();
    let is_number = !definition.is_empty() && definition.bytes().all(|b| b.is_ascii_digit());
    if is_number { format!("EPSG:{definition}") } else { definition.to_owned() }
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
        let said = Said { accept_shift_m, ..Said::default() };
        let around = Bounds::new(at.0 - 1e-3, at.1 - 1e-3, at.0 + 1e-3, at.1 + 1e-3);
        let boxes = Boxes { announced: &|| Bounds::EMPTY, walked: &|| Extents::of(around) };
        let transform = choose(&proj, Some(crs), &said, &boxes).map_err(|fail| fail.key)?;
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
        let extents = || Extents { whole: Bounds::new(0.0, 0.0, 9e6, 9e6), ..Extents::of(most) };
        let boxes = Boxes { announced: &|| Bounds::EMPTY, walked: &extents };
        let transform = choose(&proj, Some("EPSG:28992"), &Said::default(), &boxes).map_err(|f| f.key).unwrap();
        let at = |x, y| transform.apply(&mut Geometry::flat(Shape::Point(Position::new(x, y, 0.0))));
        assert_eq!(at(155_000.0, 463_000.0), Ok(()));
        assert!(at(9e6, 9e6).is_err(), "the wild record is refused, the operation was not made for it");
    }

    #[test]
    fn a_local_grid_or_nonsense_is_no_place_on_earth() {
        assert_eq!(way("LOCAL_CS[\"site grid\",UNIT[\"metre\",1]]", (1.0, 2.0)).unwrap_err(), "crs_missing");
        assert_eq!(way("EPSG:99999", (1.0, 2.0)).unwrap_err(), "crs_unknown");
        assert_eq!(failed(None, &Said::default(), (1.0, 2.0)).key, "crs_missing");
    }

    fn failed(file_crs: Option<&str>, said: &Said, (x, y): (f64, f64)) -> Fail {
        let proj = Proj::new();
        let boxes = Boxes { announced: &|| Bounds::EMPTY, walked: &|| Extents::of(Bounds::new(x, y, x + 1e-3, y + 1e-3)) };
        choose(&proj, file_crs, said, &boxes).err().unwrap_or(Fail { key: "chosen".into(), detail: String::new() })
    }

    #[test]
    fn a_missing_system_is_offered_where_the_numbers_speak() {
        for (at, offer) in [
            ((116.4, 39.9), "--crs EPSG:4490"),
            ((39.9, 116.4), "--swap-axes --crs EPSG:4490"),
            ((38_505_952.2461, 2_493_940.8014), "--crs EPSG:4526"),
            ((2_493_940.8014, 38_505_952.2461), "--swap-axes --crs EPSG:4526"),
        ] {
            let fail = failed(None, &Said::default(), at);
            assert_eq!((fail.key.as_str(), fail.detail.as_str()), ("crs_missing_offer", offer), "{at:?}");
        }
    }

    #[test]
    fn coordinates_that_cannot_be_what_they_are_said_to_be_are_refused_with_an_offer() {
        for (crs, at, key, offer) in [
            ("EPSG:4326", (39.9, 116.4), "crs_swapped", ""),
            // Within ±90° either way, but not in China.
            ("EPSG:4490", (43.8, 87.6), "crs_swapped", ""),
            ("EPSG:4326", (38_505_952.0, 2_493_940.0), "crs_other", "--crs EPSG:4526"),
            ("EPSG:4326", (12_958_034.0, 4_853_597.0), "crs_other", "--crs EPSG:3857"),
            ("EPSG:4547", (38_505_952.0, 2_493_940.0), "crs_other", "--crs EPSG:4526"),
            ("EPSG:4547", (2_493_940.0, 505_952.0), "crs_swapped", ""),
            ("EPSG:4526", (2_493_940.0, 38_505_952.0), "crs_swapped", ""),
            ("EPSG:4547", (114.0, 30.0), "crs_other", "--crs EPSG:4490"),
            ("EPSG:28992", (463_000.0, 155_000.0), "crs_swapped", ""),
            ("EPSG:4547", (9e7, 9e7), "crs_outside", ""),
        ] {
            let fail = failed(Some(crs), &Said::default(), at);
            assert!(fail.key == key && fail.detail.contains(offer), "{crs} {at:?}: {fail:?}");
        }
        // What the operator says by name is not argued with where it can be.
        assert_eq!(failed(None, &Said { crs: Some("EPSG:4490".into()), ..Said::default() }, (43.8, 87.6)).key, "chosen");
        assert_eq!(failed(Some("EPSG:4326"), &Said::default(), (139.7, 35.7)).key, "chosen");
    }

    #[test]
    fn swapped_axes_are_swapped_back_when_the_operator_says_so() {
        let proj = Proj::new();
        let said = Said { crs: Some("4547".into()), swap_axes: true, ..Said::default() };
        // As the layer gives it when the operator has spoken: exchanged already.
        let boxes =
            Boxes { announced: &|| Bounds::EMPTY, walked: &|| Extents::of(Bounds::new(505_952.0, 2_493_940.0, 505_953.0, 2_493_941.0)) };
        let transform = choose(&proj, None, &said, &boxes).map_err(|f| f.key).unwrap();
        let mut geometry = Geometry::with_z(Shape::Point(Position::new(2_493_940.8014, 505_952.2461, 12.5)));
        transform.apply(&mut geometry).unwrap();
        assert_near(geometry.points()[0], 114.057_865, 22.543_096, 0.001);
    }

    /// Boxes come exchanged where the operator says so: he may be wrong.
    #[test]
    fn axes_exchanged_without_need_are_to_be_left() {
        let said = |crs: Option<&str>| Said { crs: crs.map(str::to_owned), swap_axes: true, ..Said::default() };
        assert_eq!(failed(Some("EPSG:4490"), &said(None), (30.1, 116.1)).key, "crs_unswapped");
        assert_eq!(failed(Some("EPSG:4547"), &said(None), (2_493_940.0, 505_952.0)).key, "crs_unswapped");
        let fail = failed(None, &said(None), (30.1, 116.1));
        assert_eq!((fail.key.as_str(), fail.detail.as_str()), ("crs_missing_offer", "--crs EPSG:4490"));
        let fail = failed(None, &said(None), (116.1, 30.1));
        assert_eq!((fail.key.as_str(), fail.detail.as_str()), ("crs_missing_offer", "--swap-axes --crs EPSG:4490"));
    }

    /// A city's own grid: its name alone would lead nowhere.
    #[test]
    fn a_system_without_a_code_is_handed_on_whole() {
        let own = r#"PROJCS["City_2000_TM",GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",116.35],PARAMETER["scale_factor",1],PARAMETER["false_easting",300000],PARAMETER["false_northing",-3000000],UNIT["metre",1]]"#;
        let at = (300_000.0, 320_113.3978);
        let (used, there) = way(own, at).unwrap();
        let wkt = used.wkt.unwrap();
        assert!(used.source == "City_2000_TM" && wkt.starts_with("PROJCRS["), "{} {wkt}", used.source);
        assert_near(there, 116.35, 30.0, 0.001);
        assert_eq!(way(&wkt, at).unwrap().1, there, "and leads to the same place");
        assert_eq!(way("EPSG:4547", (500_000.0, 3_320_113.3978)).unwrap().0.wkt, None, "a code is enough");
    }

    #[test]
    fn systems_that_come_later_are_named() {
        for name in ["gcj02", "BD09", "local:shifan"] {
            assert_eq!(failed(None, &Said { crs: Some(name.into()), ..Said::default() }, (116.0, 30.0)).key, "crs_later", "{name}");
        }
    }

    /// Gauss–Krüger forward by Krüger's series to n⁴ (exact to 0.1 mm within a zone): what a surveyor's own program does.
    fn gauss_krueger(lon: f64, lat: f64, central: f64) -> (f64, f64) {
        let (a, f) = (6_378_137.0, 1.0 / 298.257_222_101);
        let n: f64 = f / (2.0 - f);
        let radius = a / (1.0 + n) * (1.0 + n.powi(2) / 4.0 + n.powi(4) / 64.0);
        let alpha = [
            n / 2.0 - 2.0 / 3.0 * n.powi(2) + 5.0 / 16.0 * n.powi(3) + 41.0 / 180.0 * n.powi(4),
            13.0 / 48.0 * n.powi(2) - 3.0 / 5.0 * n.powi(3) + 557.0 / 1440.0 * n.powi(4),
            61.0 / 240.0 * n.powi(3) - 103.0 / 140.0 * n.powi(4),
            49_561.0 / 161_280.0 * n.powi(4),
        ];
        let (phi, lambda) = (lat.to_radians(), (lon - central).to_radians());
        let e = 2.0 * n.sqrt() / (1.0 + n);
        let t = (phi.sin().atanh() - e * (e * phi.sin()).atanh()).sinh();
        let (xi, eta) = (t.atan2(lambda.cos()), (lambda.sin() / (1.0 + t * t).sqrt()).atanh());
        let (mut x, mut y) = (xi, eta);
        for (j, alpha) in (1..).zip(alpha) {
            let k = 2.0 * f64::from(j);
            x += alpha * (k * xi).sin() * (k * eta).cosh();
            y += alpha * (k * xi).cos() * (k * eta).sinh();
        }
        (500_000.0 + radius * y, radius * x)
    }

    #[test]
    fn every_zone_of_cgcs2000_is_undone_with_and_without_its_number() {
        let (proj, mut tried) = (Proj::new(), 0);
        let families: [(u32, i32, i32, f64, bool); 4] =
            [(4513, 25, 45, 3.0, true), (4534, 25, 45, 3.0, false), (4491, 13, 23, 6.0, true), (4502, 13, 23, 6.0, false)];
        for (first, from, to, width, numbered) in families {
            for zone in from..=to {
                let central = if width == 3.0 { 3.0 * f64::from(zone) } else { 6.0 * f64::from(zone) - 3.0 };
                let code = first + (zone - from) as u32;
                // Where there is land, or sea of China, in that zone.
                let area = proj.crs(&format!("EPSG:{code}")).unwrap().area_of_use().unwrap();
                for (away, lat) in [(-width / 2.0, area.south), (0.0, area.centre().lat), (width / 2.0, area.north)] {
                    let lon = (central + away).clamp(area.west - 1.0, area.east + 1.0);
                    let (east, north) = gauss_krueger(lon, lat, central);
                    let east = if numbered { east + 1e6 * f64::from(zone) } else { east };
                    let (used, p) = way(&format!("EPSG:{code}"), (east, north)).unwrap_or_else(|why| panic!("EPSG:{code}: {why}"));
                    assert!(matches!(used.way, CrsWay::Unprojected { .. }), "{used:?}");
                    assert_near(p, lon, lat, 0.001);
                    tried += 1;
                }
            }
        }
        assert_eq!(tried, 3 * 64);
    }

    /// As ArcGIS writes it beside a shapefile.
    #[test]
    fn a_prj_file_of_a_zone_is_known() {
        let prj = r#"PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;
        let (used, p) = way(prj, (505_952.2461, 2_493_940.8014)).unwrap();
        assert!(matches!(used.way, CrsWay::Unprojected { .. }), "{used:?}");
        assert_near(p, 114.057_865, 22.543_096, 0.001);
    }
}
