//! The verb `raster`: a grid of heights, row by row, in degrees.
//!
//! A grid that already lies north-up in degrees of CGCS2000 or WGS 84 goes out cell for cell. Any other is warped
//! by GDAL along the operation that PROJ gave, under the same rule of accuracy as features.

use crate::complaints;
use crate::crs::{self, Boxes, Extents, Said};
use crate::formats;
use crate::proj::Proj;
use crate::read::hello;
use citytwin_datasets::pipe::{CrsWay, Fail, GridHeader, GridRows, MAX_GRID_SIDE, Note, PipeWriter};
use citytwin_model::Bounds;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use gdal_sys::{GDALDataType, GDALRWFlag, GDALResampleAlg};
use std::ffi::{CString, c_int};
use std::io::Write;
use std::path::Path;
use std::ptr;

/// Cells sent at once.
const CELLS_A_FRAME: usize = 256 << 10;

pub fn raster(path: &Path, said: &Said, remarks: &[Note], pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<bool> {
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
        allowed_drivers: Some(&formats::RASTER),
        open_options: None,
        sibling_files: None,
    };
    let dataset = match Dataset::open_ex(path, options) {
        Ok(dataset) => dataset,
        Err(error) => {
            pipe.hello(&hello(String::new(), Vec::new()))?;
            let detail = complaints::failure(&complaints::take()).unwrap_or_else(|| error.to_string());
            let key = formats::known_but_not_read(path).unwrap_or("unreadable");
            pipe.fail(&Fail { key: key.into(), detail })?;
            return Ok(false);
        }
    };
    pipe.hello(&hello(dataset.driver().short_name(), Vec::new()))?;
    remarks.iter().try_for_each(|remark| pipe.note(remark))?;
    match send(&dataset, said, pipe)? {
        Ok(()) => {
            pipe.end()?;
            Ok(true)
        }
        Err(fail) => {
            pipe.fail(&fail)?;
            Ok(false)
        }
    }
}

