//! OpenStreetMap: which tags become columns, and the rest of them kept whole.
//!
//! GDAL sorts an extract into points, lines, multilinestrings, multipolygons and other relations; what counts as an area
//! is its own default. Every layer gets the same columns, those a city asks for, and all further tags as one JSON object:
//! nothing that was said of a thing is dropped, `note` and `source` included.

use citytwin_datasets::pipe::{Field, FieldType};
use std::ffi::CString;

/// In GDAL's own memory: no file of the machine decides what is read.
pub const COLUMNS_FILE: &str = "/vsimem/citytwin-osm.ini";
/// GDAL's column for all other tags, and what we call it.
const OTHER_TAGS: (&str, &str) = ("other_tags", "tags");

const COLUMNS: &str = "name,ref,operator,start_date,highway,railway,waterway,barrier,man_made,emergency,amenity,building,\
building:levels,height,landuse,natural,leisure,power,place,addr:street,addr:housenumber,bridge,tunnel,layer,surface,lanes,oneway,\
maxspeed,width,diameter,substance,location,fire_hydrant:type,fire_hydrant:diameter";
const AREAS: &str = "aeroway,amenity,boundary,building,craft,geological,historic,landuse,leisure,military,natural,office,place,shop,\
sport,tourism,highway=platform,public_transport=platform";

/// Writes the description that the driver reads.
pub fn describe_columns() {
    let mut text = format!("closed_ways_are_polygons={AREAS}\nattribute_name_laundering=no\nreport_all_nodes=no\nreport_all_ways=no\n");
    for layer in ["points", "lines", "multipolygons", "multilinestrings", "other_relations"] {
        text.push_str(&format!("\n[{layer}]\nosm_id=yes\nosm_version=no\nosm_timestamp=no\nosm_uid=no\nosm_user=no\nosm_changeset=no\n"));
        let kind = if ["points", "lines"].contains(&layer) { "" } else { "type," };
        text.push_str(&format!("attributes={kind}{COLUMNS}\n"));
        if layer == "points" {
            // A node with nothing but these is a vertex of a way.
            text.push_str("unsignificant=created_by,converted_by,source,time,ele,attribution\n");
        }
        text.push_str("ignore=\n");
    }
    let name = CString::new(COLUMNS_FILE).expect("no null in it");
    let size = text.len();
    // SAFETY: GDAL takes the buffer that its own allocator gave, of the size that is said, and frees it.
    unsafe {
        let buffer = gdal_sys::CPLMalloc(size).cast::<u8>();
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer, size);
        let file = gdal_sys::VSIFileFromMemBuffer(name.as_ptr(), buffer, size as u64, 1);
        gdal_sys::VSIFCloseL(file);
    }
}

/// Announces the other tags as the object that they are.
pub fn announce(fields: &mut [Field]) {
    for field in fields.iter_mut().filter(|f| f.name == OTHER_TAGS.0) {
        *field = Field { name: OTHER_TAGS.1.into(), ty: FieldType::Json };
    }
}

pub fn is_tags(field: &Field) -> bool {
    field.name == OTHER_TAGS.1 && field.ty == FieldType::Json
}

/// `"key"=>"value","key2"=>"value2"`, as GDAL writes it, as a JSON object; what is not of that form stays text.
pub fn tags(hstore: &str) -> String {
    parse(hstore).map_or_else(|| serde_json::Value::from(hstore).to_string(), |tags| serde_json::Value::Object(tags).to_string())
}

fn parse(hstore: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    let mut tags = serde_json::Map::new();
    let mut rest = hstore;
    loop {
        let (key, after) = quoted(rest)?;
        let (value, after) = quoted(after.strip_prefix("=>")?)?;
        tags.insert(key, value.into());
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return after.is_empty().then_some(tags),
        }
    }
}

/// A text in quotes, with `\"` and `\\` in it, and what comes behind.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((out, &text[i + 2..])),
            '\\' => out.push(chars.next()?.1),
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_an_object() {
        let said = r#""note"=>"a \"quoted\" \\ text, with => in it","addr:city"=>"上海","empty"=>"""#;
        let wanted = serde_json::json!({ "note": "a \"quoted\" \\ text, with => in it", "addr:city": "上海", "empty": "" });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&tags(said)).unwrap(), wanted);
    }

    #[test]
    fn what_is_no_list_of_tags_stays_as_it_was() {
        for odd in ["", "plain", "\"a\"=>", "\"a\"=>\"b\"x", "\"a\\"] {
            assert_eq!(serde_json::from_str::<String>(&tags(odd)).unwrap(), odd);
        }
    }
}
