//! Our index, items page and load beside PostGIS: the same rows, the same boxes, the same machine, turn by turn.
//!
//! Nothing here passes or fails by time. It fails when the two sides give different features.

mod again;
mod beside;
mod command;
mod heap;
mod load;
mod loaded;
mod pipes;
mod postgis;
mod report;
mod rows;
mod served;

use anyhow::{Context, Result, ensure};
use citytwin_index::Snapshot;
use citytwin_model::{Bounds, City, Feature};
use citytwin_wire::geojson;
use clap::Parser;
use postgis::{Peer, public_id};
use report::{Comparison, Round, median};
use rows::{CLASS, Dice};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use serde_json::{Value, json};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// Compare the index, the items page and the load with PostGIS.
#[derive(Parser)]
struct Args {
    /// Folder of the PostgreSQL server's unix socket
    #[arg(long)]
    socket: String,
    /// PostgreSQL user
    #[arg(long)]
    user: String,
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Times that both sides take turns over all boxes
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Times that both sides take turns loading each file
    #[arg(long, default_value_t = 5)]
    load_rounds: usize,
    /// Only this part
    #[arg(long)]
    part: Option<Part>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Our server's program; without it pages are only compared inside this one
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// Boxes and pages
    Reading,
    /// Loads of files
    Load,
}

const BOXES: usize = 200;
const BOX_HITS: u64 = 400;
const PAGE_BOXES: usize = 40;
const PAGE_HITS: u64 = 5_000;
const PAGE_LIMIT: usize = 1_000;
const LIVE_EDITS: usize = 5_000;

fn main() -> Result<()> {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == beside::WORD) {
        return beside::write_until_told(Path::new(&words.next().context("the store to write to")?));
    }
    let args = Args::parse();
    let mut report = json!({"rows": args.rows, "seed": args.seed, "cores": std::thread::available_parallelism()?.get()});
    if args.part != Some(Part::Load) {
        let mut reading = compare_reading(&args)?;
        report.as_object_mut().expect("just made").append(&mut reading);
    }
    if args.part != Some(Part::Reading) {
        report["load"] = compare_loads(&args)?;
    }
    if let Some(path) = &args.report {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?).with_context(|| format!("cannot write {}", path.display()))?;
        println!("figures: {}", path.display());
    }
    Ok(())
}

/// The whole command against `ogr2ogr`.
fn compare_loads(args: &Args) -> Result<Value> {
    let Some(program) = &args.server else {
        println!("loads are not compared: no --server names our program");
        return Ok(Value::Null);
    };
    let dir = Path::new(&args.socket).join("load");
    let (rows, rounds, seed) = (args.rows, args.load_rounds, args.seed);
    load::Loads { program, dir, socket: &args.socket, user: &args.user, rows, rounds, seed }.compare()
}

fn compare_reading(args: &Args) -> Result<serde_json::Map<String, Value>> {
    println!("making {} rows (seed {}) …", args.rows, args.seed);
    let before = heap::held();
    let features = rows::generate(args.rows, args.seed);
    let feature_bytes = (heap::held() - before) as f64 / args.rows as f64;
    println!("loading them into PostGIS …");
    let mut peer = Peer::connect(&args.socket, &args.user, &features)?;
    println!("  {}: {}", peer.version, peer.build);
    println!("the features themselves: {feature_bytes:.0} B a row in memory");
    let (snapshot, features, build) = build_ours(features);

    let mut bench = Bench { rounds: args.rounds, figures: Vec::new() };
    let checked = compare_boxes(&mut bench, args, &snapshot, &features, &mut peer)?;
    compare_pages(&mut bench, args, &snapshot, &features, &mut peer)?;
    let city = match &args.server {
        Some(program) => compare_served(&mut bench, args, program, &features, &mut peer)?,
        None => Value::Null,
    };
    let vertices: usize = features.iter().filter_map(|f| f.geometry.as_ref()).map(|g| g.vertex_count()).sum();
    let Value::Object(report) = json!({
        "vertices": vertices, "peer": peer.version, "boxes_checked": checked, "feature_bytes_per_row": feature_bytes,
        "build": {"ours": build, "city": city, "peer": peer.build.json()}, "comparisons": bench.figures,
    }) else {
        unreachable!("an object was written")
    };
    Ok(report)
}