fn send(dataset: &Dataset, said: &Said, pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<Result<(), Fail>> {
    let fail = |key: &str, detail: String| Ok(Err(Fail { key: key.into(), detail }));
    if dataset.raster_count() == 0 {
        return fail("raster_empty", String::new());
    }
    if dataset.raster_count() > 1 {
        pipe.note(&Note { key: "raster_first_band".into(), detail: dataset.raster_count().to_string() })?;
    }
    let Some(place) = place_of(dataset) else { return fail("raster_unplaced", String::new()) };
    let (columns, rows) = dataset.raster_size();
    let proj = Proj::new();
    let own_wkt = dataset.spatial_ref().ok().and_then(|srs| srs.to_wkt().ok()).filter(|wkt| !wkt.is_empty());
    let whole = extent(&place, columns, rows);
    let boxes = Boxes { announced: &|| whole, walked: &|| Extents::of(whole) };
    let transform = match crs::choose(&proj, own_wkt.as_deref(), said, &boxes) {
        Ok(transform) => transform,
        Err(failed) => return Ok(Err(failed)),
    };
    let north_up = place[2] == 0.0 && place[4] == 0.0 && place[1] > 0.0 && place[5] < 0.0;
    let warped;
    let (source, place, columns, rows) = if transform.used.way == CrsWay::Same && north_up {
        (dataset, place, columns, rows)
    } else {
        let source_wkt = said.crs.clone().or(own_wkt).unwrap_or_default();
        match warp(dataset, &source_wkt, transform.pipeline.clone()) {
            Some(dataset) => {
                warped = dataset;
                let Some(place) = place_of(&warped) else { return fail("raster_unplaced", String::new()) };
                let (columns, rows) = warped.raster_size();
                (&warped, place, columns, rows)
            }
            None => return fail("unreadable", complaints::failure(&complaints::take()).unwrap_or_default()),
        }
    };
    if columns > MAX_GRID_SIDE as usize || rows > MAX_GRID_SIDE as usize {
        return fail("raster_too_large", format!("{columns} × {rows}"));
    }
    let header = GridHeader {
        columns: columns as u32,
        rows: rows as u32,
        west: place[0],
        north: place[3],
        cell_lon: place[1],
        cell_lat: -place[5],
        crs: transform.used.clone(),
    };
    let (east, south) = (header.west + header.cell_lon * columns as f64, header.north - header.cell_lat * rows as f64);
    // A hair beyond the edge is a matter of rounding.
    if header.west < -180.001 || east > 180.001 || south < -90.001 || header.north > 90.001 {
        return fail("raster_outside", format!("{:.3}, {south:.3}, {east:.3}, {:.3}", header.west, header.north));
    }
    pipe.grid(&header)?;
    send_rows(source, &header, pipe)
}

/// Where the grid lies; `None` too where its head gives no numbers.
fn place_of(dataset: &Dataset) -> Option<[f64; 6]> {
    dataset.geo_transform().ok().filter(|place| place.iter().all(|x| x.is_finite()))
}

fn send_rows(dataset: &Dataset, header: &GridHeader, pipe: &mut PipeWriter<impl Write>) -> anyhow::Result<Result<(), Fail>> {
    let band = dataset.rasterband(1)?;
    let nodata = band.no_data_value();
    let (scale, offset) = (band.scale().unwrap_or(1.0), band.offset().unwrap_or(0.0));
    let width = header.columns as usize;
    let at_once = (CELLS_A_FRAME / width).max(1) as u32;
    let mut first = 0;
    while first < header.rows {
        let n = at_once.min(header.rows - first);
        let mut cells = vec![0f32; width * n as usize];
        // SAFETY: the buffer holds n whole rows of 32-bit floats, as the call says.
        let read = unsafe {
            gdal_sys::GDALRasterIO(
                band.c_rasterband(),
                GDALRWFlag::GF_Read,
                0,
                first as c_int,
                width as c_int,
                n as c_int,
                cells.as_mut_ptr().cast(),
                width as c_int,
                n as c_int,
                GDALDataType::GDT_Float32,
                0,
                0,
            )
        };
        if read != gdal_sys::CPLErr::CE_None {
            let detail = complaints::failure(&complaints::take()).unwrap_or_default();
            return Ok(Err(Fail { key: "broke_off".into(), detail: format!("row {first}: {detail}") }));
        }
        for cell in &mut cells {
            let missing = !cell.is_finite() || nodata.is_some_and(|none| *cell == none as f32);
            *cell = if missing { f32::NAN } else { (f64::from(*cell) * scale + offset) as f32 };
        }
        pipe.rows(header.columns, &GridRows { first, cells })?;
        first += n;
    }
    Ok(Ok(()))
}

/// Box of the four corners.
fn extent(place: &[f64; 6], columns: usize, rows: usize) -> Bounds {
    let mut bounds = Bounds::EMPTY;
    for (c, r) in [(0.0, 0.0), (columns as f64, 0.0), (0.0, rows as f64), (columns as f64, rows as f64)] {
        bounds.include(place[0] + c * place[1] + r * place[2], place[3] + c * place[4] + r * place[5]);
    }
    bounds
}

/// A view of the grid, north-up in degrees, computed as it is read.
fn warp(dataset: &Dataset, source_wkt: &str, pipeline: Option<String>) -> Option<Dataset> {
    let source = CString::new(source_wkt).ok()?;
    let mut target = gdal::spatial_ref::SpatialRef::from_epsg(4326).ok()?;
    target.set_axis_mapping_strategy(gdal::spatial_ref::AxisMappingStrategy::TraditionalGisOrder);
    let target = CString::new(target.to_wkt().ok()?).ok()?;
    let nodata = dataset.rasterband(1).ok()?.no_data_value().unwrap_or(f64::from(f32::NAN));
    let operation = pipeline.and_then(|p| CString::new(format!("COORDINATE_OPERATION={p}")).ok());
    let mut transformer: Vec<*mut std::ffi::c_char> = operation.iter().map(|o| o.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect();
    // SAFETY: the options are made, filled and freed by GDAL's own allocator; the view holds what it needs of them
    // and keeps a reference to the source.
    unsafe {
        let options = gdal_sys::GDALCreateWarpOptions();
        (*options).eWorkingDataType = GDALDataType::GDT_Float32;
        (*options).eResampleAlg = GDALResampleAlg::GRA_Bilinear;
        (*options).nBandCount = 1;
        (*options).panSrcBands = one(1 as c_int);
        (*options).panDstBands = one(1 as c_int);
        (*options).padfSrcNoDataReal = one(nodata);
        (*options).padfDstNoDataReal = one(nodata);
        (*options).papszWarpOptions = gdal_sys::CSLSetNameValue(ptr::null_mut(), c"INIT_DEST".as_ptr(), c"NO_DATA".as_ptr());
        let view = gdal_sys::GDALAutoCreateWarpedVRTEx(
            dataset.c_dataset(),
            source.as_ptr(),
            target.as_ptr(),
            GDALResampleAlg::GRA_Bilinear,
            0.0,
            options,
            transformer.as_mut_ptr(),
        );
        gdal_sys::GDALDestroyWarpOptions(options);
        if view.is_null() {
            return None;
        }
        let view = Dataset::from_c_dataset(view);
        gdal_sys::GDALSetRasterNoDataValue(gdal_sys::GDALGetRasterBand(view.c_dataset(), 1), nodata);
        Some(view)
    }
}

/// One value in memory that GDAL frees.
unsafe fn one<T>(value: T) -> *mut T {
    // SAFETY: CPLMalloc never returns null for a small size.
    unsafe {
        let place = gdal_sys::CPLMalloc(size_of::<T>()).cast::<T>();
        place.write(value);
        place
    }
}
