//! A first walk over a layer: where it lies, what kinds of geometry it holds, whether its ids are ids.

use crate::complaints;
use crate::crs::Extents;
use crate::geometry;
use crate::layer::{IdSource, Layer, kinds_of};
use citytwin_datasets::pipe::Kind;
use citytwin_model::Bounds;
use gdal_sys::OGREnvelope;
use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ptr;

/// Ids are compared as hashes in memory; a file with more has none that are believed.
const MOST_IDS: usize = 8_000_000;

/// What a first walk over a layer finds.
pub struct Survey {
    /// In the layer's own units; empty when no vertex was seen.
    pub extents: Extents,
    pub kinds: Vec<Kind>,
    /// Some record has a geometry, readable or not.
    pub places: bool,
    pub unique_ids: bool,
    /// What the driver could not do on the way.
    pub failure: Option<String>,
}

impl Layer {
    /// Walks the layer once for what its head cannot be trusted with.
    pub fn survey(&self, ids: IdSource) -> Survey {
        let mut survey = Survey { extents: Extents::of(Bounds::EMPTY), kinds: Vec::new(), places: false, unique_ids: true, failure: None };
        let mut centres = Centres::default();
        let mut seen: HashSet<u64> = HashSet::new();
        // SAFETY: a live layer and its definition; names are copied; geometries live as long as their feature.
        unsafe {
            let defn = gdal_sys::OGR_L_GetLayerDefn(self.handle);
            let names: Vec<CString> = (0..gdal_sys::OGR_FD_GetFieldCount(defn))
                .filter(|i| ids != IdSource::Column(*i))
                .map(|i| CStr::from_ptr(gdal_sys::OGR_Fld_GetNameRef(gdal_sys::OGR_FD_GetFieldDefn(defn, i))).to_owned())
                .collect();
            let mut ignored: Vec<_> = names.iter().map(|n| n.as_ptr()).chain([ptr::null()]).collect();
            gdal_sys::OGR_L_SetIgnoredFields(self.handle, ignored.as_mut_ptr());
            gdal_sys::OGR_L_ResetReading(self.handle);
            let mut walked = 0u32;
            while let Some(feature) = self.next() {
                walked += 1;
                if walked.is_multiple_of(4096) {
                    crate::limits::still_alive();
                }
                if ids.is_doubtful() && survey.unique_ids && seen.len() < MOST_IDS {
                    survey.unique_ids = ids.id(&feature).is_some_and(|id| {
                        let mut hasher = DefaultHasher::new();
                        id.hash(&mut hasher);
                        seen.insert(hasher.finish())
                    });
                }
                let geometry = gdal_sys::OGR_F_GetGeometryRef(feature.0);
                survey.places = survey.places || !geometry.is_null() || feature.native_geometry_is_lost();
                if geometry.is_null() || gdal_sys::OGR_G_IsEmpty(geometry) != 0 {
                    continue;
                }
                let kinds = kinds_of(gdal_sys::OGR_G_GetGeometryType(geometry));
                let kind = if kinds.len() == 1 { Some(kinds[0]) } else { geometry::kind_of_collection(geometry) };
                survey.kinds.extend(kind.filter(|kind| !survey.kinds.contains(kind)));
                let mut e = OGREnvelope { MinX: 0.0, MaxX: 0.0, MinY: 0.0, MaxY: 0.0 };
                gdal_sys::OGR_G_GetEnvelope(geometry, &mut e);
                if [e.MinX, e.MinY, e.MaxX, e.MaxY].iter().all(|x| x.is_finite()) {
                    let envelope = Bounds::new(e.MinX, e.MinY, e.MaxX, e.MaxY);
                    survey.extents.whole = survey.extents.whole.union(&envelope);
                    centres.add(envelope);
                }
            }
            gdal_sys::OGR_L_SetIgnoredFields(self.handle, ptr::null_mut());
        }
        survey.extents.sample = centres.sample();
        survey.extents.most = centres.most();
        survey.unique_ids &= seen.len() < MOST_IDS;
        survey.kinds.sort();
        survey.failure = complaints::failure(&complaints::take());
        survey
    }
}

/// Where records lie: an even sample of their middles, however many there are.
#[derive(Default)]
struct Centres {
    seen: usize,
    /// One in so many is kept, as a power of two.
    every: u32,
    kept: Vec<(f64, f64)>,
}

impl Centres {
    const MOST: usize = 8192;

    fn add(&mut self, envelope: Bounds) {
        if self.seen.is_multiple_of(1 << self.every) {
            let centre = envelope.centre();
            self.kept.push((centre.lon, centre.lat));
            if self.kept.len() == Self::MOST {
                self.every += 1;
                let mut i = 0;
                self.kept.retain(|_| {
                    i += 1;
                    i % 2 == 1
                });
            }
        }
        self.seen += 1;
    }

    /// A few dozen of them.
    fn sample(&self) -> Vec<(f64, f64)> {
        self.kept.iter().step_by(self.kept.len().div_ceil(64).max(1)).copied().collect()
    }

    /// The box of what lies within three times the quartiles' distance of them: what belongs together, and not what
    /// lies nowhere.
    fn most(mut self) -> Bounds {
        let mut range = |of: fn(&(f64, f64)) -> f64| {
            self.kept.sort_by(|a, b| of(a).total_cmp(&of(b)));
            let n = self.kept.len();
            let (low, high) = (of(self.kept.get(n / 4)?), of(self.kept.get(n - 1 - n / 4)?));
            let near = |x: f64| low - 3.0 * (high - low) <= x && x <= high + 3.0 * (high - low);
            let inside = self.kept.iter().map(of).filter(|x| near(*x));
            Some(inside.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x))))
        };
        match (range(|c| c.0), range(|c| c.1)) {
            (Some((west, east)), Some((south, north))) => Bounds::new(west, south, east, north),
            _ => Bounds::EMPTY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_of_most_is_not_moved_by_a_wild_record() {
        let mut centres = Centres::default();
        for i in 0..100_000 {
            let (x, y) = (116.0 + f64::from(i % 100) * 1e-3, 30.0 + f64::from(i % 77) * 1e-3);
            centres.add(Bounds::new(x, y, x, y));
        }
        centres.add(Bounds::new(5e5, 3e6, 5e5, 3e6));
        assert!(centres.kept.len() < Centres::MOST);
        let most = centres.most();
        assert!(most.west >= 116.0 && most.east < 116.1 && most.south >= 30.0 && most.north < 30.08, "{most:?}");
    }

    #[test]
    fn few_records_have_a_box_too() {
        let points = |at: &[f64]| {
            let mut centres = Centres::default();
            at.iter().for_each(|x| centres.add(Bounds::new(*x, 30.0, *x, 30.0)));
            centres.most()
        };
        assert!(points(&[]).is_empty());
        assert_eq!(points(&[116.0]), Bounds::new(116.0, 30.0, 116.0, 30.0));
        assert_eq!(points(&[116.0, 116.2]), Bounds::new(116.0, 30.0, 116.2, 30.0));
    }
}
