//! A feature's attributes, as the file has them.

use citytwin_datasets::pipe::{Field, FieldType};
use citytwin_model::Value;
use gdal_sys::{OGRFeatureDefnH, OGRFeatureH, OGRFieldSubType as Sub, OGRFieldType as Type};
use std::ffi::{CStr, CString, c_int};
use std::fmt::Write;

/// A layer's columns.
///
/// # Safety
/// `defn` is a live layer definition.
pub unsafe fn fields(defn: OGRFeatureDefnH) -> Vec<Field> {
    // SAFETY: indexes are within the count; names are copied.
    unsafe {
        (0..gdal_sys::OGR_FD_GetFieldCount(defn))
            .map(|i| {
                let field = gdal_sys::OGR_FD_GetFieldDefn(defn, i);
                let name = CStr::from_ptr(gdal_sys::OGR_Fld_GetNameRef(field)).to_string_lossy().into_owned();
                let ty = match (gdal_sys::OGR_Fld_GetType(field), gdal_sys::OGR_Fld_GetSubType(field)) {
                    (Type::OFTInteger, Sub::OFSTBoolean) => FieldType::Bool,
                    (Type::OFTInteger | Type::OFTInteger64, _) => FieldType::Int,
                    (Type::OFTReal, _) => FieldType::Real,
                    (Type::OFTString, Sub::OFSTJSON) => FieldType::Json,
                    (Type::OFTDate, _) => FieldType::Date,
                    (Type::OFTTime, _) => FieldType::TimeOfDay,
                    (Type::OFTDateTime, _) => FieldType::Instant,
                    (Type::OFTBinary, _) => FieldType::Bytes,
                    (Type::OFTIntegerList | Type::OFTInteger64List | Type::OFTRealList | Type::OFTStringList, _) => FieldType::Json,
                    _ => FieldType::Text,
                };
                Field { name, ty }
            })
            .collect()
    }
}

/// The value of a column.
///
/// # Safety
/// `feature` is live and `i` is a column of its layer, of type `ty`.
pub unsafe fn value(feature: OGRFeatureH, i: c_int, ty: FieldType, texts: &mut Texts) -> Value {
    // SAFETY: as the caller promises; texts and bytes are copied at once.
    unsafe {
        if gdal_sys::OGR_F_IsFieldSetAndNotNull(feature, i) == 0 {
            return Value::Null;
        }
        match ty {
            FieldType::Bool => Value::Bool(gdal_sys::OGR_F_GetFieldAsInteger(feature, i) != 0),
            FieldType::Int => Value::Int(gdal_sys::OGR_F_GetFieldAsInteger64(feature, i)),
            FieldType::Real => Value::Real(gdal_sys::OGR_F_GetFieldAsDouble(feature, i)),
            FieldType::Date | FieldType::TimeOfDay | FieldType::Instant => moment(feature, i, ty).map_or(Value::Null, Value::Text),
            FieldType::Bytes => {
                let mut n: c_int = 0;
                let bytes = gdal_sys::OGR_F_GetFieldAsBinary(feature, i, &mut n);
                let bytes = slice(bytes, n);
                Value::Text(bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, b| {
                    let _ = write!(hex, "{b:02X}");
                    hex
                }))
            }
            FieldType::Json => match gdal_sys::OGR_Fld_GetType(gdal_sys::OGR_F_GetFieldDefnRef(feature, i)) {
                Type::OFTString => Value::Text(texts.read(CStr::from_ptr(gdal_sys::OGR_F_GetFieldAsString(feature, i)))),
                ty => Value::Text(list(feature, i, ty, texts).to_string()),
            },
            FieldType::Text => Value::Text(texts.read(CStr::from_ptr(gdal_sys::OGR_F_GetFieldAsString(feature, i)))),
        }
    }
}

/// Reads texts: UTF-8, else in the encoding that the operator named, else with letters lost.
pub struct Texts {
    encoding: Option<CString>,
    /// A text of this record could not be read.
    pub lost: bool,
}

