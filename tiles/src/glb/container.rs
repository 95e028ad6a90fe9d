//! The binary envelope of glTF 2.0: a header, a JSON chunk, a binary chunk.

use super::DecodeError;

pub(crate) const MAGIC: &[u8; 4] = b"glTF";
pub(crate) const JSON: u32 = 0x4e4f_534a;
pub(crate) const BIN: u32 = 0x004e_4942;

/// JSON and binary chunk of a glb. A file without a binary chunk has an empty one.
pub(crate) fn open(bytes: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    if bytes.get(..4) != Some(MAGIC) {
        return Err(DecodeError::Magic);
    }
    match u32_at(bytes, 4)? {
        2 => {}
        other => return Err(DecodeError::Version(other)),
    }
    let total = u32_at(bytes, 8)? as usize;
    let body = bytes.get(12..total).ok_or(DecodeError::Truncated)?;
    let (json, rest) = chunk(body, JSON)?;
    let binary = if rest.is_empty() { rest } else { chunk(rest, BIN)?.0 };
    Ok((json, binary))
}

fn chunk(bytes: &[u8], kind: u32) -> Result<(&[u8], &[u8]), DecodeError> {
    let length = u32_at(bytes, 0)? as usize;
    if u32_at(bytes, 4)? != kind {
        return Err(DecodeError::Chunk);
    }
    let rest = &bytes[8..];
    if length > rest.len() {
        return Err(DecodeError::Truncated);
    }
    Ok(rest.split_at(length))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, DecodeError> {
    let four = bytes.get(at..at + 4).ok_or(DecodeError::Truncated)?;
    Ok(u32::from_le_bytes(four.try_into().expect("4 bytes")))
}

/// Puts the chunks together, each padded to four bytes as the format wants.
#[cfg(feature = "encode")]
pub(crate) fn close(json: &[u8], binary: &[u8]) -> Vec<u8> {
    let padded = |length: usize| length.next_multiple_of(4);
    let total = 12 + 8 + padded(json.len()) + 8 + padded(binary.len());
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&2u32.to_le_bytes());
    out.extend_from_slice(&(total as u32).to_le_bytes());
    for (kind, chunk, filler) in [(JSON, json, b' '), (BIN, binary, 0)] {
        out.extend_from_slice(&(padded(chunk.len()) as u32).to_le_bytes());
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(chunk);
        out.resize(out.len().next_multiple_of(4), filler);
    }
    out
}
