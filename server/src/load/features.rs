//! One file of features: read, fitted, written, summed up.

use super::city::City;
use super::fitting::{Desk, Fitter, Fitting, Heard, text_of};
use super::hash::Hashing;
use super::interrupt::Interrupted;
use super::patience::{Teller, patiently};
use super::plan::{Fits, Plan, plan};
use super::progress::{Progress, tell};
use super::refused::Refusals;
use super::{Task, words};
use crate::beyond::{Square, Tally};
use crate::cli::{Outcome, operator};
use anyhow::bail;
use citytwin_assets::Lang;
use citytwin_datasets::pipe::{CrsUse, CrsWay, Event, LayerHeader, Problem, RawFeature};
use citytwin_datasets::shape::Repair;
use citytwin_datasets::{Ahead, Fit, HelperError, Reason, Request, Skipped, Stream};
use citytwin_model::{Bounds, Class, ClassNo, Geometry, GeometryKind, Value};
use citytwin_store::{CONFIG_FILE, Counts, Load, LoadInfo, LoadSummary, Refusal, STORE_FILE, Store, StoreError, Unstored, Way};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The column that names the data set of a record that was refused once.
const SOURCE_COLUMN: &str = "ct_source";
/// The one that says why it was refused.
const REASON_COLUMN: &str = "ct_reason";

pub(super) fn load(task: &Task, city: &mut City) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    refuse_store(task)?;
    let extent = if city.wants_extent(task.path) && !task.args.dry_run { Some(extent(task, city)?) } else { None };
    let mut stream = open(task, task.request)?;
    let plan = plan(task, stream.hello(), city)?;
    let format = stream.hello().format.clone();
    tell(&task.say("load.reading", &[("file", &task.file()), ("format", &format), ("layers", &plan.layers.len())]));
    for layer in &plan.unmatched {
        let estranged = city.opened().and_then(|store| crate::classes::estranged(store, layer));
        tell(&match estranged {
            Some(error) => crate::trouble::of_the_store(task.lang, &error),
            None => task.say("load.layer_unmatched", &[("layer", layer)]),
        });
    }
    if plan.layers.is_empty() {
        bail!(task.say("load.nothing_fits", &[]));
    }
    let sha256 = (!task.args.dry_run).then(|| Hashing::begin(task.path));
    stream.want(plan.layers.iter().map(|(i, ..)| *i).collect()).map_err(|e| failed(task, e))?;
    let mut stream = Fitter::new(stream);
    let source = source_name(task, &plan);
    let (dir, was_there) = (city.dir().to_owned(), city.exists());
    if !task.args.dry_run {
        city.store(task.path, extent)?;
    }
    let city = &*city;
    let store = city.opened().filter(|_| !task.args.dry_run);
    let zone_minutes = city.zone_minutes();
    let refusals = Refusals::new(task.lang, &dir, &source, task.path, zone_minutes, store.is_some())?;
    if let Some(store) = store.filter(|_| !was_there) {
        let [lon, lat] = store.config().origin;
        let values: [(&str, &dyn std::fmt::Display); 4] =
            [("name", words::name(task.lang, &store.config().name)), ("folder", &dir.display()), ("lon", &lon), ("lat", &lat)];
        tell(&task.say("load.city_made", &values));
    }

    let mut session = Session {
        task,
        store,
        source,
        load: None,
        layer: None,
        crs: None,
        sha256,
        refusals,
        waiting: VecDeque::new(),
        number: 0,
        fitted: 0,
        repairs: BTreeMap::new(),
        beyond: Tally::default(),
        partial: false,
        met: BTreeSet::new(),
        ways: Vec::new(),
        keys: Keys::default(),
        broke_off: false,
        layers_failed: 0,
        progress: Progress::new(task.lang),
    };
    // What the 3D scene shows; a dry run without a city has none.
    let square = city.opened().map(|store| Arc::new(Square::of(store.config())));
    let targets: BTreeMap<&str, _> = plan.layers.iter().map(|(_, name, target)| (name.as_str(), target)).collect();
    loop {
        let heard = stream.next(|| !task.interrupt.asked());
        if task.interrupt.asked() {
            return Err(session.broken_off());
        }
        let Some(heard) = heard.map_err(|e| failed(task, e))? else { break };
        let event = match heard {
            Heard::Feature(fitting) => {
                session.feature(*fitting)?;
                continue;
            }
            Heard::Other(event) => event,
        };
        match event {
            Event::Layer(header) => {
                let Some(target) = targets.get(header.name.as_str()) else { bail!("{}: not asked for", header.name) };
                let fits = Arc::new(Fits::of(task, &header, target, store, zone_minutes)?);
                stream.begin_layer(Desk { fits: fits.clone(), checker: store.map(Store::checker), square: square.clone() });
                session.layer(header, fits);
            }
            Event::Problem(problem) => session.problem(problem)?,
            Event::LayerFail(it) => {
                session.layers_failed += 1;
                session.progress.line(&words::fail(task.lang, &it.layer, &it.fail));
            }
            Event::Note(note) => {
                let key = format!("load.note.{}", note.key);
                session.progress.line(&task.say(&key, &[("detail", &note.detail)]));
            }
            Event::LayerEnd(_) | Event::End(_) => {}
            Event::Hello(_) | Event::Feature(_) | Event::Grid(_) | Event::Rows(_) | Event::Fail(_) => {
                bail!("the helper said something out of place")
            }
        }
    }
    let all_failed = session.layers_failed == plan.layers.len();
    if all_failed {
        bail!(task.say("load.nothing_read", &[]));
    }
    let incomplete = session.layers_failed > 0 || !plan.unmatched.is_empty();
    let refused = session.finish(started)?;
    if !task.args.dry_run && city.take_script(task.path)? {
        tell(&task.say("load.script_taken", &[]));
    }
    Ok(if refused > 0 || incomplete { Outcome::DoneWithRefusals } else { Outcome::Done })
}

