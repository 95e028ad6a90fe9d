//! Honest streams, damaged: refused or read as something else, without a panic, without end, in memory that what came can fill.
//!
//! The streams are those of a writer that leaves nothing out, and two of the real helper's, recorded (`recorded/`, simulated
//! data: `citytwin-gdal read mixed.geojson | cat`). Damage is done to frames, whose heads are then honest again so that
//! it reaches the decoders behind them; to heads; to counts; to bytes. `make soak` does it ten million times.

use super::tests::{header, stream};
use super::*;
use citytwin_model::{Position, Shape};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes that this thread holds, and the most it held.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn note(bytes: isize) {
    let _ = HELD.try_with(|held| {
        let now = held.get().0 + bytes;
        held.set((now, held.get().1.max(now)));
    });
}

// SAFETY: everything is the system's own; only sums are kept beside it, in a cell that allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        unsafe { System.dealloc(at, layout) }
    }
}

/// The most that `work` held beyond what was there before.
fn peak(work: impl FnOnce()) -> usize {
    let before = HELD.with(|held| {
        held.set((held.get().0, held.get().0));
        held.get().0
    });
    work();
    (HELD.with(|held| held.get().1) - before) as usize
}

/// A value, a position or a field takes more room read than written: a null is one byte in a frame.
const AT_MOST_TIMES: usize = 64;
const AT_MOST_BESIDES: usize = 64 << 10;

fn streams() -> [Vec<u8>; 4] {
    let [features, rows] = rich_streams();
    [features, rows, include_bytes!("recorded/features.pipe").to_vec(), include_bytes!("recorded/grid.pipe").to_vec()]
}

/// Every kind of frame, and every kind of geometry and value in them.
fn rich_streams() -> [Vec<u8>; 2] {
    let p = |i: u32| Position::new(116.0 + f64::from(i) * 1e-3, 30.0, f64::from(i));
    let line: Vec<Position> = (0..5).map(p).collect();
    let ring = vec![p(0), p(1), Position::new(116.0, 30.5, 0.0), p(0)];
    let shapes = [
        Shape::Point(p(0)),
        Shape::Line(line.clone()),
        Shape::Polygon(vec![ring.clone()]),
        Shape::MultiPoint(line.clone()),
        Shape::MultiLine(vec![line.clone(), line]),
        Shape::MultiPolygon(vec![vec![ring.clone()], vec![ring]]),
    ];
    let values = vec![Value::Null, true.into(), 7.into(), 1.5.into(), "阀门".into()];
    let features = stream(|w| {
        w.layer(&header(5))?;
        for (i, shape) in shapes.iter().enumerate() {
            let geometry = Geometry { shape: shape.clone(), has_z: i % 2 == 0 };
            let measures = if i == 1 { vec![0.5; 5] } else { vec![] };
            let source_id = (i > 2).then(|| format!("way/{i}"));
            let raw =
                RawFeature { record: i as u64 + 1, source_id, geometry: Some(geometry), measures, stroked: i == 3, values: values.clone() };
            assert!(w.feature(&raw)?);
        }
        w.problem(&Problem { record: 9, source_id: None, reason: "no_geometry".into(), detail: "x".into(), values: values.clone() })?;
        w.note(&Note { key: "reader_warned".into(), detail: "y".into() })?;
        w.layer_end()?;
        w.layer_fail("other", &Fail { key: "crs_missing".into(), detail: String::new() })?;
        w.end()
    });
    let crs = CrsUse { source: "EPSG:4490".into(), wkt: None, given: false, way: CrsWay::Same };
    let grid = GridHeader { columns: 3, rows: 4, west: 116.0, north: 30.0, cell_lon: 0.1, cell_lat: 0.1, crs };
    let rows = stream(|w| {
        w.grid(&grid)?;
        w.rows(3, &GridRows { first: 0, cells: vec![1.0; 6] })?;
        w.rows(3, &GridRows { first: 2, cells: vec![2.0; 6] })?;
        w.end()
    });
    [features, rows]
}

/// A stream's frames, each without its length.
fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame.to_vec());
        bytes = rest;
    }
    frames
}

/// One thing done to bytes: one set, a piece taken out, doubled, cut off, filled; a length or a count made to lie; a coordinate
/// made infinite or no number.
fn damage(bytes: &mut Vec<u8>, what: u8, at: usize, length: usize, byte: u8) {
    let at = at % bytes.len().max(1);
    let end = (at + length).min(bytes.len());
    match what {
        0 if at < bytes.len() => bytes[at] = byte,
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        3 => bytes.truncate(at),
        4 => bytes[at..end].fill(byte),
        5 if at + 4 <= bytes.len() => bytes[at..at + 4].copy_from_slice(&extreme(byte, length as u32).to_le_bytes()),
        6 if at + 8 <= bytes.len() => {
            bytes[at..at + 8].copy_from_slice(&f64::from_bits(u64::from(byte) << 56 | 0x7ff0 << 48).to_le_bytes())
        }
        7 if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
        _ => bytes.insert(at, byte),
    }
}