/// Boxes of some hundred hits: numbers of the features. Returns how many boxes were held against each other.
fn compare_boxes(bench: &mut Bench, args: &Args, snapshot: &Snapshot, features: &[Feature], peer: &mut Peer) -> Result<usize> {
    let boxes = rows::boxes(snapshot, features, BOX_HITS, BOXES, args.seed + 1);
    let edited = with_edits(snapshot, features, args.seed + 3);
    let rectangles: RTree<GeomWithData<Rectangle<[f64; 2]>, u32>> = RTree::bulk_load(features.iter().filter_map(rectangle).collect());

    let mut hits = 0;
    for bounds in &boxes {
        // Ours come in paging order, and rows are numbered in paging order.
        let ours = snapshot.fids(CLASS, bounds);
        let mut theirs = peer.box_ids(bounds)?;
        theirs.sort_unstable();
        ensure!(ours == theirs, "{bounds:?}: {} of ours, {} of theirs", ours.len(), theirs.len());
        ensure!(ours == edited.fids(CLASS, bounds), "{bounds:?}: edits in place changed the answer");
        hits += ours.len();
    }
    println!("both sides give the same {hits} features for {} boxes, every fifth with its borders on vertices\n", boxes.len());

    let ids = |snapshot: &Snapshot, b: &Bounds| drop(black_box(snapshot.fids(CLASS, b)));
    let exact = ["fids, in the program", "ST_Intersects, prepared, unix socket", "ours ≤ 8 µs"];
    bench.compare(
        format!("box query, {} hits of {}: numbers of the features that meet the box exactly", hits / boxes.len(), args.rows),
        exact,
        &boxes,
        &mut |b| ids(snapshot, b),
        &mut |b| drop(black_box(peer.box_ids(b).expect("answered before"))),
    );
    bench.compare(
        format!("the same while {} edits are not yet packed", live_edits(features)),
        exact,
        &boxes,
        &mut |b| ids(&edited, b),
        &mut |b| drop(black_box(peer.box_ids(b).expect("answered before"))),
    );
    bench.compare(
        "the same against what the GiST index alone proposes".to_owned(),
        ["fids, in the program", "&&, prepared, unix socket", "none"],
        &boxes,
        &mut |b| ids(snapshot, b),
        &mut |b| drop(black_box(peer.box_gist(b).expect("answered before"))),
    );
    bench.compare(
        "the same against an rstar tree in the same program, which only proposes".to_owned(),
        ["fids, in the program", "rstar, boxes only", "none"],
        &boxes,
        &mut |b| ids(snapshot, b),
        &mut |b| {
            let envelope = AABB::from_corners([b.west, b.south], [b.east, b.north]);
            let found: Vec<u32> = rectangles.locate_in_envelope_intersecting(&envelope).map(|entry| entry.data).collect();
            drop(black_box(found));
        },
    );
    Ok(boxes.len())
}

/// Pages made in this program.
fn compare_pages(bench: &mut Bench, args: &Args, snapshot: &Snapshot, features: &[Feature], peer: &mut Peer) -> Result<()> {
    let boxes = rows::boxes(snapshot, features, PAGE_HITS, PAGE_BOXES, args.seed + 2);
    for bounds in &boxes {
        same_page(&page_bytes(snapshot, bounds), &peer.page(bounds, PAGE_LIMIT)?).with_context(|| format!("{bounds:?}"))?;
    }
    bench.compare(
        format!("items page: {PAGE_LIMIT} of {PAGE_HITS} by box, exact count, as GeoJSON bytes"),
        ["page and encoder, in the program", "the bare SQL, prepared, unix socket", "≥ 8 ×"],
        &boxes,
        &mut |b| drop(black_box(page_bytes(snapshot, b))),
        &mut |b| drop(black_box(peer.page(b, PAGE_LIMIT).expect("answered before"))),
    );
    Ok(())
}