fn open(task: &Task, request: &Request) -> anyhow::Result<Stream> {
    let mut stream = task.helper.read(task.path, request).map_err(|e| failed(task, e))?;
    // A file that cannot be read has no layers either, and the reason comes next.
    if stream.hello().layers.is_empty() {
        stream.want(Vec::new()).map_err(|e| failed(task, e))?;
        while stream.next_event().map_err(|e| failed(task, e))?.is_some() {}
        bail!(task.say("load.nothing_read", &[]));
    }
    Ok(stream)
}

/// A city's own store is no data file: its references are numbers that mean nothing in another city. One that was renamed
/// is recognised by the helper.
fn refuse_store(task: &Task) -> anyhow::Result<()> {
    let Ok(path) = task.path.canonicalize() else { return Ok(()) };
    let is_store = path.file_name().is_some_and(|name| name == STORE_FILE) && path.with_file_name(CONFIG_FILE).is_file();
    if is_store {
        bail!(task.say("load.fail.city_store", &[("what", &task.path.display())]));
    }
    Ok(())
}

fn failed(task: &Task, error: HelperError) -> anyhow::Error {
    words::helper_error(task.lang, &task.file(), error)
}

/// Where the file's data lies: read once through, before a city is made for it.
fn extent(task: &Task, city: &City) -> anyhow::Result<Bounds> {
    let mut stream = open(task, &Request { exact_extent: true, heads_only: true, ..task.request.clone() })?;
    let plan = plan(task, stream.hello(), city)?;
    stream.want(plan.layers.iter().map(|(i, ..)| *i).collect()).map_err(|e| failed(task, e))?;
    let mut stream = Ahead::new(stream);
    let (mut extent, mut failed_layer) = (Bounds::EMPTY, None);
    loop {
        let event = stream.next_event(|| !task.interrupt.asked());
        if task.interrupt.asked() {
            return Err(Interrupted(task.say("load.interrupted_early", &[])).into());
        }
        let Some(event) = event.map_err(|e| failed(task, e))? else { break };
        match event {
            Event::Layer(header) => extent = header.bounds().map_or(extent, |b| extent.union(&b)),
            Event::LayerFail(it) => failed_layer = failed_layer.or(Some(words::fail(task.lang, &it.layer, &it.fail))),
            _ => {}
        }
    }
    // Why a layer could not be read says more than that nobody knows where the city lies.
    match failed_layer.filter(|_| extent.is_empty()) {
        Some(why) => bail!(why),
        None => Ok(extent),
    }
}

