//! A batch of readings as one blob, column by column.
//!
//! ```text
//! format u8 = 1, number of readings, number of datastreams              (varints)
//! per datastream: wire number, number of its readings                   (varints)
//! per reading, by datastream and time: measured_at, as difference       (zigzag varint, microseconds)
//! per reading: received_at, as difference                               (zigzag varint, microseconds)
//! per reading: whether simulated                                        (bits)
//! per reading: value                                                    (f64, little-endian)
//! CRC-32 of all that
//! ```

use crate::error::{LiveError, Result};
use citytwin_model::sensor::{MeasuredAt, Reading, ReceivedAt};
use citytwin_model::{FeatureId, Timestamp};

const FORMAT: u8 = 1;

/// Orders the readings by datastream and time, and encodes them.
pub(crate) fn encode(readings: &mut [Reading]) -> Vec<u8> {
    readings.sort_by_key(|r| (r.datastream, r.measured_at));
    let mut out = Vec::with_capacity(32 + readings.len() * 12);
    out.push(FORMAT);
    put(&mut out, readings.len() as u64);
    let runs: Vec<&[Reading]> = readings.chunk_by(|a, b| a.datastream == b.datastream).collect();
    put(&mut out, runs.len() as u64);
    for run in &runs {
        put(&mut out, run[0].datastream.wire());
        put(&mut out, run.len() as u64);
    }
    for time in [|r: &Reading| r.measured_at.0, |r: &Reading| r.received_at.0] {
        let mut last = 0i64;
        for reading in readings.iter() {
            let micros = time(reading).micros();
            put(&mut out, zigzag(micros.wrapping_sub(last)));
            last = micros;
        }
    }
    for eight in readings.chunks(8) {
        out.push(eight.iter().enumerate().fold(0, |bits, (i, r)| bits | (u8::from(r.simulated) << i)));
    }
    for reading in readings.iter() {
        out.extend_from_slice(&reading.value.to_le_bytes());
    }
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The readings of a blob, by datastream and time.
pub(crate) fn decode(blob: &[u8]) -> Result<Vec<Reading>> {
    let (body, crc) = blob.split_last_chunk::<4>().ok_or(LiveError::Damaged("it is too short"))?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(LiveError::Damaged("its checksum differs"));
    }
    let mut rest = body.strip_prefix(&[FORMAT]).ok_or(LiveError::Damaged("its format is unknown"))?;
    let n = take(&mut rest)? as usize;
    let streams = take(&mut rest)?;
    // Each reading takes at least ten bytes, so a lying count is seen before anything is allocated.
    if n > rest.len() / 10 || streams > n as u64 {
        return Err(LiveError::Damaged("its counts do not fit"));
    }
    let mut readings = Vec::with_capacity(n);
    for _ in 0..streams {
        let datastream = FeatureId::from_wire(take(&mut rest)?).ok_or(LiveError::Damaged("it names no datastream"))?;
        let count = take(&mut rest)?;
        if count > (n - readings.len()) as u64 {
            return Err(LiveError::Damaged("its counts do not fit"));
        }
        let zero = Timestamp::from_micros(0);
        let blank = Reading { datastream, measured_at: MeasuredAt(zero), received_at: ReceivedAt(zero), value: 0.0, simulated: false };
        readings.extend(std::iter::repeat_n(blank, count as usize));
    }
    if readings.len() != n {
        return Err(LiveError::Damaged("its counts do not fit"));
    }
    let mut last = 0i64;
    for reading in &mut readings {
        last = last.wrapping_add(unzigzag(take(&mut rest)?));
        reading.measured_at = MeasuredAt(Timestamp::from_micros(last));
    }
    last = 0;
    for reading in &mut readings {
        last = last.wrapping_add(unzigzag(take(&mut rest)?));
        reading.received_at = ReceivedAt(Timestamp::from_micros(last));
    }
    if rest.len() != n.div_ceil(8) + n * 8 {
        return Err(LiveError::Damaged("its columns do not fit"));
    }
    let (bits, values) = rest.split_at(n.div_ceil(8));
    for (i, (reading, value)) in readings.iter_mut().zip(values.chunks_exact(8)).enumerate() {
        reading.simulated = bits[i / 8] & (1 << (i % 8)) != 0;
        reading.value = f64::from_le_bytes(value.try_into().expect("eight bytes"));
    }
    Ok(readings)
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn take(rest: &mut &[u8]) -> Result<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first().ok_or(LiveError::Damaged("it ends too early"))?;
        *rest = tail;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(n);
        }
    }
    Err(LiveError::Damaged("a number is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::ClassNo;
    use proptest::prelude::*;

    fn any_reading() -> impl Strategy<Value = Reading> {
        (1u32..5, any::<i64>(), any::<i64>(), -1e9f64..1e9, any::<bool>()).prop_map(|(fid, measured, received, value, simulated)| Reading {
            datastream: FeatureId::new(ClassNo(101), fid),
            measured_at: MeasuredAt(Timestamp::from_micros(measured)),
            received_at: ReceivedAt(Timestamp::from_micros(received)),
            value,
            simulated,
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(mut readings in prop::collection::vec(any_reading(), 0..40)) {
            let blob = encode(&mut readings);
            prop_assert_eq!(decode(&blob).unwrap(), readings);
            for cut in 0..blob.len() {
                prop_assert!(decode(&blob[..cut]).is_err());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = decode(&bytes);
            // The same with a good checksum, so that the inside is reached.
            if let Some(first) = bytes.first_mut() {
                *first = FORMAT;
            }
            bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
            let _ = decode(&bytes);
        }
    }
}
