//! A picture against its golden: how many pixels differ by more than an eye would forgive.

use citytwin_viewer::screenshot::Picture;
use std::path::Path;

/// A pixel counts as different when one of its colours is off by more than this. The software rasteriser varies by a
/// step or two with the processor's vector units.
const FORGIVEN: u8 = 12;

/// Share of pixels that differ; 1 when the sizes do.
pub fn difference(a: &Picture, b: &Picture) -> f64 {
    if (a.width, a.height) != (b.width, b.height) {
        return 1.0;
    }
    let differs = |(a, b): (&[u8], &[u8])| a.iter().zip(b).take(3).any(|(a, b)| a.abs_diff(*b) > FORGIVEN);
    let count = a.rgba.chunks(4).zip(b.rgba.chunks(4)).filter(|pair| differs(*pair)).count();
    count as f64 / f64::from(a.width * a.height)
}

/// The same picture, moved to the right.
pub fn shifted(picture: &Picture, by: u32) -> Picture {
    let mut moved = picture.clone();
    for y in 0..picture.height {
        for x in 0..picture.width {
            let at = ((y * picture.width + x) * 4) as usize;
            let from = picture.pixel(x.saturating_sub(by), y);
            moved.rgba[at..at + 4].copy_from_slice(&from);
        }
    }
    moved
}

pub fn load(path: &Path) -> Option<Picture> {
    let file = std::io::BufReader::new(std::fs::File::open(path).ok()?);
    let mut reader = png::Decoder::new(file).read_info().ok()?;
    let mut rgba = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut rgba).ok()?;
    rgba.truncate(info.buffer_size());
    Some(Picture { width: info.width, height: info.height, rgba })
}
