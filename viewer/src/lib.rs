//! The city in 3D, native and in the browser, from one code base.
#![doc = include_str!("../README.md")]

pub mod app;
pub mod camera;
pub mod city;
pub mod eye;
pub mod labels;
pub mod live;
pub mod mesh;
pub mod net;
pub mod pace;
pub mod pick;
pub mod render;
pub mod scene;
#[cfg(not(target_arch = "wasm32"))]
pub mod screenshot;
pub mod selection;
pub mod tile;
pub mod ui;
pub mod wish;
