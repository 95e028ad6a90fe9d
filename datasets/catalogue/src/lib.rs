//! Facility classes, codes and symbols: one source for all doors
