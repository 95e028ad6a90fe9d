//! Values of a GeoPackage that are not of their column's type.
//!
//! SQLite holds any value in any column: 78.48 in a column of whole numbers, "unknown" in one of numbers. GDAL cuts
//! the first to 78 and makes the second 0 without a word. So such columns are found by SQLite's own `typeof`, their
//! odd values fetched as they are, and the column announced with the type that holds them all.

use crate::layer::Layer;
use citytwin_datasets::pipe::{Fail, Field, FieldType};
use citytwin_model::Value;
use gdal_sys::GDALDatasetH;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::ptr;

/// More odd values than this, and the layer is said to be mistyped as a whole.
const MOST: usize = 1_000_000;

/// Odd values by column and fid; empty for most layers.
#[derive(Default)]
pub struct Mistyped(HashMap<(usize, i64), Value>);

impl Mistyped {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn take(&mut self, column: usize, fid: i64) -> Option<Value> {
        self.0.remove(&(column, fid))
    }
}

/// SQL that is true for a value that GDAL would change on the way; `None` for types that it hands over as they are.
fn odd(ty: FieldType, column: &str) -> Option<String> {
    Some(match ty {
        FieldType::Int => format!("typeof({column}) IN ('real','text','blob')"),
        FieldType::Bool => format!("({column} IS NOT NULL AND {column} NOT IN (0,1))"),
        FieldType::Real => format!("typeof({column}) IN ('text','blob')"),
        FieldType::Date => format!("({column} IS NOT NULL AND {column} NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]')"),
        FieldType::Instant => {
            format!("({column} IS NOT NULL AND {column} NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]*')")
        }
        _ => return None,
    })
}

/// Finds them, and widens the types of their columns in `fields`.
pub fn find(dataset: GDALDatasetH, layer: &Layer, fid_column: &str, fields: &mut [Field]) -> Result<Mistyped, Fail> {
    let table = quoted(&layer.name());
    let asked: Vec<(usize, String)> = fields.iter().enumerate().filter_map(|(i, f)| Some((i, odd(f.ty, &quoted(&f.name))?))).collect();
    let mut found = Mistyped::default();
    if asked.is_empty() {
        return Ok(found);
    }
    // Most layers have none, and one quick look tells.
    let conditions: Vec<&str> = asked.iter().map(|(_, condition)| condition.as_str()).collect();
    let mut any = false;
    each_row(dataset, &format!("SELECT 1 AS found FROM {table} WHERE {} LIMIT 1", conditions.join(" OR ")), |_| any = true)?;
    if !any {
        return Ok(found);
    }
    // One pass counts the odd ones of every column.
    let counts: Vec<String> = asked.iter().map(|(i, condition)| format!("sum({condition}) AS c{i}")).collect();
    let mut suspects = Vec::new();
    each_row(dataset, &format!("SELECT {} FROM {table}", counts.join(", ")), |row| {
        for (at, (i, condition)) in asked.iter().enumerate() {
            if row(at).is_some_and(|n| n != "0") {
                suspects.push((*i, condition.clone()));
            }
        }
    })?;
    for (i, condition) in suspects {
        let column = quoted(&fields[i].name);
        let mut texts = false;
        let sql = format!(
            "SELECT CAST({} AS TEXT) AS k, typeof({column}) AS t, CASE typeof({column}) WHEN 'real' THEN printf('%!.17g', {column}) \
             WHEN 'blob' THEN hex({column}) ELSE CAST({column} AS TEXT) END AS v FROM {table} WHERE {condition}",
            quoted(fid_column)
        );
        each_row(dataset, &sql, |row| {
            let (Some(fid), Some(ty), Some(text)) = (row(0).and_then(|t| t.parse().ok()), row(1), row(2)) else { return };
            let value = match ty.as_str() {
                "real" => text.parse().map_or_else(|_| Value::Text(text.clone()), Value::Real),
                "integer" => text.parse().map_or_else(|_| Value::Text(text.clone()), Value::Int),
                _ => Value::Text(text),
            };
            texts |= matches!(value, Value::Text(_));
            if found.0.len() <= MOST {
                found.0.insert((i, fid), value);
            }
        })?;
        if found.0.len() > MOST {
            return Err(Fail { key: "mistyped".into(), detail: fields[i].name.clone() });
        }
        fields[i].ty = match fields[i].ty {
            FieldType::Int | FieldType::Bool if !texts => FieldType::Real,
            _ => FieldType::Text,
        };
    }
    Ok(found)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Runs a query in the file's own SQL; each row's cells as text, null as `None`.
pub fn each_row(dataset: GDALDatasetH, sql: &str, mut f: impl FnMut(&dyn Fn(usize) -> Option<String>)) -> Result<(), Fail> {
    let fail = || Fail {
        key: "unreadable".into(),
        detail: crate::complaints::failure(&crate::complaints::take()).unwrap_or_else(|| sql.chars().take(80).collect()),
    };
    let text = CString::new(sql).map_err(|_| fail())?;
    // SAFETY: a live dataset; the result set and each of its features are freed here, texts copied before that.
    unsafe {
        let rows = gdal_sys::GDALDatasetExecuteSQL(dataset, text.as_ptr(), ptr::null_mut(), ptr::null());
        if rows.is_null() {
            return Err(fail());
        }
        loop {
            let feature = gdal_sys::OGR_L_GetNextFeature(rows);
            if feature.is_null() {
                break;
            }
            f(&|i| {
                let i = i as c_int;
                (gdal_sys::OGR_F_IsFieldSetAndNotNull(feature, i) != 0)
                    .then(|| CStr::from_ptr(gdal_sys::OGR_F_GetFieldAsString(feature, i)).to_string_lossy().into_owned())
            });
            gdal_sys::OGR_F_Destroy(feature);
        }
        gdal_sys::GDALDatasetReleaseResultSet(dataset, rows);
    }
    Ok(())
}
