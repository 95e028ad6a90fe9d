//! Foreign files become features
