//! Texts in tables that a spreadsheet would run.
//!
//! Names come out of files that anybody may have written. So a *text* that begins with `=`, `+`, `-`, `@`, a tab or a
//! carriage return, also behind apostrophes, gets one apostrophe more in front when it goes into a table, and loses it on
//! the way back: every other cell is what it says.

use std::borrow::Cow;

/// Whether a spreadsheet would run the text, or the way back would change it.
fn is_guarded(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_guarded(text) { format!("'{text}").into() } else { text.into() }
}

pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_guarded(text) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_never_run_and_comes_back_as_it_was() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://elsewhere.example\")", "'=HYPERLINK(\"http://elsewhere.example\")"),
            ("+86 10", "'+86 10"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("'quoted'", "'quoted'"),
            ("H-1", "H-1"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), cell);
            assert_eq!(unguarded(cell), text);
        }
    }
}
