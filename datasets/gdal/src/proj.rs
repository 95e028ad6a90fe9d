//! PROJ itself: which operation leads from one coordinate system to another, how accurate, and where it holds.
//!
//! GDAL hides these three, and they decide whether a transformation counts. Each object frees itself.

use std::ffi::{CStr, CString, c_char, c_double, c_int};
use std::ptr::{self, NonNull};

use citytwin_model::Bounds;

#[repr(C)]
struct PjContext {
    _opaque: [u8; 0],
}
#[repr(C)]
struct Pj {
    _opaque: [u8; 0],
}
#[repr(C)]
struct PjList {
    _opaque: [u8; 0],
}
#[repr(C)]
struct PjFactory {
    _opaque: [u8; 0],
}

#[repr(C)]
struct PjInfo {
    major: c_int,
    minor: c_int,
    patch: c_int,
    release: *const c_char,
    version: *const c_char,
    searchpath: *const c_char,
    paths: *const *const c_char,
    path_count: usize,
}

const TYPE_PROJECTED: c_int = 15;
const TYPE_COMPOUND: c_int = 16;
const TYPE_ENGINEERING: c_int = 18;
const TYPE_BOUND: c_int = 19;
const COMPARE_BUT_AXIS_ORDER: c_int = 2;
const GRID_MUST_BE_THERE: c_int = 1;
const AREA_MUST_CONTAIN: c_int = 0;
const FORWARD: c_int = 1;
const INVERSE: c_int = -1;
const WKT2_2019: c_int = 2;
const WKT1_GDAL: c_int = 4;

unsafe extern "C" {
    fn proj_context_create() -> *mut PjContext;
    fn proj_context_destroy(ctx: *mut PjContext) -> *mut PjContext;
    fn proj_context_set_enable_network(ctx: *mut PjContext, enabled: c_int) -> c_int;
    fn proj_log_level(ctx: *mut PjContext, level: c_int) -> c_int;
    fn proj_info() -> PjInfo;
    fn proj_create(ctx: *mut PjContext, definition: *const c_char) -> *mut Pj;
    fn proj_destroy(pj: *mut Pj) -> *mut Pj;
    fn proj_get_type(pj: *const Pj) -> c_int;
    fn proj_is_crs(pj: *const Pj) -> c_int;
    fn proj_get_name(pj: *const Pj) -> *const c_char;
    fn proj_get_id_auth_name(pj: *const Pj, index: c_int) -> *const c_char;
    fn proj_get_id_code(pj: *const Pj, index: c_int) -> *const c_char;
    fn proj_is_equivalent_to_with_ctx(ctx: *mut PjContext, a: *const Pj, b: *const Pj, criterion: c_int) -> c_int;
    fn proj_get_source_crs(ctx: *mut PjContext, pj: *const Pj) -> *mut Pj;
    fn proj_crs_get_geodetic_crs(ctx: *mut PjContext, pj: *const Pj) -> *mut Pj;
    fn proj_crs_get_sub_crs(ctx: *mut PjContext, pj: *const Pj, index: c_int) -> *mut Pj;
    fn proj_crs_demote_to_2D(ctx: *mut PjContext, name: *const c_char, pj: *const Pj) -> *mut Pj;
    fn proj_create_operation_factory_context(ctx: *mut PjContext, authority: *const c_char) -> *mut PjFactory;
    fn proj_operation_factory_context_destroy(factory: *mut PjFactory);
    fn proj_operation_factory_context_set_area_of_interest(
        ctx: *mut PjContext,
        factory: *mut PjFactory,
        west: c_double,
        south: c_double,
        east: c_double,
        north: c_double,
    );
    fn proj_operation_factory_context_set_spatial_criterion(ctx: *mut PjContext, factory: *mut PjFactory, criterion: c_int);
    fn proj_operation_factory_context_set_grid_availability_use(ctx: *mut PjContext, factory: *mut PjFactory, usage: c_int);
    fn proj_operation_factory_context_set_allow_ballpark_transformations(ctx: *mut PjContext, factory: *mut PjFactory, allow: c_int);
    fn proj_create_operations(ctx: *mut PjContext, source: *const Pj, target: *const Pj, factory: *const PjFactory) -> *mut PjList;
    fn proj_list_get_count(list: *const PjList) -> c_int;
    fn proj_list_get(ctx: *mut PjContext, list: *const PjList, index: c_int) -> *mut Pj;
    fn proj_list_destroy(list: *mut PjList);
    fn proj_coordoperation_get_accuracy(ctx: *mut PjContext, pj: *const Pj) -> c_double;
    fn proj_coordoperation_is_instantiable(ctx: *mut PjContext, pj: *const Pj) -> c_int;
    fn proj_coordoperation_has_ballpark_transformation(ctx: *mut PjContext, pj: *const Pj) -> c_int;
    fn proj_get_area_of_use(
        ctx: *mut PjContext,
        pj: *const Pj,
        west: *mut c_double,
        south: *mut c_double,
        east: *mut c_double,
        north: *mut c_double,
        name: *mut *const c_char,
    ) -> c_int;
    fn proj_normalize_for_visualization(ctx: *mut PjContext, pj: *const Pj) -> *mut Pj;
    fn proj_as_proj_string(ctx: *mut PjContext, pj: *const Pj, kind: c_int, options: *const *const c_char) -> *const c_char;
    fn proj_as_wkt(ctx: *mut PjContext, pj: *const Pj, kind: c_int, options: *const *const c_char) -> *const c_char;
    fn proj_trans_generic(
        pj: *mut Pj,
        direction: c_int,
        x: *mut c_double,
        sx: usize,
        nx: usize,
        y: *mut c_double,
        sy: usize,
        ny: usize,
        z: *mut c_double,
        sz: usize,
        nz: usize,
        t: *mut c_double,
        st: usize,
        nt: usize,
    ) -> usize;
    fn proj_errno_reset(pj: *const Pj) -> c_int;
}

