//! Tables as CSV (RFC 4180, UTF-8 with the mark by which spreadsheets know it). Points as lon, lat and z, everything else
//! as well-known text.
//!
//! A text that a spreadsheet would run is guarded (`citytwin_datasets::formula`), and a load takes the guard off again.

use super::losses::{Loss, Losses};
use super::table::{ColumnType, Row, Table};
use crate::wkt::{number, well_known_text};
use citytwin_datasets::formula::guarded;
use citytwin_model::{GeometryKind, Shape, Value};
use std::io::{self, Write};

/// Names by which a reader of tables knows coordinates, in small letters: it takes such columns for places.
pub const RESERVED: [&str; 19] = [
    "lon",
    "lng",
    "long",
    "longitude",
    "x",
    "经度",
    "东坐标",
    "lat",
    "latitude",
    "y",
    "纬度",
    "北坐标",
    "z",
    "elevation",
    "高程",
    "wkt",
    "geometry",
    "geom",
    "height",
];

/// How a table's places stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    None,
    /// In degrees, or in metres of a system.
    Numbers {
        degrees: bool,
        heights: bool,
    },
    Text,
}

impl Places {
    pub fn of(table: &Table, degrees: bool) -> Self {
        match table.class.geometry {
            GeometryKind::None => Self::None,
            GeometryKind::Point if table.survey.multi == 0 => Self::Numbers { degrees, heights: table.survey.with_z > 0 },
            GeometryKind::Point | GeometryKind::Line | GeometryKind::Area => Self::Text,
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Numbers { degrees: true, heights: false } => &["lon", "lat"],
            Self::Numbers { degrees: true, heights: true } => &["lon", "lat", "z"],
            Self::Numbers { degrees: false, heights: false } => &["x", "y"],
            Self::Numbers { degrees: false, heights: true } => &["x", "y", "z"],
            Self::Text => &["wkt"],
        }
    }
}

/// The columns' names; one that would be taken for a coordinate gets a number behind it.
pub fn names(table: &Table) -> Vec<String> {
    let is_free = |name: &str| {
        let small = name.to_lowercase();
        !RESERVED.contains(&small.as_str()) && !table.columns.iter().any(|c| c.name.to_lowercase() == small)
    };
    let name = |name: &String| {
        if !RESERVED.contains(&name.to_lowercase().as_str()) {
            return name.clone();
        }
        (2..).map(|n| format!("{name}_{n}")).find(|name| is_free(name)).expect("some number is free")
    };
    table.columns.iter().map(|column| name(&column.name)).collect()
}

pub fn begin(out: &mut impl Write, table: &Table, places: Places) -> io::Result<()> {
    out.write_all("\u{feff}".as_bytes())?;
    let names = names(table).into_iter().chain(places.columns().iter().map(|name| (*name).to_owned()));
    cells(out, names.map(|name| Cell::Text(guarded(&name).into_owned())))
}

pub fn row(out: &mut impl Write, table: &Table, row: &Row, places: Places, losses: &mut Losses) -> io::Result<()> {
    let mut all = Vec::with_capacity(row.values.len() + 3);
    for (column, value) in table.columns.iter().zip(&row.values) {
        all.push(match value {
            Value::Null => Cell::Nothing,
            Value::Bool(b) => Cell::Plain(b.to_string()),
            Value::Int(n) => Cell::Plain(n.to_string()),
            Value::Real(x) => Cell::Plain(number(*x)),
            Value::Text(text) => {
                if text.is_empty() && column.ty == ColumnType::Text {
                    losses.note(Loss::EmptyText, || table.id(row));
                }
                Cell::Text(guarded(text).into_owned())
            }
        });
    }
    match (&row.geometry, places) {
        (None, places) => all.extend(places.columns().iter().map(|_| Cell::Nothing)),
        (Some(geometry), Places::Numbers { heights, .. }) => {
            let Shape::Point(p) = geometry.shape else { unreachable!("only points stand as numbers") };
            all.extend([Cell::Plain(number(p.lon)), Cell::Plain(number(p.lat))]);
            if heights {
                all.push(if geometry.has_z { Cell::Plain(number(p.z)) } else { Cell::Nothing });
            }
        }
        (Some(geometry), Places::Text) => all.push(Cell::Text(well_known_text(geometry))),
        (Some(_), Places::None) => {}
    }
    cells(out, all)
}

enum Cell {
    Nothing,
    /// Digits and letters.
    Plain(String),
    Text(String),
}

fn cells(out: &mut impl Write, cells: impl IntoIterator<Item = Cell>) -> io::Result<()> {
    for (i, cell) in cells.into_iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Cell::Nothing => {}
            Cell::Plain(text) => out.write_all(text.as_bytes())?,
            // An empty text is quoted: for those who look, it is not nothing.
            Cell::Text(text) if text.is_empty() || text.contains(['"', ',', '\n', '\r']) || text.trim() != text => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            Cell::Text(text) => out.write_all(text.as_bytes())?,
        }
    }
    out.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut out = Vec::new();
        let text = |text: &str| Cell::Text(text.to_owned());
        cells(&mut out, [text("say \"x\""), Cell::Nothing, text(""), text("=1+1"), text(" a"), text("a\nb"), Cell::Plain("0.5".into())])
            .unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\"say \"\"x\"\"\",,\"\",=1+1,\" a\",\"a\nb\",0.5\r\n");
    }
}
