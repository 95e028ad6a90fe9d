//! The JSON we speak
