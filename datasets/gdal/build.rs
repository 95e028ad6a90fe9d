//! Links PROJ beside GDAL: which coordinate operation was taken, and how accurate it is, only PROJ itself tells.
//! libgdal-dev brings libproj-dev along.

fn main() {
    println!("cargo:rustc-link-lib=proj");
    println!("cargo:rerun-if-changed=build.rs");
}