/// Pages as the real server gives them.
fn compare_served(bench: &mut Bench, args: &Args, program: &Path, features: &[Feature], peer: &mut Peer) -> Result<Value> {
    let dir = Path::new(&args.socket).join("city");
    let stored = served::make_city(&dir, features)?;
    let server = served::Server::start(program, &dir)?;
    let (stored_s, ready_s) = (stored.as_secs_f64(), server.ready.as_secs_f64());
    println!("our city: all rows stored in {stored_s:.0} s (durable, with history); ready {ready_s:.2} s after the server's start\n");

    let mut client = server.client()?;
    let lines: Vec<Feature> = features.iter().filter(|feature| served::is_line(feature)).cloned().collect();
    let boxes = rows::boxes(&rows::snapshot(lines.clone()), &lines, PAGE_HITS, PAGE_BOXES, args.seed + 4);
    for bounds in &boxes {
        same_page(&client.page(bounds, PAGE_LIMIT)?, &peer.line_page(bounds, PAGE_LIMIT)?).with_context(|| format!("{bounds:?}"))?;
    }
    bench.compare(
        format!("items page over HTTP: {PAGE_LIMIT} of {PAGE_HITS} by box, exact count, from the {} lines among the rows", lines.len()),
        ["citytwin serve, HTTP, one connection", "the bare SQL, prepared, unix socket", "≥ 8 ×"],
        &boxes,
        &mut |b| drop(black_box(client.page(b, PAGE_LIMIT).expect("answered before"))),
        &mut |b| drop(black_box(peer.line_page(b, PAGE_LIMIT).expect("answered before"))),
    );
    Ok(json!({"store_s": stored_s, "ready_s": ready_s}))
}

struct Bench {
    rounds: usize,
    figures: Vec<Value>,
}

impl Bench {
    /// Lets both sides answer all boxes turn by turn, and says how it went.
    fn compare(
        &mut self,
        what: String,
        [ours, peer, goal]: [&str; 3],
        boxes: &[Bounds],
        left: &mut dyn FnMut(&Bounds),
        right: &mut dyn FnMut(&Bounds),
    ) {
        let rounds = take_turns(self.rounds, boxes, left, right);
        let (ours, peer, goal) = (ours.to_owned(), peer.to_owned(), goal.to_owned());
        let comparison = Comparison { what, ours, peer, goal, queries: boxes.len(), rounds };
        println!("{}", comparison.lines());
        self.figures.push(comparison.json());
    }
}

/// Builds the snapshot; says what it took and what an edit takes.
fn build_ours(features: Vec<Feature>) -> (Snapshot, Vec<Feature>, Value) {
    let rows = features.len();
    let kept = features.clone();
    let before = heap::held();
    let start = Instant::now();
    let snapshot = rows::snapshot(features);
    let build_s = start.elapsed().as_secs_f64();
    // The list of features moved in: what is held more than before is the index and the counters of the shared features.
    let index_bytes = heap::held().saturating_sub(before);

    let edit = |live: &mut Snapshot, i: usize| {
        let changed = vec![kept[i * (rows / 1_000)].clone_as_edit()];
        let start = Instant::now();
        *live = live.apply(live.revision() + 1, changed, Vec::new());
        start.elapsed().as_secs_f64() * 1e6
    };
    let median_edit = |mut live: Snapshot| {
        let mut times: Vec<f64> = (0..200).map(|i| edit(&mut live, i)).collect();
        times.sort_by(f64::total_cmp);
        median(&times)
    };
    let every = |step: usize| -> Vec<Feature> { kept.iter().step_by(step.max(1)).map(AsEdit::clone_as_edit).collect() };
    let few_us = median_edit(snapshot.clone());
    // Just below the size at which the change is merged into the base; a changed row counts as one gone and one new.
    let pending = every(rows / 8_000.min(rows / 40).max(1));
    let pending_rows = pending.len();
    let rstar_us = rstar_edit(&pending);
    let many_us = median_edit(snapshot.apply(2, pending, Vec::new()));
    let repacked = every(rows / 40_000);
    let start = Instant::now();
    drop(black_box(snapshot.apply(2, repacked, Vec::new())));
    let repack_s = start.elapsed().as_secs_f64();
    println!(
        "our index: built in {build_s:.2} s, {:.0} B a row beyond the features themselves; one edit makes a new snapshot in {few_us:.0} µs, \
         with {pending_rows} edits pending in {many_us:.0} µs (copying an rstar tree of them: {rstar_us:.0} µs); repacking all rows takes {repack_s:.2} s",
        index_bytes as f64 / rows as f64,
    );
    let figures = json!({
        "build_s": build_s, "index_bytes": index_bytes, "bytes_per_row": index_bytes as f64 / rows as f64,
        "one_edit_us": few_us, "pending_edits": pending_rows, "one_edit_pending_us": many_us, "copy_rstar_us": rstar_us, "repack_s": repack_s,
    });
    (snapshot, kept, figures)
}

