//! What is wrong with a catalogue file, and where.

/// Names the file and the entry, so that the person who wrote it finds the line.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("{file} is not a catalogue: {detail}")]
    Toml { file: String, detail: String },
    #[error("{file}, {entry}: {problem}")]
    Entry { file: String, entry: String, problem: String },
}
