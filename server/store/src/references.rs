//! References between features: codes in files, wire numbers in the store.
//!
//! A code that no feature has yet is kept as text in the column `other`, under the attribute's name, and is served as
//! that text; when its target arrives with a later load, it is linked.

use crate::error::Result;
use crate::store::Tables;
use citytwin_model::{Class, FeatureId, Value};
use rusqlite::Connection;

/// The code that a reference is given by; `None` when it is null or already a feature's number.
pub(crate) fn code_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(code) if !code.is_empty() => Some(code.clone()),
        // A file's plain number is its author's code, unless it can be a wire number.
        Value::Int(n) if u64::try_from(*n).ok().and_then(FeatureId::from_wire).is_none() => Some(n.to_string()),
        _ => None,
    }
}

/// The feature that a code means: of the same source if one there has it, else the only one that has it.
/// Two candidates of equal right resolve to neither.
pub(crate) fn resolve(
    conn: &Connection,
    tables: &Tables,
    classes: &[String],
    code: &str,
    source: Option<i64>,
) -> Result<Option<FeatureId>> {
    let mut own: Vec<FeatureId> = Vec::new();
    let mut any: Vec<FeatureId> = Vec::new();
    for table in tables.served.iter().filter(|t| t.code.is_some() && (classes.is_empty() || classes.contains(&t.class.id))) {
        let mut statement = conn.prepare_cached(&format!("SELECT fid, source FROM {} WHERE code=?1 LIMIT 16", table.name))?;
        let mut rows = statement.query([code])?;
        while let Some(row) = rows.next()? {
            let id = FeatureId::new(table.no(), row.get(0)?);
            let of: Option<i64> = row.get(1)?;
            if source.is_some() && of == source {
                own.push(id);
            }
            any.push(id);
        }
    }
    Ok(match (own.as_slice(), any.as_slice()) {
        ([id], _) | ([], [id]) => Some(*id),
        _ => None,
    })
}

/// The column `other` with the codes that resolved to nothing.
pub(crate) fn with_unresolved(other: Option<&str>, class: &Class, unresolved: &[(usize, String)]) -> Option<String> {
    if unresolved.is_empty() {
        return other.map(str::to_owned);
    }
    let mut object: serde_json::Map<_, _> = other.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for (i, code) in unresolved {
        object.insert(class.attributes[*i].id.clone(), serde_json::Value::String(code.clone()));
    }
    serde_json::to_string(&object).ok()
}

/// Takes the unresolved codes out of `other` again, into their attributes.
pub(crate) fn take_unresolved(
    other: Option<String>,
    refs: &[(usize, Vec<String>)],
    class: &Class,
    attributes: &mut [Value],
) -> Option<String> {
    let text = other?;
    let waiting = |i: usize| text.contains(class.attributes[i].id.as_str());
    if !refs.iter().any(|(i, _)| waiting(*i)) {
        return Some(text);
    }
    let Ok(serde_json::Value::Object(mut object)) = serde_json::from_str(&text) else { return Some(text) };
    let mut taken = false;
    for (i, _) in refs {
        if let Some(serde_json::Value::String(code)) = object.get(&class.attributes[*i].id) {
            if attributes[*i].is_null() {
                attributes[*i] = Value::Text(code.clone());
            }
            object.remove(&class.attributes[*i].id);
            taken = true;
        }
    }
    match (taken, object.is_empty()) {
        (false, _) => Some(text),
        (true, true) => None,
        (true, false) => serde_json::to_string(&object).ok(),
    }
}
