//! A small strict reader of vector tiles, for tests: what breaks a rule of the specification is an error.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeMap;

#[derive(Debug, PartialEq)]
pub struct Layer {
    pub version: u64,
    pub name: String,
    pub extent: u64,
    pub features: Vec<Feature>,
}

#[derive(Debug, PartialEq)]
pub struct Feature {
    pub id: Option<u64>,
    pub kind: u64,
    pub geometry: Vec<u32>,
    pub parts: Parts,
    pub properties: BTreeMap<String, Value>,
}

#[derive(Debug, PartialEq)]
pub enum Parts {
    Points(Vec<[i64; 2]>),
    Lines(Vec<Vec<[i64; 2]>>),
    /// Outer ring first, then holes; open.
    Polygons(Vec<Vec<Vec<[i64; 2]>>>),
}

#[derive(Debug, PartialEq, Clone)]
pub enum Value {
    Text(String),
    Float(f32),
    Double(f64),
    Int(i64),
    Uint(u64),
    Sint(i64),
    Bool(bool),
}

type Result<T> = std::result::Result<T, String>;

pub fn read(bytes: &[u8]) -> Result<Vec<Layer>> {
    let mut layers: Vec<Layer> = Vec::new();
    for (field, content) in fields(bytes)? {
        match (field, content) {
            (3, Content::Bytes(layer)) => {
                let layer = read_layer(layer)?;
                if layers.iter().any(|other| other.name == layer.name) {
                    return Err(format!("two layers are called {}", layer.name));
                }
                layers.push(layer);
            }
            (field, _) => return Err(format!("field {field} in a tile")),
        }
    }
    Ok(layers)
}

enum Content<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Eight([u8; 8]),
    Four([u8; 4]),
}

fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Content<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let content = match key & 7 {
            0 => Content::Number(varint(&mut bytes)?),
            1 => Content::Eight(take(&mut bytes, 8)?.try_into().unwrap()),
            2 => {
                let length = varint(&mut bytes)? as usize;
                Content::Bytes(take(&mut bytes, length)?)
            }
            5 => Content::Four(take(&mut bytes, 4)?.try_into().unwrap()),
            wire => return Err(format!("wire type {wire}")),
        };
        found.push((key >> 3, content));
    }
    Ok(found)
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Result<&'a [u8]> {
    if n > bytes.len() {
        return Err("the message ends too early".into());
    }
    let (head, rest) = bytes.split_at(n);
    *bytes = rest;
    Ok(head)
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number of more than ten bytes".into())
}

fn packed(mut bytes: &[u8]) -> Result<Vec<u32>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(varint(&mut bytes)? as u32);
    }
    Ok(values)
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

