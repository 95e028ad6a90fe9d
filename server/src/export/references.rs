//! The codes of features that others name: in the store a reference is a number, in files it is the code.

use super::city::Source;
use super::losses::{Loss, Losses};
use citytwin_model::{Class, ClassNo, FeatureId, Value};
use citytwin_store::StoreError;
use std::collections::HashMap;
use std::sync::Arc;

/// Codes remembered, twice: neighbours name the same nodes.
const REMEMBERED: usize = 100_000;

pub struct References<'s> {
    source: Source<'s>,
    classes: HashMap<ClassNo, Arc<Class>>,
    recent: HashMap<FeatureId, Option<String>>,
    older: HashMap<FeatureId, Option<String>>,
    /// The first thing that went wrong with the store.
    pub failed: Option<StoreError>,
}

impl<'s> References<'s> {
    pub fn new(source: Source<'s>) -> Self {
        let classes = source.store.classes().into_iter().map(|class| (class.no, class)).collect();
        Self { source, classes, recent: HashMap::new(), older: HashMap::new(), failed: None }
    }

    /// The code of the feature that a wire number names; its public id where it has none.
    pub fn code(&mut self, wire: &Value, losses: &mut Losses, of: impl FnOnce() -> String) -> Value {
        let Some(id) = wire.as_int().and_then(|n| u64::try_from(n).ok()).and_then(FeatureId::from_wire) else { return Value::Null };
        match self.look_up(id) {
            Some(code) => Value::Text(code),
            None => {
                losses.note(Loss::ReferenceWithoutCode, of);
                let class = self.classes.get(&id.class).map_or_else(|| id.class.to_string(), |class| class.id.clone());
                Value::Text(format!("{class}.{}", id.fid))
            }
        }
    }

    fn look_up(&mut self, id: FeatureId) -> Option<String> {
        if let Some(code) = self.recent.get(&id) {
            return code.clone();
        }
        let code = match self.older.remove(&id) {
            Some(code) => code,
            None => self.ask(id),
        };
        if self.recent.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(id, code.clone());
        code
    }

    fn ask(&mut self, id: FeatureId) -> Option<String> {
        let class = self.classes.get(&id.class)?;
        match self.source.feature(id) {
            Ok(feature) => feature?.text(class, "code").filter(|code| !code.is_empty()).map(str::to_owned),
            // It cannot be known what that one was called then; it is counted among those without a code.
            Err(StoreError::HistoryLost { .. }) => None,
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }
}