impl Texts {
    pub fn new(encoding: Option<&str>) -> Self {
        Self { encoding: encoding.and_then(|name| CString::new(name).ok()), lost: false }
    }

    fn read(&mut self, text: &CStr) -> String {
        if let Ok(text) = text.to_str() {
            return text.to_owned();
        }
        let recoded = self.encoding.as_ref().and_then(|encoding| {
            // SAFETY: terminated texts in, a terminated one of GDAL's own out, which is copied and freed.
            unsafe {
                let recoded = gdal_sys::CPLRecode(text.as_ptr(), encoding.as_ptr(), c"UTF-8".as_ptr());
                let copy = (!recoded.is_null()).then(|| CStr::from_ptr(recoded).to_str().map(str::to_owned).ok()).flatten();
                gdal_sys::VSIFree(recoded.cast());
                copy
            }
        });
        recoded.filter(|text| !text.contains('\u{fffd}')).unwrap_or_else(|| {
            self.lost = true;
            text.to_string_lossy().into_owned()
        })
    }
}

/// A column of lists, as JSON.
unsafe fn list(feature: OGRFeatureH, i: c_int, ty: Type::Type, texts: &mut Texts) -> serde_json::Value {
    let mut n: c_int = 0;
    // SAFETY: as for `value`; lists belong to the feature and have the stated length.
    unsafe {
        match ty {
            Type::OFTRealList => {
                let numbers = gdal_sys::OGR_F_GetFieldAsDoubleList(feature, i, &mut n);
                slice(numbers, n).iter().copied().collect()
            }
            Type::OFTStringList => {
                let mut list = gdal_sys::OGR_F_GetFieldAsStringList(feature, i);
                let mut out = Vec::new();
                while !list.is_null() && !(*list).is_null() {
                    out.push(texts.read(CStr::from_ptr(*list)));
                    list = list.add(1);
                }
                out.into()
            }
            Type::OFTIntegerList => {
                let numbers = gdal_sys::OGR_F_GetFieldAsIntegerList(feature, i, &mut n);
                slice(numbers, n).iter().copied().collect()
            }
            _ => {
                let numbers = gdal_sys::OGR_F_GetFieldAsInteger64List(feature, i, &mut n);
                slice(numbers, n).iter().copied().collect()
            }
        }
    }
}

/// # Safety
/// `p` is null or points to `n` values that outlive the use.
unsafe fn slice<'a, T>(p: *const T, n: c_int) -> &'a [T] {
    // SAFETY: as the caller promises.
    if p.is_null() || n <= 0 { &[] } else { unsafe { std::slice::from_raw_parts(p, n as usize) } }
}

unsafe fn moment(feature: OGRFeatureH, i: c_int, ty: FieldType) -> Option<String> {
    let (mut y, mut mo, mut d, mut h, mut mi, mut zone) = (0, 0, 0, 0, 0, 0);
    let mut s = 0f32;
    // SAFETY: seven places for seven numbers.
    let known = unsafe { gdal_sys::OGR_F_GetFieldAsDateTimeEx(feature, i, &mut y, &mut mo, &mut d, &mut h, &mut mi, &mut s, &mut zone) };
    if known == 0 {
        return None;
    }
    let millis = (f64::from(s) * 1000.0).round().clamp(0.0, 60_999.0) as u32;
    let mut time = format!("{h:02}:{mi:02}:{:02}", millis / 1000);
    if !millis.is_multiple_of(1000) {
        let _ = write!(time, ".{:03}", millis % 1000);
    }
    Some(match ty {
        FieldType::Date => format!("{y:04}-{mo:02}-{d:02}"),
        FieldType::TimeOfDay => time,
        _ => {
            // GDAL: 0 unknown, 1 local, 100 UTC, else quarters of an hour from UTC about 100.
            let offset = match zone {
                100 => "Z".to_owned(),
                2..=199 => {
                    let minutes: i32 = (zone - 100) * 15;
                    format!("{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60)
                }
                _ => String::new(),
            };
            format!("{y:04}-{mo:02}-{d:02}T{time}{offset}")
        }
    })
}
