//! The SQL functions that the GeoPackage R-tree triggers call: ST_IsEmpty and the four sides of the box.

use super::blob;
use citytwin_model::Bounds;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

/// Makes the functions known to a connection. Innocuous: they may run in the triggers of a file we did not write.
pub fn register(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("ST_IsEmpty", 1, flags, |ctx| with_blob(ctx, |b| blob::is_empty(b).map(i64::from)))?;
    type Side = fn(&Bounds) -> f64;
    let sides: [(&str, Side); 4] = [("ST_MinX", |b| b.west), ("ST_MaxX", |b| b.east), ("ST_MinY", |b| b.south), ("ST_MaxY", |b| b.north)];
    for (name, side) in sides {
        conn.create_scalar_function(name, 1, flags, move |ctx| with_blob(ctx, |b| blob::bounds(b).map(|bounds| side(&bounds))))?;
    }
    Ok(())
}

fn with_blob<T>(ctx: &Context<'_>, f: impl FnOnce(&[u8]) -> Result<T, blob::BlobError>) -> Result<Option<T>> {
    match ctx.get_raw(0) {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) => f(bytes).map(Some).map_err(|e| Error::UserFunctionError(Box::new(e))),
        _ => Err(Error::UserFunctionError(Box::new(blob::BlobError::NotGeoPackage))),
    }
}
