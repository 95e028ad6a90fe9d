//! What is it now, and before?
