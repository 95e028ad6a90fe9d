//! Coordinates of a GML file that are no numbers: GDAL reads each as 0 and says nothing.

use crate::limits;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Elements that hold coordinates.
const HOLDERS: [&[u8]; 4] = [b"pos", b"posList", b"coordinates", b"coord"];
/// Longest piece of text that is looked at whole.
const LONGEST: u64 = 64 << 20;

/// The first coordinate that is no finite number, if there is one.
pub fn no_number(path: &Path) -> io::Result<Option<String>> {
    let mut input = BufReader::with_capacity(256 << 10, File::open(path)?);
    let mut piece = Vec::new();
    for n in 0u64.. {
        if n % 65_536 == 0 {
            limits::still_alive();
        }
        piece.clear();
        if input.by_ref().take(LONGEST).read_until(b'<', &mut piece)? == 0 {
            break;
        }
        if let Some(found) = wrong_in(&piece) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// `gml:pos srsDimension="3">116 30 1<`: what follows an opening bracket, up to the next.
fn wrong_in(piece: &[u8]) -> Option<String> {
    let text_at = piece.iter().position(|b| *b == b'>')?;
    let (tag, text) = (&piece[..text_at], piece[text_at + 1..].strip_suffix(b"<").unwrap_or(&piece[text_at + 1..]));
    let name = tag.split(|b| b.is_ascii_whitespace()).next()?;
    let name = name.rsplit(|b| *b == b':').next()?;
    // Signs of its own for points and commas: GDAL knows them, we do not.
    let own_signs = [&b"decimal="[..], b"cs=", b"ts="].iter().any(|sign| tag.windows(sign.len()).any(|w| w == *sign));
    if !HOLDERS.contains(&name) || own_signs {
        return None;
    }
    let numbers = text.split(|b| b.is_ascii_whitespace() || *b == b',').filter(|token| !token.is_empty());
    let text_of = |token: &[u8]| String::from_utf8_lossy(token).chars().take(40).collect::<String>();
    numbers.map(text_of).find(|token| !token.parse::<f64>().is_ok_and(f64::is_finite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinate_that_is_no_number_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.gml");
        for (text, found) in [
            ("<a><gml:pos>116 30</gml:pos><gml:name>NaN</gml:name></a>", None),
            ("<a><gml:pos srsDimension=\"3\">116 NaN 1</gml:pos></a>", Some("NaN")),
            ("<a><gml:posList>1 2\n3 1e999</gml:posList></a>", Some("1e999")),
            ("<a><coordinates>116,30 116.1,abc</coordinates></a>", Some("abc")),
            ("<a><gml:coordinates decimal=\",\" cs=\";\">116,5;30</gml:coordinates></a>", None),
            ("<a><gml:pos>116 30", None),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(no_number(&file).unwrap().as_deref(), found, "{text}");
        }
    }
}
