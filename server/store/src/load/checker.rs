//! What can be told of a record without the store: it may be done on another thread, ahead of those that land.

use super::one::Waiting;
use super::{Filled, Record};
use crate::error::{Refusal, Result};
use crate::store::{Store, Tables};
use std::sync::Arc;

/// Holds records against the classes that the store had when it was made.
#[derive(Clone)]
pub struct Checker {
    pub(super) tables: Arc<Tables>,
}

/// A record that was looked at: fit to be stored, or not.
pub struct Checked(pub(super) Result<Waiting, Refusal>);

impl Store {
    pub fn checker(&self) -> Checker {
        Checker { tables: self.tables() }
    }
}

impl Checker {
    /// An error is a class that the store does not have; what is wrong with the record is in the answer.
    pub fn check(&self, record: Record, filled: Filled) -> Result<Checked> {
        let table = self.tables.get(record.class)?;
        Ok(Checked(Waiting::new(table, record, filled)))
    }
}