/// A write that failed. Where there was no room: what is in the city, and how to go on.
fn not_landed(task: &Task, error: StoreError, id: i64, counts: Counts) -> anyhow::Error {
    match error {
        StoreError::DiskFull => {
            let values: [(&str, &dyn std::fmt::Display); 4] =
                [("id", &id), ("added", &counts.added), ("changed", &counts.changed), ("city", &task.args.city.display())];
            anyhow::anyhow!(task.say("load.disk_full", &values))
        }
        other => other.into(),
    }
}

/// The file's name; with the layer's, where the operator sent that one layer somewhere, so that two layers of one file
/// loaded into one class are two data sets.
fn source_name(task: &Task, plan: &Plan) -> String {
    let stem = task.stem();
    match (&task.args.source, &plan.layers[..]) {
        (Some(name), _) => name.clone(),
        (None, [(_, layer, _)]) if plan.forced && *layer != stem => format!("{stem}/{layer}"),
        _ => stem,
    }
}

struct Layer {
    header: LayerHeader,
    fits: Arc<Fits>,
    /// Place of the column that names a refused record's data set.
    source_column: Option<usize>,
    /// And of the one that says why it was refused.
    reason_column: Option<usize>,
}

/// Keys met in a dry run: in a load it is the store that knows them. Eight bytes each, so that a large file fits.
#[derive(Default)]
struct Keys {
    met: HashSet<u64>,
    hash: RandomState,
}

impl Keys {
    fn is_new(&mut self, class: ClassNo, code: &str) -> bool {
        self.met.insert(self.hash.hash_one((class.0, code)))
    }
}

struct Session<'t, 's> {
    task: &'t Task<'t>,
    store: Option<&'s Store>,
    source: String,
    /// Begun with the first record.
    load: Option<Load<'s>>,
    layer: Option<Rc<Layer>>,
    /// As last said to the operator.
    crs: Option<CrsUse>,
    /// Of the file, until the load begins.
    sha256: Option<Hashing>,
    refusals: Refusals,
    /// Kept until the store has landed them, so that what it refuses can be shown whole.
    waiting: VecDeque<(u64, Rc<Layer>, RawFeature)>,
    /// Running number of records over all layers.
    number: u64,
    fitted: u64,
    repairs: BTreeMap<Repair, u64>,
    beyond: Tally,
    /// A file of corrected records: what it lacks is not gone.
    partial: bool,
    /// Classes that the file has a layer for.
    met: BTreeSet<ClassNo>,
    /// How their coordinates became degrees.
    ways: Vec<Way>,
    keys: Keys,
    broke_off: bool,
    layers_failed: usize,
    progress: Progress,
}

