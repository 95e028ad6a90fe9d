//! The demo city: a generator, deterministic by seed
