//! One file per topic: extract, one call inward, convert.

pub mod alarms;
pub mod catalogue;
pub mod catalogue_page;
pub mod collections;
pub mod console;
pub mod csv;
pub mod edit;
pub mod files;
pub mod health;
pub mod items;
pub mod landing;
pub mod live;
pub mod live_json;
pub mod locate;
pub mod openapi;
pub mod overlays;
pub mod pages;
pub mod params;
pub mod readings;
pub mod reply;
pub mod session;
pub mod style;
pub mod tiles;
pub mod tiles3d;
pub mod viewer;
