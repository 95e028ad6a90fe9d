//! Packs the web viewer: bindings for the browser, the page's files, a compressed copy of each.
//!
//!     citytwin-viewer-pack VIEWER.wasm viewer/web OUT_DIR [BROTLI_QUALITY]
//!
//! A program of the workspace, so that the bindings' version is the one in Cargo.lock and nothing has to be installed.

use anyhow::{Context, bail};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Quick to make and a fifth of the size; `make dist` asks for 11.
const DEFAULT_QUALITY: u32 = 5;
/// Smaller files travel in one packet or two anyway.
const SMALLEST_WORTH_COMPRESSING: usize = 1400;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [wasm, page, out, rest @ ..] = args.as_slice() else {
        bail!("usage: citytwin-viewer-pack VIEWER.wasm PAGE_DIR OUT_DIR [BROTLI_QUALITY 0-11]");
    };
    let quality = match rest {
        [] => DEFAULT_QUALITY,
        [q, ..] => q.parse().ok().filter(|q| *q <= 11).context("the brotli quality is a number from 0 to 11")?,
    };
    let out = PathBuf::from(out);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;

    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(wasm).out_name("citytwin_viewer").typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen.omit_default_module_path(false).web(true)?;
    bindgen.generate(&out).with_context(|| format!("cannot make bindings for {wasm}"))?;
    copy_page(Path::new(page), &out)?;
    compress_all(&out, quality)
}

/// The page's own files, without folders of tests or READMEs.
fn copy_page(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let served = path.extension().is_some_and(|e| ["html", "css", "js", "svg", "png", "webmanifest"].iter().any(|x| e == *x));
        if served && let Some(name) = path.file_name() {
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// A `.br` beside each text and wasm file: the server hands it out as it is.
fn compress_all(dir: &Path, quality: u32) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            compress_all(&path, quality)?;
            continue;
        }
        if !path.extension().is_some_and(|e| ["html", "css", "js", "wasm", "svg"].iter().any(|x| e == *x)) {
            continue;
        }
        let bytes = fs::read(&path)?;
        let packed = path.with_added_extension("br");
        if bytes.len() < SMALLEST_WORTH_COMPRESSING {
            let _ = fs::remove_file(&packed);
            continue;
        }
        let mut writer = brotli::CompressorWriter::new(fs::File::create(&packed)?, 1 << 20, quality, 22);
        writer.write_all(&bytes)?;
        writer.flush()?;
        drop(writer);
        println!("{:>9} {:>9} {}", bytes.len(), fs::metadata(&packed)?.len(), path.display());
    }
    Ok(())
}
