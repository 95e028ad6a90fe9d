//! What must hold across crates: the tests stand in `tests/tests/`.