/// One PROJ context: no network, nothing printed.
pub struct Proj {
    ctx: NonNull<PjContext>,
}

impl Proj {
    pub fn new() -> Self {
        // SAFETY: a fresh context is ours until dropped; both setters only touch it.
        unsafe {
            let ctx = NonNull::new(proj_context_create()).expect("PROJ gives a context");
            proj_context_set_enable_network(ctx.as_ptr(), 0);
            proj_log_level(ctx.as_ptr(), 0);
            Self { ctx }
        }
    }

    pub fn version() -> String {
        // SAFETY: the strings of proj_info are static.
        unsafe { text(proj_info().version) }
    }

    /// A coordinate reference system from a code or WKT; `None` for what is none.
    pub fn crs(&self, definition: &str) -> Option<Object<'_>> {
        let definition = CString::new(definition).ok()?;
        // SAFETY: a valid string and context; the result is ours.
        let object = self.own(unsafe { proj_create(self.ctx.as_ptr(), definition.as_ptr()) })?;
        // SAFETY: a live object.
        (unsafe { proj_is_crs(object.pj.as_ptr()) } != 0).then_some(object)
    }

    fn own(&self, pj: *mut Pj) -> Option<Object<'_>> {
        NonNull::new(pj).map(|pj| Object { proj: self, pj })
    }

    /// Operations between two systems, in PROJ's order of preference. With `area`, only those made for all of it.
    pub fn operations(&self, from: &Object, to: &Object, area: Option<&Bounds>, ballpark: bool) -> Vec<Object<'_>> {
        // SAFETY: all pointers live through the block; factory and list are freed at its end.
        unsafe {
            let ctx = self.ctx.as_ptr();
            let factory = proj_create_operation_factory_context(ctx, ptr::null());
            if factory.is_null() {
                return Vec::new();
            }
            if let Some(area) = area.map(with_room) {
                proj_operation_factory_context_set_area_of_interest(ctx, factory, area.west, area.south, area.east, area.north);
                proj_operation_factory_context_set_spatial_criterion(ctx, factory, AREA_MUST_CONTAIN);
            }
            proj_operation_factory_context_set_grid_availability_use(ctx, factory, GRID_MUST_BE_THERE);
            proj_operation_factory_context_set_allow_ballpark_transformations(ctx, factory, c_int::from(ballpark));
            let list = proj_create_operations(ctx, from.pj.as_ptr(), to.pj.as_ptr(), factory);
            let mut found = Vec::new();
            if !list.is_null() {
                for i in 0..proj_list_get_count(list) {
                    found.extend(self.own(proj_list_get(ctx, list, i)));
                }
                proj_list_destroy(list);
            }
            proj_operation_factory_context_destroy(factory);
            found
        }
    }
}

