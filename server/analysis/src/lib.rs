//! What follows?