fn read_layer(bytes: &[u8]) -> Result<Layer> {
    let (mut version, mut name, mut extent) = (None, None, 4096);
    let (mut keys, mut values, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    for (field, content) in fields(bytes)? {
        match (field, content) {
            (15, Content::Number(n)) => version = Some(n),
            (1, Content::Bytes(bytes)) => name = Some(text(bytes)?),
            (2, Content::Bytes(bytes)) => raw.push(bytes),
            (3, Content::Bytes(bytes)) => keys.push(text(bytes)?),
            (4, Content::Bytes(bytes)) => values.push(read_value(bytes)?),
            (5, Content::Number(n)) => extent = n,
            (field, _) => return Err(format!("field {field} in a layer")),
        }
    }
    let features = raw.into_iter().map(|bytes| read_feature(bytes, &keys, &values)).collect::<Result<_>>()?;
    Ok(Layer { version: version.ok_or("a layer without version")?, name: name.ok_or("a layer without name")?, extent, features })
}

fn read_value(bytes: &[u8]) -> Result<Value> {
    let found = fields(bytes)?;
    let [(field, content)] = &found[..] else { return Err("a value that is not one value".into()) };
    Ok(match (field, content) {
        (1, Content::Bytes(bytes)) => Value::Text(text(bytes)?),
        (2, Content::Four(bytes)) => Value::Float(f32::from_le_bytes(*bytes)),
        (3, Content::Eight(bytes)) => Value::Double(f64::from_le_bytes(*bytes)),
        (4, Content::Number(n)) => Value::Int(*n as i64),
        (5, Content::Number(n)) => Value::Uint(*n),
        (6, Content::Number(n)) => Value::Sint(unzigzag(*n)),
        (7, Content::Number(n)) => Value::Bool(*n != 0),
        (field, _) => return Err(format!("field {field} in a value")),
    })
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn read_feature(bytes: &[u8], keys: &[String], values: &[Value]) -> Result<Feature> {
    let (mut id, mut kind, mut tags, mut geometry) = (None, None, Vec::new(), Vec::new());
    for (field, content) in fields(bytes)? {
        match (field, content) {
            (1, Content::Number(n)) => id = Some(n),
            (2, Content::Bytes(bytes)) => tags = packed(bytes)?,
            (3, Content::Number(n)) => kind = Some(n),
            (4, Content::Bytes(bytes)) => geometry = packed(bytes)?,
            (field, _) => return Err(format!("field {field} in a feature")),
        }
    }
    if tags.len() % 2 != 0 {
        return Err("an odd number of tags".into());
    }
    let mut properties = BTreeMap::new();
    for pair in tags.chunks_exact(2) {
        let key = keys.get(pair[0] as usize).ok_or("a key that is not there")?;
        let value = values.get(pair[1] as usize).ok_or("a value that is not there")?;
        if properties.insert(key.clone(), value.clone()).is_some() {
            return Err(format!("{key} twice"));
        }
    }
    let kind = kind.ok_or("a feature without type")?;
    let parts = read_geometry(kind, &geometry)?;
    Ok(Feature { id, kind, geometry, parts, properties })
}

fn read_geometry(kind: u64, commands: &[u32]) -> Result<Parts> {
    let mut at = [0i64; 2];
    let mut rest = commands;
    let mut strokes: Vec<(Vec<[i64; 2]>, bool)> = Vec::new();
    while let Some((head, tail)) = rest.split_first() {
        let (command, count) = (head & 7, (head >> 3) as usize);
        rest = tail;
        match (kind, command) {
            (1, 1) if count > 0 && strokes.is_empty() => strokes.push((Vec::new(), false)),
            (2 | 3, 1) if count == 1 && strokes.last().is_none_or(|(stroke, closed)| stroke.len() > 1 && (kind == 2 || *closed)) => {
                strokes.push((Vec::new(), false))
            }
            (2 | 3, 2) if count >= 1 && strokes.last().is_some_and(|(stroke, closed)| stroke.len() == 1 && !closed) => {}
            (3, 7) if count == 1 && strokes.last().is_some_and(|(stroke, closed)| stroke.len() >= 3 && !closed) => {
                strokes.last_mut().unwrap().1 = true;
                continue;
            }
            _ => return Err(format!("command {command} × {count} out of place")),
        }
        if rest.len() < count.checked_mul(2).ok_or("a count without end")? {
            return Err("parameters are missing".into());
        }
        for _ in 0..count {
            for axis in 0..2 {
                at[axis] += unzigzag(u64::from(rest[axis]));
            }
            rest = &rest[2..];
            let stroke = &mut strokes.last_mut().unwrap().0;
            if kind != 1 && stroke.last() == Some(&at) {
                return Err("a step of no length".into());
            }
            stroke.push(at);
        }
    }
    match kind {
        1 if !strokes.is_empty() => Ok(Parts::Points(strokes.remove(0).0)),
        2 if !strokes.is_empty() && strokes.iter().all(|(stroke, _)| stroke.len() > 1) => {
            Ok(Parts::Lines(strokes.into_iter().map(|(stroke, _)| stroke).collect()))
        }
        3 if !strokes.is_empty() && strokes.iter().all(|(_, closed)| *closed) => {
            let mut polygons: Vec<Vec<Vec<[i64; 2]>>> = Vec::new();
            for (ring, _) in strokes {
                match area2(&ring) {
                    0 => return Err("a ring without area".into()),
                    area if area > 0 => polygons.push(vec![ring]),
                    _ => polygons.last_mut().ok_or("a hole without a polygon")?.push(ring),
                }
            }
            Ok(Parts::Polygons(polygons))
        }
        _ => Err(format!("geometry of type {kind} is not whole")),
    }
}

/// Twice the area by the surveyor's formula; positive for outer rings.
pub fn area2(ring: &[[i64; 2]]) -> i64 {
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum()
}