/// Nothing contains a box without a width, PROJ thinks: a single point gets a hair's breadth (a centimetre).
fn with_room(area: &Bounds) -> Bounds {
    const HAIR_DEG: f64 = 1e-7;
    let hair = |from: f64, to: f64| if from < to { 0.0 } else { HAIR_DEG };
    let grown = area.grown(hair(area.west, area.east), hair(area.south, area.north));
    Bounds::new(grown.west.max(-180.0), grown.south.max(-90.0), grown.east.min(180.0), grown.north.min(90.0))
}

impl Drop for Proj {
    fn drop(&mut self) {
        // SAFETY: ours, and every object borrows `self`, so none is left.
        unsafe {
            proj_context_destroy(self.ctx.as_ptr());
        }
    }
}

/// A coordinate reference system or an operation.
pub struct Object<'a> {
    proj: &'a Proj,
    pj: NonNull<Pj>,
}

impl<'a> Object<'a> {
    fn ctx(&self) -> *mut PjContext {
        self.proj.ctx.as_ptr()
    }

    pub fn name(&self) -> String {
        // SAFETY: the string lives as long as the object; it is copied.
        unsafe { text(proj_get_name(self.pj.as_ptr())) }
    }

    /// `EPSG:4547`, where there is such a code.
    pub fn code(&self) -> Option<String> {
        // SAFETY: as for `name`; null when there is none.
        let (authority, code) = unsafe { (text(proj_get_id_auth_name(self.pj.as_ptr(), 0)), text(proj_get_id_code(self.pj.as_ptr(), 0))) };
        (!authority.is_empty() && !code.is_empty()).then(|| format!("{authority}:{code}"))
    }

    pub fn is_projected(&self) -> bool {
        self.kind() == TYPE_PROJECTED
    }

    /// A local system that hangs nowhere on the earth.
    pub fn is_engineering(&self) -> bool {
        self.kind() == TYPE_ENGINEERING
    }

    /// Carries a shift of its own (`TOWGS84`).
    pub fn is_bound(&self) -> bool {
        self.kind() == TYPE_BOUND
    }

    fn kind(&self) -> c_int {
        // SAFETY: a live object.
        unsafe { proj_get_type(self.pj.as_ptr()) }
    }

