//! What a shapefile's table can hold (dBASE): names of ten bytes, texts of 254, numbers of a stated width.
//!
//! Nothing is left to the writing library, which cuts and rounds without a word: names are made here and written beside
//! the file, numbers get the decimals that they have, and those that fit no width stand as texts, to the last digit.

use super::losses::{Loss, Losses};
use super::table::{Column, ColumnType, Row, Table};
use citytwin_datasets::pipe::FieldType;
use citytwin_model::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// More than dBASE's own readers take.
pub const COLUMNS: usize = 255;
const NAME_BYTES: usize = 10;
const TEXT_BYTES: usize = 254;
/// Widest number that common readers take, sign and point included.
const NUMBER: usize = 19;
/// Whole numbers up to here are read as such; wider ones as fractions.
const WHOLE: usize = 17;

pub struct Field {
    pub name: String,
    pub ty: FieldType,
    pub width: u8,
    pub decimals: u8,
}

pub fn fields(table: &Table) -> Vec<Field> {
    let mut taken = BTreeSet::new();
    table.columns.iter().map(|column| field(column, short(&column.name, &mut taken))).collect()
}

fn field(column: &Column, name: String) -> Field {
    let extent = &column.extent;
    let text = |bytes: usize| (FieldType::Text, bytes.clamp(1, TEXT_BYTES) as u8, 0);
    let (ty, width, decimals) = match column.ty {
        // A yes or no that may be neither is a number of one digit.
        ColumnType::Bool => (FieldType::Int, 1, 0),
        ColumnType::Int if extent.whole <= WHOLE => (FieldType::Int, (extent.whole + 1) as u8, 0),
        ColumnType::Int => text(20),
        ColumnType::Real if extent.whole + extent.decimals + 2 <= NUMBER => {
            let decimals = extent.decimals.max(1);
            (FieldType::Real, (extent.whole.max(1) + decimals + 2) as u8, decimals as u8)
        }
        ColumnType::Real => text(24),
        ColumnType::Date => (FieldType::Date, 0, 0),
        // dBASE has days, no instants.
        ColumnType::Instant => text(24),
        ColumnType::Text => text(extent.bytes),
        ColumnType::Json => text(TEXT_BYTES),
    };
    Field { name, ty, width, decimals }
}

/// Ten bytes that no other column has.
fn short(name: &str, taken: &mut BTreeSet<String>) -> String {
    let cut = |bytes: usize| {
        let mut end = name.len().min(bytes);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        &name[..end]
    };
    let tries = std::iter::once(cut(NAME_BYTES).to_owned()).chain((2..).map(|n| {
        let number = format!("_{n}");
        format!("{}{number}", cut(NAME_BYTES - number.len()))
    }));
    let mut tries = tries.filter(|name| !name.is_empty());
    tries.find(|name| taken.insert(name.to_lowercase())).expect("some number is free")
}

/// The values as the fields hold them.
pub fn values(table: &Table, fields: &[Field], row: &Row, losses: &mut Losses) -> Vec<Value> {
    let one = |((column, field), value): ((&Column, &Field), &Value)| match (field.ty, value) {
        (FieldType::Int, Value::Bool(b)) => Value::Int(i64::from(*b)),
        (FieldType::Text, Value::Int(n)) => Value::Text(n.to_string()),
        (FieldType::Text, Value::Real(x)) => Value::Text(crate::wkt::number(*x)),
        (FieldType::Text, Value::Text(text)) => {
            if column.ty == ColumnType::Text && text.trim() != text {
                losses.note(Loss::TextTrimmed, || table.id(row));
            } else if text.is_empty() {
                losses.note(Loss::EmptyText, || table.id(row));
            }
            let mut end = text.len().min(field.width as usize);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            if end < text.len() {
                losses.note(Loss::TextCut, || table.id(row));
            }
            Value::Text(text[..end].to_owned())
        }
        (_, value) => value.clone(),
    };
    table.columns.iter().zip(fields).zip(&row.values).map(one).collect()
}

/// The file beside it that says which field is which attribute.
pub fn legend(table: &Table, fields: &[Field]) -> String {
    let mut text = String::from("\u{feff}field,attribute,type,unit,zh,en\r\n");
    for (column, field) in table.columns.iter().zip(fields) {
        let ty = match column.ty {
            ColumnType::Bool => "bool",
            ColumnType::Int => "int",
            ColumnType::Real => "real",
            ColumnType::Text => "text",
            ColumnType::Date => "date",
            ColumnType::Instant => "time",
            ColumnType::Json => "json",
        };
        let unit = column.unit.as_deref().unwrap_or_default();
        let cells = [&field.name, &column.name, ty, unit, &column.label.zh, &column.label.en];
        let quoted = cells
            .map(|cell| if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() });
        writeln!(text, "{}\r", quoted.join(",")).expect("writing to a String");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_ten_bytes_and_none_comes_twice() {
        let mut taken = BTreeSet::new();
        let mut short = |name: &str| super::short(name, &mut taken);
        assert_eq!(short("built_year"), "built_year");
        assert_eq!(short("diameter_mm"), "diameter_m");
        assert_eq!(short("diameter_m"), "diameter_2");
        assert_eq!(short("DIAMETER_M"), "DIAMETER_3");
        assert_eq!(short("设施编号"), "设施编");
        assert_eq!(short("设施编码"), "设施_2");
    }
}