impl<'s> Session<'_, 's> {
    fn layer(&mut self, header: LayerHeader, fits: Arc<Fits>) {
        let task = self.task;
        for fit in &fits.0 {
            let class = fit.class();
            let values: [(&str, &dyn std::fmt::Display); 3] =
                [("layer", &header.name), ("class", &class.id), ("label", words::label(task.lang, &class.label))];
            self.progress.line(&task.say("load.layer", &values));
        }
        // Said once for layers that have it in common.
        if let Some(used) = header.crs.as_ref().filter(|used| self.crs.as_ref() != Some(used)) {
            self.progress.line(&words::crs(task.lang, used));
            self.crs = Some(used.clone());
        }
        let unknown: Vec<&str> = fits.0[0].unknown().collect();
        if !unknown.is_empty() {
            self.progress.line(&task.say("load.unknown_fields", &[("fields", &unknown.join(", "))]));
        }
        self.progress.layer(&header.name, header.features);
        let source_column = header.fields.iter().position(|f| f.name == SOURCE_COLUMN);
        let reason_column = header.fields.iter().position(|f| f.name == REASON_COLUMN).filter(|_| source_column.is_some());
        self.partial |= source_column.is_some();
        for fit in &fits.0 {
            self.met.insert(fit.class().no);
            self.ways.extend(header.crs.as_ref().map(|used| way(fit.class(), used, task.args.accept_shift)));
        }
        if let Some(load) = &mut self.load {
            tell_about(load, self.partial, &self.met, &self.ways);
        }
        self.layer = Some(Rc::new(Layer { header, fits, source_column, reason_column }));
    }

    fn feature(&mut self, Fitting { raw, kind, outcome }: Fitting) -> anyhow::Result<()> {
        self.progress.step();
        self.number += 1;
        let layer = self.layer.clone().expect("the pipe's order is checked");
        let fit = layer.fits.by_kind(kind);
        self.begin(&layer, &raw.values)?;
        let fitted = match outcome {
            Ok(fitted) => fitted,
            Err(skipped) => return self.refuse(&layer, fit, &skipped, raw.geometry.as_ref()),
        };
        if let Some(code) = &fitted.code
            && (self.is_second_still(&layer, &raw, code) || self.store.is_none() && !self.keys.is_new(fit.class().no, code))
        {
            let skipped = skipped(&layer, fit, &raw, Reason::KeyTwice(code.clone()));
            return self.refuse(&layer, fit, &skipped, raw.geometry.as_ref());
        }
        self.fitted += 1;
        if let Some(repair) = fitted.repair {
            *self.repairs.entry(repair).or_default() += 1;
        }
        if let Some(place) = fitted.beyond {
            self.beyond.note(place, || fitted.code.unwrap_or_else(|| format!("{} #{}", layer.header.name, raw.record)));
        }
        let (Some(load), Some(checked)) = (&mut self.load, fitted.checked) else { return Ok(()) };
        let added = checked.and_then(|checked| load.add_checked(self.number, checked));
        added.map_err(|e| not_landed(self.task, e, load.id(), load.counts()))?;
        self.waiting.push_back((self.number, layer, raw));
        self.take_refused()?;
        let first = self.load.as_ref().and_then(Load::waits).unwrap_or(u64::MAX);
        while self.waiting.front().is_some_and(|(number, ..)| *number < first) {
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// A record that was refused as the second of its key, and comes back as it went: it would take the place of the first.
    fn is_second_still(&self, layer: &Layer, raw: &RawFeature, code: &str) -> bool {
        let Some(Value::Text(remark)) = layer.reason_column.and_then(|i| raw.values.get(i)) else { return false };
        let refused = Reason::KeyTwice(code.to_owned());
        [Lang::Zh, Lang::En].into_iter().any(|lang| words::reason(lang, &refused) == *remark)
    }

    fn problem(&mut self, problem: Problem) -> anyhow::Result<()> {
        self.progress.step();
        self.number += 1;
        let layer = self.layer.clone().expect("the pipe's order is checked");
        let reason = Reason::from_helper(&problem.reason, problem.detail);
        self.broke_off |= matches!(reason, Reason::BrokeOff(_));
        let fit = &layer.fits.0[0];
        let skipped = Skipped {
            layer: layer.header.name.clone(),
            record: problem.record,
            source_id: fit.source_id(problem.source_id.as_deref(), &problem.values),
            reason,
            values: problem.values,
        };
        self.begin(&layer, &skipped.values)?;
        self.refuse(&layer, fit, &skipped, None)
    }

    /// A record that does not come to the store. It stands in the file all the same, so what it means is not gone.
    fn refuse(&mut self, layer: &Layer, fit: &Fit, skipped: &Skipped, geometry: Option<&Geometry>) -> anyhow::Result<()> {
        self.refusals.add(&layer.header, fit.class(), skipped, geometry)?;
        if let Some(load) = &mut self.load {
            load.count_refused();
            // A layer of several kinds is several collections; without its geometry nobody knows which was meant.
            for fit in layer.fits.0.iter().filter(|other| geometry.is_none() || other.class().no == fit.class().no) {
                spare(load, fit, skipped)?;
            }
        }
        Ok(())
    }

    /// Begins the load with its first record, which may say what data set it belongs to.
    fn begin(&mut self, layer: &Layer, values: &[Value]) -> anyhow::Result<()> {
        if self.load.is_none()
            && self.task.args.source.is_none()
            && let Some(Value::Text(source)) = layer.source_column.and_then(|i| values.get(i))
        {
            self.source = source.clone();
        }
        self.begin_at_all()
    }

    fn begin_at_all(&mut self) -> anyhow::Result<()> {
        let (None, Some(store)) = (&self.load, self.store) else { return Ok(()) };
        let (args, task) = (self.task.args, self.task);
        if self.partial && args.replace {
            bail!(task.say("load.partial_replace", &[]));
        }
        let crs = self.layer.as_ref().and_then(|l| l.header.crs.as_ref());
        let info = LoadInfo {
            source: self.source.clone(),
            credit: args.credit.clone(),
            licence: args.licence.clone(),
            crs: crs.map(|used| used.source.clone()),
            file: task.file(),
            sha256: self.sha256.take().map(Hashing::end).transpose()?,
            author: operator("load"),
            replace: args.replace,
        };
        let mut load = patiently(task.lang, store.dir(), || store.begin_load(info.clone()))?;
        let (mut teller, interrupt) = (Teller::new(task.lang, store.dir()), task.interrupt.clone());
        load.own_process();
        load.on_wait(move |waited| {
            teller.waited(waited);
            !interrupt.asked()
        });
        tell_about(&mut load, self.partial, &self.met, &self.ways);
        self.load = Some(load);
        Ok(())
    }

    /// Records that the store refused, shown as they came.
    fn take_refused(&mut self) -> anyhow::Result<()> {
        let Some(load) = &mut self.load else { return Ok(()) };
        for refused in load.take_refused() {
            let reason = match refused.refusal {
                Refusal::KeyTwice { key } => Reason::KeyTwice(key),
                other => Reason::Other(other.to_string()),
            };
            let Ok(at) = self.waiting.binary_search_by_key(&refused.number, |(number, ..)| *number) else {
                bail!("the store refused a record that was not waiting");
            };
            let (_, layer, raw) = &self.waiting[at];
            let fit = layer.fits.by_kind(raw.geometry.as_ref().map_or(GeometryKind::None, |g| g.kind()));
            let skipped = skipped(layer, fit, raw, reason);
            if !matches!(skipped.reason, Reason::KeyTwice(_)) {
                spare(load, fit, &skipped)?;
            }
            self.refusals.add(&layer.header, fit.class(), &skipped, raw.geometry.as_ref())?;
        }
        Ok(())
    }

    /// What the operator is told who broke the load off: what is in the city, and how to go on.
    fn broken_off(self) -> anyhow::Error {
        let task = self.task;
        drop(self.progress);
        self.refusals.discard();
        let text = match &self.load {
            None => task.say("load.interrupted_early", &[]),
            Some(load) => {
                let counts = load.counts();
                let values: [(&str, &dyn std::fmt::Display); 4] =
                    [("id", &load.id()), ("added", &counts.added), ("changed", &counts.changed), ("city", &task.args.city.display())];
                task.say("load.interrupted", &values)
            }
        };
        Interrupted(text).into()
    }

    /// Lands the rest and sums up; the number of refused records.
    fn finish(mut self, started: Instant) -> anyhow::Result<u64> {
        let task = self.task;
        if self.broke_off && task.args.replace {
            bail!(task.say("load.broke_off_replace", &[]));
        }
        self.begin_at_all()?;
        while let Some(load) = self.load.as_mut().filter(|load| !load.is_landed()) {
            if task.interrupt.asked() {
                return Err(self.broken_off());
            }
            load.land().map_err(|e| not_landed(task, e, load.id(), load.counts()))?;
            self.take_refused()?;
        }
        // A lock that lasts is waited for inside.
        let finish = |load: Load| {
            let (id, counts) = (load.id(), load.counts());
            load.finish().map_err(|e| not_landed(task, e, id, counts))
        };
        let summary: Option<LoadSummary> = self.load.take().map(finish).transpose()?;
        let (refused, refused_by_class) = (self.refusals.total, std::mem::take(&mut self.refusals.by_class));
        drop(self.progress);
        for line in self.refusals.finish()? {
            tell(&line);
        }
        for (repair, count) in &self.repairs {
            tell(&task.say(&format!("load.repaired.{}", repair.key()), &[("count", count)]));
        }
        if let Some((first, place)) = &self.beyond.first {
            let values: [(&str, &dyn std::fmt::Display); 4] =
                [("count", &self.beyond.count), ("feature", first), ("lon", &place.lon), ("lat", &place.lat)];
            tell(&task.say("load.beyond", &values));
        }
        let seconds = format!("{:.1}", started.elapsed().as_secs_f64());
        match summary {
            None => tell(&task.say("load.dry_run", &[("good", &self.fitted), ("refused", &refused), ("seconds", &seconds)])),
            Some(LoadSummary { id, counts, by_class, revisions, undeleted, .. }) => {
                if !undeleted.is_empty() {
                    let classes = self.store.map(Store::classes).unwrap_or_default();
                    let names: Vec<&str> = classes.iter().filter(|c| undeleted.contains(&c.no)).map(|c| c.id.as_str()).collect();
                    tell(&task.say("load.undeleted", &[("classes", &names.join(", "))]));
                }
                by_layer(task, self.store, &by_class, &refused_by_class);
                if counts.unlinked > 0 {
                    tell(&task.say("load.unlinked", &[("count", &counts.unlinked)]));
                }
                let revisions = revisions.map_or_else(|| "–".to_owned(), |(first, last)| format!("{first}–{last}"));
                let values: [(&str, &dyn std::fmt::Display); 10] = [
                    ("file", &task.file()),
                    ("id", &id),
                    ("added", &counts.added),
                    ("changed", &counts.changed),
                    ("unchanged", &counts.unchanged),
                    ("gone", &counts.gone),
                    ("deleted", &counts.deleted),
                    ("refused", &refused),
                    ("revisions", &revisions),
                    ("seconds", &seconds),
                ];
                tell(&task.say("load.summary", &values));
            }
        }
        Ok(refused)
    }
}

/// What the file says beside its records.
fn tell_about(load: &mut Load, partial: bool, met: &BTreeSet<ClassNo>, ways: &[Way]) {
    if partial {
        load.holds_some();
    }
    met.iter().for_each(|class| load.meets(*class));
    ways.iter().for_each(|way| load.came_by(way.clone()));
}

fn way(class: &Class, used: &CrsUse, accepted_m: Option<f64>) -> Way {
    let way = Way {
        class: class.no.0,
        name: used.source.clone(),
        crs: used.wkt.clone().unwrap_or_else(|| used.source.clone()),
        ..Way::default()
    };
    match &used.way {
        CrsWay::Same | CrsWay::Unprojected { .. } => way,
        CrsWay::Transformed { operation, accuracy_m } => {
            Way { operation: Some(operation.clone()), accuracy_m: *accuracy_m, accepted_m, ..way }
        }
    }
}

fn skipped(layer: &Layer, fit: &Fit, raw: &RawFeature, reason: Reason) -> Skipped {
    Skipped {
        layer: layer.header.name.clone(),
        record: raw.record,
        source_id: fit.source_id(raw.source_id.as_deref(), &raw.values),
        reason,
        values: raw.values.clone(),
    }
}

/// Tells the store whose record was refused, as far as the record itself says so.
fn spare(load: &mut Load, fit: &Fit, skipped: &Skipped) -> anyhow::Result<()> {
    // Letters may be lost, and of a record that was too large nothing is left.
    let lost =
        matches!(skipped.reason, Reason::Encoding | Reason::TooLarge | Reason::TooLongNumber(_) | Reason::BrokeOff(_) | Reason::Other(_));
    let code = fit.class().attribute_index("code").and_then(|i| fit.value_of(i, &skipped.values).ok()).and_then(|code| text_of(&code));
    let record =
        Unstored { code: code.filter(|code| !lost || !code.contains('\u{fffd}')), source_id: skipped.source_id.clone(), doubtful: lost };
    Ok(load.spare(fit.class().no, record)?)
}

/// The counts of each class, where the file has several.
fn by_layer(task: &Task, store: Option<&Store>, counts: &BTreeMap<ClassNo, Counts>, refused: &BTreeMap<ClassNo, u64>) {
    let classes = store.map(Store::classes).unwrap_or_default();
    let met: Vec<_> = classes.iter().filter(|class| counts.contains_key(&class.no) || refused.contains_key(&class.no)).collect();
    if met.len() < 2 {
        return;
    }
    for class in met {
        let n = counts.get(&class.no).copied().unwrap_or_default();
        let values: [(&str, &dyn std::fmt::Display); 7] = [
            ("class", &class.id),
            ("added", &n.added),
            ("changed", &n.changed),
            ("unchanged", &n.unchanged),
            ("gone", &n.gone),
            ("deleted", &n.deleted),
            ("refused", &refused.get(&class.no).copied().unwrap_or(0)),
        ];
        tell(&task.say("load.summary_class", &values));
    }
}
