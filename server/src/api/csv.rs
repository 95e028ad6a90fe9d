//! Tables as CSV (RFC 4180), with the mark by which spreadsheets know UTF-8, so that Chinese is read as such.
//!
//! Spreadsheets run a cell that begins like a formula: such *texts* are guarded (`citytwin_datasets::formula`); numbers and
//! the geometry are written as they are.

use crate::wkt::well_known_text;
use citytwin_datasets::formula::guarded;
use citytwin_model::{AttributeType, Class, Feature, FeatureId, Value};

pub const MEDIA_TYPE: &str = "text/csv; charset=utf-8";
const BYTE_ORDER_MARK: char = '\u{feff}';

#[derive(Default)]
pub struct Csv {
    text: String,
    in_row: bool,
    /// Whether each feature's row ends by saying that it is made up.
    simulated: bool,
}

/// The column that says so, where the class has none of that name itself.
const SIMULATED: &str = "simulated";

impl Csv {
    /// Begins with the names of the columns.
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut csv = Self { text: BYTE_ORDER_MARK.to_string(), in_row: false, simulated: false };
        columns.into_iter().for_each(|column| csv.text_cell(column));
        csv.end_row();
        csv
    }

    /// A text that somebody else wrote.
    pub fn text_cell(&mut self, text: &str) {
        self.cell(&guarded(text));
    }

    /// A number, an instant, a geometry: what we have put together ourselves.
    pub fn cell(&mut self, text: &str) {
        if std::mem::replace(&mut self.in_row, true) {
            self.text.push(',');
        }
        if text.contains(['"', ',', '\n', '\r']) {
            self.text.push('"');
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(text);
        }
    }

    pub fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.in_row = false;
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// The columns of a class: id, its attributes, its geometry; of a made-up city one more that says so.
    pub fn of_class(class: &Class, simulated: bool) -> Self {
        let attributes = class.attributes.iter().map(|attribute| attribute.id.as_str());
        let simulated = simulated && class.attribute(SIMULATED).is_none();
        let columns = std::iter::once("id").chain(attributes).chain(["geometry"]).chain(simulated.then_some(SIMULATED));
        Self { simulated, ..Self::new(columns) }
    }

    pub fn feature(&mut self, id: &str, class: &Class, feature: &Feature, class_name: &dyn Fn(FeatureId) -> Option<String>) {
        self.cell(id);
        for (attribute, value) in feature.values(class) {
            match value {
                Value::Text(text) => self.text_cell(text),
                _ => self.cell(&text(&attribute.ty, value, class_name)),
            }
        }
        self.cell(&feature.geometry.as_ref().map(well_known_text).unwrap_or_default());
        if self.simulated {
            self.cell("true");
        }
        self.end_row();
    }
}

/// No data is an empty cell, never a zero.
fn text(ty: &AttributeType, value: &Value, class_name: &dyn Fn(FeatureId) -> Option<String>) -> String {
    match (ty, value) {
        (_, Value::Null) => String::new(),
        (AttributeType::Ref(_), Value::Int(wire)) => {
            let id = u64::try_from(*wire).ok().and_then(FeatureId::from_wire);
            id.and_then(|id| class_name(id).map(|name| format!("{name}.{}", id.fid))).unwrap_or_else(|| wire.to_string())
        }
        (_, Value::Bool(b)) => b.to_string(),
        (_, Value::Int(n)) => n.to_string(),
        (_, Value::Real(x)) => x.to_string(),
        (_, Value::Text(text)) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut csv = Csv::new(["编号", "a,b"]);
        csv.cell("say \"x\"");
        csv.cell("");
        csv.end_row();
        assert_eq!(csv.into_text(), "\u{feff}编号,\"a,b\"\r\n\"say \"\"x\"\"\",\r\n");
    }

    #[test]
    fn a_text_is_never_run() {
        let mut csv = Csv::new(["=cmd"]);
        csv.text_cell("=1,2");
        csv.cell("-3.5");
        csv.end_row();
        assert_eq!(csv.into_text(), "\u{feff}'=cmd\r\n\"'=1,2\",-3.5\r\n");
    }
}
