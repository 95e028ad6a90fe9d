//! Whole numbers beyond 64 bits in JSON: GDAL makes them the largest (or smallest) that there is, without a word.
//!
//! A number between the largest signed and the largest unsigned one is still known from the record itself, and handed on
//! as its text; of any other nobody knows any more what it was.

use crate::layer::Feature;
use citytwin_datasets::pipe::Field;
use citytwin_model::Value;

/// Formats whose numbers are as long as their writer liked.
pub fn is_of(format: &str) -> bool {
    ["GeoJSON", "TopoJSON", "ESRIJSON"].contains(&format)
}

/// Puts back what is still known; else the column's name, whose value is taken away.
pub fn restore(feature: &Feature, fields: &[Field], values: &mut [Value]) -> Result<(), String> {
    for (field, value) in fields.iter().zip(values) {
        let Value::Int(clamped @ (i64::MAX | i64::MIN)) = *value else { continue };
        let number = feature.native_number(&field.name);
        // GDAL's own reader of JSON ends at the largest unsigned number, and at the smallest signed one.
        match number.as_ref().and_then(serde_json::Number::as_u64) {
            Some(exact) if i64::try_from(exact) == Ok(clamped) => {}
            Some(exact) if exact < u64::MAX => *value = Value::Text(exact.to_string()),
            _ => {
                *value = Value::Null;
                return Err(field.name.clone());
            }
        }
    }
    Ok(())
}
