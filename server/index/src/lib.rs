//! Where is it?