/// What the same step would cost with an rstar tree of the pending rows: one copy and one more row.
fn rstar_edit(pending: &[Feature]) -> f64 {
    let entry = |feature: &Feature| {
        let b = feature.geometry.as_ref().expect("all have one").bounds();
        GeomWithData::new(Rectangle::from_corners([b.west, b.south], [b.east, b.north]), Arc::new(feature.clone()))
    };
    let tree = RTree::bulk_load(pending.iter().map(entry).collect());
    let mut times: Vec<f64> = pending[..100]
        .iter()
        .map(|feature| {
            let more = entry(feature);
            let start = Instant::now();
            let mut next = tree.clone();
            next.insert(more);
            let us = start.elapsed().as_secs_f64() * 1e6;
            drop(black_box(next));
            us
        })
        .collect();
    times.sort_by(f64::total_cmp);
    median(&times)
}

trait AsEdit {
    fn clone_as_edit(&self) -> Feature;
}

impl AsEdit for Feature {
    fn clone_as_edit(&self) -> Feature {
        Feature { revision: self.revision + 1, ..self.clone() }
    }
}

fn rectangle(feature: &Feature) -> Option<GeomWithData<Rectangle<[f64; 2]>, u32>> {
    let b = feature.geometry.as_ref()?.bounds();
    Some(GeomWithData::new(Rectangle::from_corners([b.west, b.south], [b.east, b.north]), feature.id.fid))
}

/// As many as stay unpacked in a smaller city, too.
fn live_edits(features: &[Feature]) -> usize {
    LIVE_EDITS.min(features.len() / 40)
}

/// Thousands of features edited where they stand: the answers stay the same, the way to them is the longer one.
fn with_edits(snapshot: &Snapshot, features: &[Feature], seed: u64) -> Snapshot {
    let mut dice = Dice::seeded(seed);
    let changed = (0..live_edits(features)).map(|_| features[dice.below(features.len())].clone_as_edit()).collect();
    snapshot.apply(2, changed, Vec::new())
}

/// One warm-up round, then rounds in which both sides answer all boxes, one side after the other; who is first changes.
/// On its turn a side answers all boxes twice and the second pass is timed, so that it finds its own data in the caches.
fn take_turns(rounds: usize, boxes: &[Bounds], ours: &mut dyn FnMut(&Bounds), peer: &mut dyn FnMut(&Bounds)) -> Vec<Round> {
    let median_us = |side: &mut dyn FnMut(&Bounds)| {
        boxes.iter().for_each(&mut *side);
        let mut times: Vec<f64> = boxes
            .iter()
            .map(|bounds| {
                let start = Instant::now();
                side(bounds);
                start.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        median(&times)
    };
    let mut timed = |round: usize| {
        if round.is_multiple_of(2) {
            let ours_us = median_us(ours);
            Round { ours_us, peer_us: median_us(peer) }
        } else {
            let peer_us = median_us(peer);
            Round { ours_us: median_us(ours), peer_us }
        }
    };
    (0..=rounds).map(&mut timed).skip(1).collect()
}

/// The first page of a box as the server writes it.
fn page_bytes(snapshot: &Snapshot, bounds: &Bounds) -> Vec<u8> {
    let class = snapshot.class(CLASS).expect("the class of all rows");
    let page = snapshot.page(CLASS, Some(bounds), None, PAGE_LIMIT);
    let mut bytes = Vec::with_capacity(300 * page.features.len());
    write!(bytes, r#"{{"type":"FeatureCollection","numberMatched":{},"numberReturned":{},"features":["#, page.matched, page.features.len())
        .expect("writing to a Vec");
    for (i, feature) in page.features.iter().enumerate() {
        if i > 0 {
            bytes.push(b',');
        }
        geojson::write_feature(&mut bytes, &public_id(feature.id.fid), class, feature, &|_| None, b"");
    }
    bytes.extend_from_slice(b"]}");
    bytes
}

/// Whether two pages hold the same count and the same features, coordinates and attributes, in the same order.
fn same_page(ours: &[u8], theirs: &str) -> Result<()> {
    let (ours, theirs): (Value, Value) = (serde_json::from_slice(ours)?, serde_json::from_str(theirs)?);
    for member in ["numberMatched", "numberReturned", "features"] {
        ensure!(same(&ours[member], &theirs[member]), "{member} differs between the two sides");
    }
    ensure!(ours["numberReturned"] == PAGE_LIMIT, "the page is not full");
    Ok(())
}

/// Equal, where a number may be written with or without its `.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        (a, b) => a == b,
    }
}
