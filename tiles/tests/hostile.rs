//! Bytes from anywhere: the readers never panic, and never take more memory than the bytes may ask for.

mod support;

use citytwin_model::class::Group;
use citytwin_tiles::glb::{self, DecodeError};
use citytwin_tiles::grid::{SUBTREE_LEVELS, TileId};
use citytwin_tiles::subtree::{Subtree, SubtreeError};
use citytwin_tiles::tiles3d::{self, Scene};
use citytwin_tiles::tileset::Tileset;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use support::Village;

/// Counts what the thread that asks holds, and the most it has held.
struct Counting;

thread_local! {
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

// SAFETY: hands every request on to the system's allocator; counting touches only plain numbers of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(bytes: isize) {
    // Not while the thread is being taken down.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + bytes, most.max(now + bytes)));
    });
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were held at once while this ran, beyond those held before.
fn peak<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    let result = run();
    let most = HELD.with(|held| held.get().1);
    (result, (most - before) as usize)
}

/// What a glb of so many bytes, so many of them JSON, may ask for.
fn allowed(bytes: usize, json: usize) -> usize {
    14 * bytes + 120 * json.min(256 << 10) + (128 << 10)
}

/// One tile of each group, small enough to be tried many times.
fn tiles() -> &'static Vec<(Group, Vec<u8>)> {
    static MADE: OnceLock<Vec<(Group, Vec<u8>)>> = OnceLock::new();
    MADE.get_or_init(|| {
        let city = Village::village();
        let tile = TileId::leaf_at(-300.0, 260.0).unwrap();
        let made: Vec<_> =
            Group::ALL.into_iter().filter_map(|group| tiles3d::content(&city, group, tile).map(|glb| (group, glb))).collect();
        assert!(made.len() >= 5);
        made
    })
}

fn subtrees() -> &'static Vec<Vec<u8>> {
    static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut city = Village::empty();
        city.has_terrain = false;
        for i in 0..40 {
            let line = city.line(&[(-5000.0 + f64::from(i) * 300.0, 0.0), (-5000.0 + f64::from(i) * 300.0, 200.0)]);
            city.add("water_pipe", line, &[]);
        }
        let scene = Scene::of(&city);
        let leaf = *scene.leaves(Group::NetWater).keys().next().unwrap();
        [TileId::ROOT, leaf.subtree_root()].map(|root| scene.subtree(Group::NetWater, root).unwrap()).to_vec()
    })
}

fn json_of(glb: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    &glb[20..20 + length]
}

fn with_json(glb: &[u8], json: &Value) -> Vec<u8> {
    let binary = &glb[20 + json_of(glb).len()..];
    let mut text = serde_json::to_vec(json).unwrap();
    text.resize(text.len().next_multiple_of(4), b' ');
    let mut out = glb[..12].to_vec();
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(&glb[16..20]);
    out.extend_from_slice(&text);
    out.extend_from_slice(binary);
    let total = out.len() as u32;
    out[8..12].copy_from_slice(&total.to_le_bytes());
    out
}

fn try_glb(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (result, peak) = peak(|| glb::decode(bytes));
    let json = bytes.get(12..16).map_or(0, |n| u32::from_le_bytes(n.try_into().unwrap()) as usize).min(bytes.len());
    prop_assert!(peak <= allowed(bytes.len(), json), "{} bytes for {} of which {} JSON", peak, bytes.len(), json);
    if let Ok(tile) = result {
        for mesh in &tile.meshes {
            prop_assert!(mesh.indices.iter().all(|i| (*i as usize) < mesh.positions.len()));
            prop_assert!(mesh.features.iter().all(|f| *f == glb::NO_FEATURE || usize::from(*f) < tile.features.len()));
            prop_assert!(mesh.positions.iter().chain(&mesh.normals).flatten().all(|x| x.is_finite()));
            prop_assert_eq!((mesh.normals.len(), mesh.features.len()), (mesh.positions.len(), mesh.positions.len()));
        }
        for tube in &tile.tubes {
            prop_assert!(tube.start.iter().chain(&tube.end).chain([&tube.radius]).all(|x| x.is_finite()));
            prop_assert!(usize::from(tube.feature) < tile.features.len());
        }
    }
    Ok(())
}

/// Every number, text and list of a document, in a fixed order.
fn count_places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count_places).sum(),
        Value::Object(fields) => fields.values().map(count_places).sum(),
        _ => 0,
    }
}

fn replace_place(value: &mut Value, place: &mut usize, with: &Value) {
    if *place == 0 {
        *value = with.clone();
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace_place(item, place, with)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_place(field, place, with)),
        _ => {}
    }
}

