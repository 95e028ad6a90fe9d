//! What is written is read, and nothing else is believed.

use super::*;
use citytwin_model::{Position, Shape};
use proptest::prelude::*;

fn hello() -> Hello {
    Hello { protocol: PROTOCOL.into(), version: VERSION, reader: "test".into(), format: "GPKG".into(), layers: vec![] }
}

pub(super) fn header(fields: usize) -> LayerHeader {
    LayerHeader {
        name: "hydrant".into(),
        fields: (0..fields).map(|i| Field { name: format!("f{i}"), ty: FieldType::Text }).collect(),
        kinds: vec![Kind::Point],
        has_z: false,
        own_ids: false,
        features: None,
        extent: None,
        crs: None,
    }
}

fn feature(record: u64, values: Vec<Value>) -> RawFeature {
    let geometry = Some(Geometry::flat(Shape::Point(Position::new(116.0, 30.0, 0.0))));
    RawFeature { record, source_id: Some("7".into()), geometry, measures: vec![1.5], stroked: true, values }
}

fn read_all(bytes: &[u8]) -> Result<Vec<Event>, PipeError> {
    let mut reader = PipeReader::new(bytes);
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        events.push(event);
    }
    Ok(events)
}

pub(super) fn stream(write: impl FnOnce(&mut PipeWriter<&mut Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = PipeWriter::new(&mut bytes);
    writer.hello(&hello()).unwrap();
    write(&mut writer).unwrap();
    bytes
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1e300f64..1e300).prop_map(Value::Real),
        "\\PC{0,20}".prop_map(Value::Text),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec(value(), 3), 0..6), refused: bool) {
        let problem = Problem { record: 99, source_id: None, reason: "no_geometry".into(), detail: String::new(), values: vec![Value::Null; 3] };
        let bytes = stream(|w| {
            w.layer(&header(3))?;
            for (i, row) in rows.iter().enumerate() {
                assert!(w.feature(&feature(i as u64 + 1, row.clone()))?);
            }
            if refused {
                w.problem(&problem)?;
            }
            w.layer_end()?;
            w.end()
        });
        let events = read_all(&bytes).unwrap();
        let features: Vec<_> = events.iter().filter_map(|e| match e { Event::Feature(f) => Some(f.clone()), _ => None }).collect();
        prop_assert_eq!(features, rows.into_iter().enumerate().map(|(i, row)| feature(i as u64 + 1, row)).collect::<Vec<_>>());
        prop_assert_eq!(events.contains(&Event::Problem(problem)), refused);
        for cut in 0..bytes.len() {
            prop_assert!(matches!(read_all(&bytes[..cut]), Err(PipeError::BrokeOff)), "cut at {}", cut);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_all(&bytes);
    }

    /// Arbitrary payloads behind an honest frame head: this reaches the decoders that plain noise does not.
    #[test]
    fn no_payload_makes_it_panic(frames in prop::collection::vec((1u8..13, prop::collection::vec(any::<u8>(), 0..120)), 0..6)) {
        let bytes = stream(|w| {
            w.layer(&header(1))?;
            for (tag, payload) in &frames {
                w.begin(*tag);
                w.buffer.extend_from_slice(payload);
                w.send()?;
            }
            Ok(())
        });
        prop_assert!(read_all(&bytes).is_err() || frames.iter().any(|(tag, _)| *tag == tag::FAIL));
    }

    /// A byte changed anywhere in an honest stream: refused, or read as something else, never a panic.
    #[test]
    fn a_flipped_byte_does_not_panic(at in 0usize..500, to: u8) {
        let mut bytes = stream(|w| {
            w.layer(&header(2))?;
            w.feature(&feature(1, vec![Value::Int(3), "阀门".into()]))?;
            w.layer_end()?;
            w.end()
        });
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = read_all(&bytes);
    }
}

#[test]
fn a_lying_length_allocates_nothing() {
    // Announces 64 MiB, brings three bytes.
    let mut bytes = stream(|_| Ok(()));
    bytes.extend_from_slice(&(MAX_FRAME as u32).to_le_bytes());
    bytes.extend_from_slice(&[3, 0, 0]);
    let mut reader = PipeReader::new(&bytes[..]);
    assert!(reader.next_event().unwrap().is_some());
    assert!(matches!(reader.next_event(), Err(PipeError::BrokeOff)));
    assert!(reader.buffer.capacity() < 1 << 20, "{}", reader.buffer.capacity());
}

#[test]
fn a_frame_beyond_the_limit_is_refused_unread() {
    let mut bytes = stream(|_| Ok(()));
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read_all(&bytes), Err(PipeError::TooLong(n)) if n == u64::from(u32::MAX)));
}

#[test]
fn another_protocol_is_named() {
    let mut bytes = Vec::new();
    PipeWriter::new(&mut bytes).hello(&Hello { version: 2, ..hello() }).unwrap();
    assert!(matches!(read_all(&bytes), Err(PipeError::Protocol(said)) if said == "citytwin.pipe version 2"));
}

#[test]
fn order_and_counts_are_held() {
    let feature_outside = stream(|w| w.feature(&feature(1, vec![])).map(drop));
    assert!(matches!(read_all(&feature_outside), Err(PipeError::Malformed(_))));

    let end_inside = stream(|w| {
        w.layer(&header(0))?;
        w.end()
    });
    assert!(matches!(read_all(&end_inside), Err(PipeError::Malformed(_))));

    let other_fields = stream(|w| {
        w.layer(&header(2))?;
        w.feature(&feature(1, vec![Value::Null])).map(drop)
    });
    assert!(matches!(read_all(&other_fields), Err(PipeError::Malformed(_))));

    let miscounted = stream(|w| {
        w.layer(&header(0))?;
        w.layer.features = 1;
        w.layer_end()
    });
    assert!(matches!(read_all(&miscounted), Err(PipeError::Counts)));
}

#[test]
fn a_feature_beyond_a_frame_is_not_sent() {
    let bytes = stream(|w| {
        w.layer(&header(1))?;
        assert!(!w.feature(&feature(1, vec![Value::Text("x".repeat(MAX_FRAME))]))?);
        w.layer_end()?;
        w.end()
    });
    assert!(read_all(&bytes).is_ok());
}

#[test]
fn a_grid_comes_row_by_row() {
    let crs = CrsUse { source: "EPSG:4490".into(), wkt: None, given: false, way: CrsWay::Same };
    let grid = GridHeader { columns: 2, rows: 3, west: 116.0, north: 30.0, cell_lon: 0.1, cell_lat: 0.1, crs };
    let good = stream(|w| {
        w.grid(&grid)?;
        w.rows(2, &GridRows { first: 0, cells: vec![1.0, 2.0, 3.0, 4.0] })?;
        w.rows(2, &GridRows { first: 2, cells: vec![5.0, f32::NAN] })?;
        w.end()
    });
    assert_eq!(read_all(&good).unwrap().len(), 5);
    let short = stream(|w| {
        w.grid(&grid)?;
        w.rows(2, &GridRows { first: 0, cells: vec![1.0, 2.0] })?;
        w.end()
    });
    assert!(read_all(&short).is_err());
    let skewed = stream(|w| {
        w.grid(&grid)?;
        w.rows(2, &GridRows { first: 1, cells: vec![1.0, 2.0] })
    });
    assert!(read_all(&skewed).is_err());
}