    /// The plane part: without a shift of the file's own, without heights.
    pub fn horizontal(self) -> Object<'a> {
        let mut crs = self;
        for _ in 0..4 {
            // SAFETY: live objects; each result is a new one or null.
            let inner = unsafe {
                match crs.kind() {
                    TYPE_BOUND => proj_get_source_crs(crs.ctx(), crs.pj.as_ptr()),
                    TYPE_COMPOUND => proj_crs_get_sub_crs(crs.ctx(), crs.pj.as_ptr(), 0),
                    _ => break,
                }
            };
            match crs.proj.own(inner) {
                Some(inner) => crs = inner,
                None => break,
            }
        }
        // SAFETY: a live object, the result is a new one or null.
        let flat = unsafe { proj_crs_demote_to_2D(crs.ctx(), ptr::null(), crs.pj.as_ptr()) };
        crs.proj.own(flat).unwrap_or(crs)
    }

    /// The degrees beneath a projection.
    pub fn geodetic(&self) -> Option<Object<'a>> {
        // SAFETY: a live object, the result is a new one or null.
        self.proj.own(unsafe { proj_crs_get_geodetic_crs(self.ctx(), self.pj.as_ptr()) })
    }

    pub fn same_as(&self, other: &Object) -> bool {
        // SAFETY: live objects.
        unsafe { proj_is_equivalent_to_with_ctx(self.ctx(), self.pj.as_ptr(), other.pj.as_ptr(), COMPARE_BUT_AXIS_ORDER) != 0 }
    }

    /// Metres; `None` when nobody says.
    pub fn accuracy_m(&self) -> Option<f64> {
        // SAFETY: a live object.
        let accuracy = unsafe { proj_coordoperation_get_accuracy(self.ctx(), self.pj.as_ptr()) };
        (accuracy >= 0.0).then_some(accuracy)
    }

    pub fn is_usable(&self) -> bool {
        // SAFETY: a live object.
        unsafe { proj_coordoperation_is_instantiable(self.ctx(), self.pj.as_ptr()) != 0 }
    }

    pub fn is_ballpark(&self) -> bool {
        // SAFETY: a live object.
        unsafe { proj_coordoperation_has_ballpark_transformation(self.ctx(), self.pj.as_ptr()) != 0 }
    }

    pub fn area_of_use(&self) -> Option<Bounds> {
        let mut b = Bounds::EMPTY;
        // SAFETY: valid places for four numbers; the name is not asked for.
        let known = unsafe {
            proj_get_area_of_use(self.ctx(), self.pj.as_ptr(), &mut b.west, &mut b.south, &mut b.east, &mut b.north, ptr::null_mut())
        };
        (known != 0 && b.west > -1000.0).then_some(b)
    }

    /// The same operation with x = east or longitude first on both sides.
    pub fn x_first(&self) -> Option<Object<'a>> {
        // SAFETY: a live object, the result is a new one or null.
        self.proj.own(unsafe { proj_normalize_for_visualization(self.ctx(), self.pj.as_ptr()) })
    }

    pub fn pipeline(&self) -> Option<String> {
        // SAFETY: the string lives as long as the object; it is copied.
        let pipeline = unsafe { text(proj_as_proj_string(self.ctx(), self.pj.as_ptr(), 0, ptr::null())) };
        (!pipeline.is_empty()).then_some(pipeline)
    }

    /// The system's definition as GeoPackages and shapefiles hold it; `None` where WKT 1 has no words for it.
    pub fn wkt1(&self) -> Option<String> {
        self.wkt(WKT1_GDAL)
    }

    /// The system's definition in full.
    pub fn wkt2(&self) -> Option<String> {
        self.wkt(WKT2_2019)
    }

    fn wkt(&self, kind: c_int) -> Option<String> {
        // SAFETY: the string lives as long as the object; it is copied.
        let wkt = unsafe { text(proj_as_wkt(self.ctx(), self.pj.as_ptr(), kind, ptr::null())) };
        (!wkt.is_empty()).then_some(wkt)
    }

    /// Moves points in place; what has no answer becomes infinite.
    pub fn transform(&self, x: &mut [f64], y: &mut [f64]) {
        self.walk(FORWARD, x, y);
    }

    /// The same operation, backwards.
    pub fn transform_back(&self, x: &mut [f64], y: &mut [f64]) {
        self.walk(INVERSE, x, y);
    }

    fn walk(&self, direction: c_int, x: &mut [f64], y: &mut [f64]) {
        assert_eq!(x.len(), y.len());
        let step = size_of::<f64>();
        // SAFETY: two arrays of equal, stated length; no z, no time.
        unsafe {
            proj_errno_reset(self.pj.as_ptr());
            proj_trans_generic(
                self.pj.as_ptr(),
                direction,
                x.as_mut_ptr(),
                step,
                x.len(),
                y.as_mut_ptr(),
                step,
                y.len(),
                ptr::null_mut(),
                0,
                0,
                ptr::null_mut(),
                0,
                0,
            );
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe {
            proj_destroy(self.pj.as_ptr());
        }
    }
}

/// A copy of a C string; empty for null.
///
/// # Safety
/// `p` is null or points to a terminated string.
unsafe fn text(p: *const c_char) -> String {
    if p.is_null() {
        String::new()
    } else {
        // SAFETY: as the caller promises.
        unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned()
    }
}
