//! Where a load's coordinates came from and how they became degrees, class by class: recorded with the load, so that what
//! was accepted by name can be seen later, and so that an export finds the way back.

use super::{Load, LoadState};
use crate::error::Result;
use crate::store::Store;
use citytwin_model::ClassNo;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How one class's coordinates came in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Way {
    pub class: u16,
    /// As people call the system: `EPSG:4547`, or its name where it has no code.
    pub name: String,
    /// By which it is found again: its code, or the whole of its definition.
    pub crs: String,
    /// Where another datum was left: the operation, its stated accuracy, and what the operator said he accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_m: Option<f64>,
}

/// What `ct_load.origin` holds, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Origin {
    /// A file of corrected records: they stand in degrees, whatever their source stands in.
    pub partial: bool,
    pub ways: Vec<Way>,
}

impl Origin {
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub fn note(&self, conn: &Connection, load: i64) -> Result<()> {
        let text = serde_json::to_string(self).expect("plain values become JSON");
        conn.prepare_cached("UPDATE ct_load SET origin=?2 WHERE id=?1")?.execute((load, text))?;
        Ok(())
    }
}

/// A system that a class of a data set came in.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSystem {
    /// The data set's number.
    pub source: i64,
    pub class: ClassNo,
    pub name: String,
    pub crs: String,
}

impl Load<'_> {
    /// Records how the coordinates of a class become degrees.
    pub fn came_by(&mut self, way: Way) {
        if !self.origin.ways.contains(&way) {
            self.origin.ways.push(way);
        }
    }
}

impl Store {
    /// The system of each class of each data set, as its newest load had it that is not taken back; several where one
    /// load had layers in different systems.
    pub fn source_systems(&self) -> Result<Vec<SourceSystem>> {
        self.reading(|conn| {
            let mut statement = conn.prepare("SELECT source, state, origin FROM ct_load WHERE origin IS NOT NULL ORDER BY id DESC")?;
            let mut rows = statement.query([])?;
            let mut settled: BTreeSet<(i64, u16)> = BTreeSet::new();
            let mut systems: Vec<SourceSystem> = Vec::new();
            while let Some(row) = rows.next()? {
                let (source, state, origin): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let origin = Origin::read(Some(&origin));
                if origin.partial || matches!(LoadState::of(&state), LoadState::Undone | LoadState::Undoing) {
                    continue;
                }
                let new: Vec<&Way> = origin.ways.iter().filter(|way| !settled.contains(&(source, way.class))).collect();
                settled.extend(new.iter().map(|way| (source, way.class)));
                for Way { class, name, crs, .. } in new.into_iter().cloned() {
                    let system = SourceSystem { source, class: ClassNo(class), name, crs };
                    if !systems.contains(&system) {
                        systems.push(system);
                    }
                }
            }
            Ok(systems)
        })
    }
}