/// Lengths and counts at which something might give way.
fn extreme(which: u8, near: u32) -> u32 {
    match which % 8 {
        0 => 0,
        1 => 1,
        2 => MAX_FRAME as u32,
        3 => MAX_FRAME as u32 + 1,
        4 => i32::MAX as u32,
        5 => u32::MAX,
        6 => MAX_FIELDS as u32 + 1,
        _ => near,
    }
}

#[derive(Clone, Debug)]
struct Damage {
    what: u8,
    frame: prop::sample::Index,
    at: prop::sample::Index,
    length: usize,
    byte: u8,
}

fn some_damage() -> impl Strategy<Value = Damage> {
    (0u8..24, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..80, any::<u8>())
        .prop_map(|(what, frame, at, length, byte)| Damage { what, frame, at, length, byte })
}

/// Frames changed, dropped, doubled, moved, taken from another stream; then put together again; then bytes changed.
fn damaged(stream: &[u8], other: &[u8], all: &[Damage]) -> Vec<u8> {
    let (mut frames, others) = (frames(stream), frames(other));
    let mut lengths = Vec::new();
    for it in all {
        let i = it.frame.index(frames.len().max(1));
        let j = it.at.index(frames.len().max(1));
        match it.what {
            // Within one frame, whose length is true: the decoders' matter.
            0..9 if i < frames.len() => {
                let at = it.at.index(frames[i].len().max(1));
                damage(&mut frames[i], it.what, at, it.length, it.byte);
            }
            9 if i < frames.len() => drop(frames.remove(i)),
            10 if i < frames.len() => {
                let frame = frames[i].clone();
                frames.insert(j, frame);
            }
            11 if i < frames.len() => frames.swap(i, j),
            12 => frames.insert(i.min(frames.len()), others[it.at.index(others.len())].clone()),
            13 if i < frames.len() => frames[i].extend_from_slice(&others[it.at.index(others.len())]),
            // A frame says to be of another kind.
            14 if i < frames.len() && !frames[i].is_empty() => frames[i][0] = it.byte % 13,
            15 => lengths.push((i, extreme(it.byte, it.length as u32))),
            _ => {}
        }
    }
    let mut bytes = Vec::new();
    for (i, frame) in frames.iter().enumerate() {
        let lie = lengths.iter().find(|(at, _)| *at == i).map(|(_, length)| *length);
        bytes.extend_from_slice(&lie.unwrap_or(frame.len() as u32).to_le_bytes());
        bytes.extend_from_slice(frame);
    }
    for it in all.iter().filter(|it| it.what > 15) {
        let at = it.at.index(bytes.len().max(1));
        damage(&mut bytes, it.what - 16, at, it.length, it.byte);
    }
    bytes
}

proptest! {
    #[test]
    fn no_damaged_stream_makes_it_panic_swell_or_go_on(which in 0usize..4, other in 0usize..4, all in prop::collection::vec(some_damage(), 1..12)) {
        let all_streams = streams();
        let bytes = damaged(&all_streams[which], &all_streams[other], &all);
        let mut events = 0;
        let held = peak(|| {
            let mut reader = PipeReader::new(&bytes[..]);
            while let Ok(Some(_)) = reader.next_event() {
                events += 1;
                assert!(events <= bytes.len(), "more events than bytes");
            }
        });
        prop_assert!(held <= AT_MOST_TIMES * bytes.len() + AT_MOST_BESIDES, "{} bytes held for {}", held, bytes.len());
    }
}

#[test]
fn the_streams_to_be_damaged_are_whole_before() {
    for bytes in streams() {
        let mut reader = PipeReader::new(&bytes[..]);
        let mut last = None;
        while let Some(event) = reader.next_event().unwrap() {
            last = Some(event);
        }
        assert!(matches!(last, Some(Event::End(_))));
        let again: Vec<u8> = frames(&bytes).iter().flat_map(|f| [&(f.len() as u32).to_le_bytes()[..], f].concat()).collect();
        assert_eq!(again, bytes);
    }
}

/// The measure itself: what is held is seen, what was given back is not.
#[test]
fn the_allocator_counts() {
    let held = peak(|| drop(vec![0u8; 1 << 20]));
    assert!((1 << 20..1 << 21).contains(&held), "{held}");
    assert!(peak(|| ()) < 1 << 10);
}