fn nonsense() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(-1)),
        Just(json!(u64::MAX)),
        Just(json!(4_294_967_295u64)),
        Just(json!(1e308)),
        Just(json!("VEC3")),
        Just(json!("unit_cylinder")),
        Just(json!([])),
        Just(json!({})),
        (0u32..40).prop_map(|n| json!(n)),
        (0u32..40).prop_map(|n| json!([n])),
        any::<u32>().prop_map(|n| json!(n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        try_glb(&bytes)?;
        let _ = Subtree::decode(&bytes, SUBTREE_LEVELS);
        let _ = Tileset::decode(&bytes);
        // With the beginning that lets them in.
        let mut glb = b"glTF\x02\0\0\0".to_vec();
        glb.extend_from_slice(&(bytes.len() as u32 + 12).to_le_bytes());
        glb.extend_from_slice(&bytes);
        try_glb(&glb)?;
        let mut subtree = b"subt\x01\0\0\0".to_vec();
        subtree.extend_from_slice(&bytes);
        let _ = Subtree::decode(&subtree, SUBTREE_LEVELS);
    }

    #[test]
    fn a_tile_with_broken_bytes_is_read_or_refused(
        which in 0usize..5, breaks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in prop::option::of(any::<prop::sample::Index>())
    ) {
        let mut bytes = tiles()[which].1.clone();
        for (at, byte) in breaks {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        try_glb(&bytes)?;
    }

    #[test]
    fn a_tile_whose_words_are_wrong_is_read_or_refused(
        which in 0usize..5, wrong in prop::collection::vec((any::<prop::sample::Index>(), nonsense()), 1..4)
    ) {
        let bytes = &tiles()[which].1;
        let mut json: Value = serde_json::from_slice(json_of(bytes)).unwrap();
        for (at, with) in wrong {
            let mut place = at.index(count_places(&json));
            replace_place(&mut json, &mut place, &with);
        }
        try_glb(&with_json(bytes, &json))?;
    }

    #[test]
    fn a_broken_subtree_is_read_or_refused(
        which in 0usize..2, breaks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), levels in 0u8..=255
    ) {
        let mut bytes = subtrees()[which].clone();
        for (at, byte) in breaks {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let ((), peak) = peak(|| {
            for levels in [levels, SUBTREE_LEVELS] {
                if let Ok(subtree) = Subtree::decode(&bytes, levels) {
                    subtree.has_tile(levels, 0, 0);
                    subtree.has_content(3, u32::MAX, 7);
                    subtree.has_child(31, 31);
                    subtree.bounds(255, 0, 0);
                }
            }
        });
        prop_assert!(peak < 4 << 20, "{}", peak);
    }
}

#[test]
fn many_meshes_on_the_same_bytes_are_refused_before_memory_grows() {
    let (_, bytes) = tiles().iter().find(|(group, _)| *group == Group::Ground).unwrap();
    let mut json: Value = serde_json::from_slice(json_of(bytes)).unwrap();
    let primitive = json["meshes"][0]["primitives"][0].clone();
    json["meshes"][0]["primitives"] = Value::Array(vec![primitive; 1500]);
    let hostile = with_json(bytes, &json);
    let (result, peak) = peak(|| glb::decode(&hostile));
    assert_eq!(result, Err(DecodeError::TooMuch(hostile.len())));
    assert!(peak <= allowed(hostile.len(), json_of(&hostile).len()), "{peak} of {}", hostile.len());
}

#[test]
fn words_without_end_are_refused_or_stay_small() {
    let (_, bytes) = &tiles()[0];
    for list in ["nodes", "meshes", "accessors", "bufferViews", "materials", "scenes"] {
        let mut json: Value = serde_json::from_slice(json_of(bytes)).unwrap();
        let filler = match list {
            "meshes" => json!({ "primitives": [] }),
            "accessors" => json!({ "componentType": 1, "count": 1, "type": "" }),
            "bufferViews" => json!({ "buffer": 0, "byteLength": 0 }),
            _ => json!({}),
        };
        let many = 250_000 / filler.to_string().len();
        json[list] = Value::Array(vec![filler; many]);
        let hostile = with_json(bytes, &json);
        let (_, peak) = peak(|| glb::decode(&hostile));
        assert!(peak < 40 << 20, "{list}: {peak}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Tileset::decode(deep.as_bytes()).is_err());
    assert!(Tileset::decode(&vec![b' '; 300 << 10]).is_err());
}

#[test]
fn each_reader_says_what_is_wrong() {
    let (_, good) = &tiles()[0];
    assert_eq!(glb::decode(b"PK\x03\x04"), Err(DecodeError::Magic));
    assert_eq!(glb::decode(&good[..good.len() - 1]), Err(DecodeError::Truncated));
    let mut other = good.clone();
    other[4] = 1;
    assert_eq!(glb::decode(&other), Err(DecodeError::Version(1)));
    let mut json: Value = serde_json::from_slice(json_of(good)).unwrap();
    json["extensionsRequired"] = json!(["KHR_draco_mesh_compression"]);
    assert_eq!(glb::decode(&with_json(good, &json)), Err(DecodeError::Extension("KHR_draco_mesh_compression".into())));
    assert_eq!(Subtree::decode(b"what", 5), Err(SubtreeError::Magic));
    assert_eq!(Subtree::decode(&subtrees()[0], 10), Err(SubtreeError::Levels(10)));
    assert_eq!(Subtree::decode(&subtrees()[0][..30], 5), Err(SubtreeError::Truncated));
}

/// Subtrees that others have made, good and bad; their names say which.
#[test]
fn subtrees_of_others_are_judged_as_their_names_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/tiles3d/subtrees");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let read = |name: &str| Subtree::decode(&std::fs::read(folder.join(name)).unwrap(), 2);
    assert!(read("binarySubtreeValid.subtree").is_ok());
    assert!(read("binarySubtreeInvalidVersion.subtree").is_err());
    assert!(read("binarySubtreeComputedLengthInvalid.subtree").is_err());
    assert!(read("subtreeChildSubtreeAvailabilityInvalidType.json").is_err());
}
