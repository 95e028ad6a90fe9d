//! What GDAL complains about, caught before it reaches anybody's terminal.

use gdal::errors::CplErrType;
use std::sync::Mutex;

/// GDAL repeats itself on damaged files: this many are kept between two looks.
const KEPT: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The call did not do what it was asked; else a warning.
    pub failure: bool,
    pub text: String,
}

static COMPLAINTS: Mutex<Vec<Complaint>> = Mutex::new(Vec::new());

pub fn catch() {
    gdal::config::set_error_handler(|kind, _number, text| {
        let failure = matches!(kind, CplErrType::Failure | CplErrType::Fatal);
        if !failure && !matches!(kind, CplErrType::Warning) {
            return;
        }
        let mut kept = COMPLAINTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if kept.len() < KEPT {
            // What GDAL's own programs could be told to do about it helps nobody here.
            let text = text.split_once(". To avoid").map_or(text, |(said, _)| said);
            kept.push(Complaint { failure, text: text.chars().take(300).collect() });
        }
    });
}

/// What was said since the last look.
pub fn take() -> Vec<Complaint> {
    std::mem::take(&mut *COMPLAINTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// The failures among them, as one text; `None` when there was none.
pub fn failure(complaints: &[Complaint]) -> Option<String> {
    let said: Vec<_> = complaints.iter().filter(|c| c.failure).map(|c| c.text.as_str()).collect();
    (!said.is_empty()).then(|| said.join("; "))
}
