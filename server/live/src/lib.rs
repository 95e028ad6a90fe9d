//! What does it report?
